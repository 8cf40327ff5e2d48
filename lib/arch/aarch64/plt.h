/* SPDX-License-Identifier: MIT */
/*
 * plt.h: relocation types and the hook entry of AArch64.
 *
 * Included by ../plt.h alone.
 */
#ifndef SOCKLEAK_ARCH_AARCH64_PLT_H
#define SOCKLEAK_ARCH_AARCH64_PLT_H

#define ARCH_R_CALL 1026 /* R_AARCH64_JUMP_SLOT */
#define ARCH_R_GOT 1025  /* R_AARCH64_GLOB_DAT */
#define ARCH_R_DATA 257  /* R_AARCH64_ABS64 */
#define ARCH_HOOK_ENTRY(name, hook, original)                                                               \
    __asm__(".text\n.p2align 4\n"                                                                           \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n" \
            "stp x29, x30, [sp, #-48]!\n.cfi_def_cfa_offset 48\n.cfi_offset 29, -48\n.cfi_offset 30, -40\n" \
            "stp x0, x1, [sp, #16]\nstp x2, x3, [sp, #32]\n"                                                \
            "bl " #hook "\n"                                                                                \
            "ldp x0, x1, [sp, #16]\nldp x2, x3, [sp, #32]\n"                                                \
            "ldp x29, x30, [sp], #48\n.cfi_restore 29\n.cfi_restore 30\n.cfi_def_cfa_offset 0\n"            \
            "adrp x16, " #original "\nldr x16, [x16, :lo12:" #original "]\nbr x16\n"                        \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")

#endif
