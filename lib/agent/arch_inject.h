/* SPDX-License-Identifier: MIT */
/*
 * arch_inject.h: what redirecting calls needs to know of the processor: the numbers of relocations, and a function that looks in on a call
 * and is gone.
 */
#ifndef SOCKLEAK_AGENT_ARCH_INJECT_H
#define SOCKLEAK_AGENT_ARCH_INJECT_H

/*
 * ARCH_LOOK_IN: defines the hidden function NAME: calls the C function HOOK (no arguments), then jumps to where the pointer ORIGINAL leads,
 * with the arguments, the stack and the return address as the caller left them. So a function that asks who called it (dlsym) gets the
 * right answer.
 */
#if defined(__x86_64__)
#define ARCH_R_CALL 7 /* R_X86_64_JUMP_SLOT */
#define ARCH_R_GOT 6  /* R_X86_64_GLOB_DAT */
#define ARCH_R_DATA 1 /* R_X86_64_64 */
#define ARCH_LOOK_IN(name, hook, original)                                                                           \
    __asm__(".text\n.p2align 4\n"                                                                                    \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n"          \
            "push %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\npush %rax\n.cfi_adjust_cfa_offset 56\n" \
            "call " #hook "\n"                                                                                       \
            "pop %rax\npop %r9\npop %r8\npop %rcx\npop %rdx\npop %rsi\npop %rdi\n.cfi_adjust_cfa_offset -56\n"       \
            "jmp *" #original "(%rip)\n"                                                                             \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")
#elif defined(__aarch64__)
#define ARCH_R_CALL 1026 /* R_AARCH64_JUMP_SLOT */
#define ARCH_R_GOT 1025  /* R_AARCH64_GLOB_DAT */
#define ARCH_R_DATA 257  /* R_AARCH64_ABS64 */
#define ARCH_LOOK_IN(name, hook, original)                                                                  \
    __asm__(".text\n.p2align 4\n"                                                                           \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n" \
            "stp x29, x30, [sp, #-48]!\n.cfi_def_cfa_offset 48\n.cfi_offset 29, -48\n.cfi_offset 30, -40\n" \
            "stp x0, x1, [sp, #16]\nstp x2, x3, [sp, #32]\n"                                                \
            "bl " #hook "\n"                                                                                \
            "ldp x0, x1, [sp, #16]\nldp x2, x3, [sp, #32]\n"                                                \
            "ldp x29, x30, [sp], #48\n.cfi_restore 29\n.cfi_restore 30\n.cfi_def_cfa_offset 0\n"            \
            "adrp x16, " #original "\nldr x16, [x16, :lo12:" #original "]\nbr x16\n"                        \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")
#else
#error "sockleak: no arch_inject.h section for this processor"
#endif

#endif
