/* SPDX-License-Identifier: MIT */
/* hard_unwinder.h: a frame whose rule is an expression that only libunwind works out: whoever is called through it has a stack that needs the second tier. */
#ifndef HARD_UNWINDER_H
#define HARD_UNWINDER_H

/* odd_call(F): returns F(). Its CFA is rsp * 1 + 16. Elsewhere than on x86-64 an ordinary call. */
int odd_call(int (*f)(void));
#ifdef __x86_64__
__asm__(".text\n.globl odd_call\n.type odd_call, @function\nodd_call:\n\t.cfi_startproc\n\tsub $8, %rsp\n\t"
        ".cfi_escape 0x0f, 6, 0x77, 0, 0x31, 0x1e, 0x23, 16\n\t"
        "call *%rdi\n\tadd $8, %rsp\n\t.cfi_def_cfa %rsp, 8\n\tret\n\t.cfi_endproc\n\t.size odd_call, .-odd_call\n");
#else
int odd_call(int (*f)(void)) { return f(); }
#endif

#endif
