/* SPDX-License-Identifier: MIT */
/*
 * plt.h: relocation types and the hook entry of x86-64.
 *
 * Included by ../plt.h alone.
 */
#ifndef SOCKLEAK_ARCH_X86_64_PLT_H
#define SOCKLEAK_ARCH_X86_64_PLT_H

#define ARCH_R_CALL 7 /* R_X86_64_JUMP_SLOT */
#define ARCH_R_GOT 6  /* R_X86_64_GLOB_DAT */
#define ARCH_R_DATA 1 /* R_X86_64_64 */
#define ARCH_HOOK_ENTRY(name, hook, original)                                                                        \
    __asm__(".text\n.p2align 4\n"                                                                                    \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"          \
            "push %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\npush %rax\n.cfi_adjust_cfa_offset 56\n" \
            "call " #hook "\n"                                                                                       \
            "pop %rax\npop %r9\npop %r8\npop %rcx\npop %rdx\npop %rsi\npop %rdi\n.cfi_adjust_cfa_offset -56\n"       \
            "jmp *" #original "(%rip)\n"                                                                             \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")

#endif
