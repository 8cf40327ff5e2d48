/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: registers, system calls, entries and code patterns of AArch64.
 *
 * Included by ../cpu.h alone, which explains the ARCH_*_ENTRY macros; the functions are explained
 * in ../x86_64/cpu.h.
 */
#ifndef SOCKLEAK_ARCH_AARCH64_CPU_H
#define SOCKLEAK_ARCH_AARCH64_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
}
#define ARCH_VDSO_CLOCK "__kernel_clock_gettime" /* vdso(7) */
static inline void arch_relax(void) { __asm__ volatile("yield" ::: "memory"); }

/* Stacks: registers by their DWARF numbers, which libunwind uses too. */
#define ARCH_REGS 33
#define ARCH_FP 29
#define ARCH_SP 31
#define ARCH_PC 32
#define ARCH_UNWIND_NAME "aarch64"

struct arch_frame {
    uintptr_t pc, sp, fp;
};

static inline __attribute__((always_inline)) void arch_caller(struct arch_frame *f)
{
    const uintptr_t *fp = __builtin_frame_address(0);
    f->fp = fp[0];
    f->pc = fp[1];
    f->sp = (uintptr_t)(fp + 2);
}
static inline __attribute__((always_inline)) void arch_registers(uintptr_t r[ARCH_REGS])
{
    for (int i = 0; i < ARCH_REGS; i++)
        r[i] = 0;
    __asm__ volatile("stp x19, x20, [%0, #152]\n\tstp x21, x22, [%0, #168]\n\tstp x23, x24, [%0, #184]\n\tstp x25, x26, [%0, #200]\n\t"
                     "stp x27, x28, [%0, #216]\n\tstp x29, x30, [%0, #232]\n\tmov x1, sp\n\tadr x2, 0f\n0:\tstp x1, x2, [%0, #248]"
                     :
                     : "r"(r)
                     : "x1", "x2", "memory");
}
static inline void arch_on_stack(void *top, void (*f)(void *), void *arg)
{
    register void *x0 __asm__("x0") = arg;
    __asm__ volatile("mov x19, sp\n\tmov sp, %1\n\tblr %2\n\tmov sp, x19"
                     : "+r"(x0)
                     : "r"(top), "r"(f)
                     : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18",
                       "x19", "x30", "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
                       "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",
                       "v30", "v31");
}
static inline uintptr_t arch_thread_pointer(void) { return (uintptr_t)__builtin_thread_pointer(); }
/* 65,536 bits. */
struct arch_bits {
    uint64_t words[1024];
};
/* Bit I, below 65,536, of those at BITS. */
static inline bool arch_bit_of(const struct arch_bits *bits, uint32_t i)
{
    return __atomic_load_n(&bits->words[i / 64], __ATOMIC_RELAXED) >> i % 64 & 1;
}

/* The signal trampoline's instructions: mov x8, #139; svc #0. */
static inline bool arch_is_sigreturn(const unsigned char *pc) { return !memcmp(pc, "\x68\x11\x80\xd2\x01\x00\x00\xd4", 8); }

/*
 * The 16 bytes of CODE at PC, to which a call returns, hand its result (x0) to the function TO: bl,
 * behind a sign extension or not.
 */
static inline bool arch_passes_result(const unsigned char *code, uint64_t pc, uint64_t *to)
{
    uint32_t word[2];
    memcpy(word, code, sizeof word);
    unsigned n = word[0] == 0x93407c00; /* sxtw x0, w0 */
    if ((word[n] & 0xfc000000) != 0x94000000)
        return false;
    *to = pc + n * 4 + (uint64_t)((int64_t)((uint64_t)word[n] << 38) >> 36);
    return true;
}

/* The ARCH_JUMP_BYTES at CODE, whose address is PC, are a jump to TO. */
#define ARCH_JUMP_BYTES 4
#define ARCH_JUMP_STEP 4
static inline bool arch_jump(const unsigned char *code, uint64_t pc, uint64_t *to)
{
    uint32_t word;
    memcpy(&word, code, sizeof word);
    if ((word & 0xfc000000) != 0x14000000) /* b */
        return false;
    *to = pc + (uint64_t)((int64_t)((uint64_t)word << 38) >> 36);
    return true;
}
#define ARCH_SYSCALL_ENTRY(name, exported, table, size, wanted, original)                                             \
    __asm__(".text\n.p2align 4\n"                                                                                     \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n"           \
            "cmp x0, #" #size "\nb.hs 1f\n"                                                                           \
            "adrp x16, " #table "\nadd x16, x16, :lo12:" #table "\nldrb w16, [x16, x0]\ncbz w16, 1f\nb " #wanted "\n" \
            "1: adrp x16, " #original "\nldr x16, [x16, :lo12:" #original "]\nbr x16\n"                               \
            ".cfi_endproc\n.size " #name ", .-" #name "\n"                                                            \
            ".globl " #exported "\n.set " #exported ", " #name "\n")
/* AArch64 has no vfork: number 220 with 0x4111 is clone(CLONE_VM | CLONE_VFORK | SIGCHLD). */
/* Thread-local variable COUNT's offset from the thread pointer, into x10. */
#define ARCH_OFFSET_STATIC(count) "adrp x10, :gottprel:" #count "\nldr x10, [x10, :gottprel_lo12:" #count "]\n"
#define ARCH_OFFSET_DYNAMIC(count)                                                                                         \
    "mov x9, x30\nadrp x0, :tlsdesc:" #count "\nldr x1, [x0, :tlsdesc_lo12:" #count "]\nadd x0, x0, :tlsdesc_lo12:" #count \
    "\n.tlsdesccall " #count "\nblr x1\nmov x30, x9\nmov x10, x0\n"
#define ARCH_VFORK_ENTRY(name, exported, also, count, offset, failed)                                                                  \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n" offset( \
        count) "mrs x9, tpidr_el0\nadd x9, x9, x10\n"                                                                                  \
               "ldr w11, [x9]\nadd w11, w11, #1\nstr w11, [x9]\n"                                                                      \
               "mov x0, #0x4111\nmov x1, xzr\nmov x8, #220\nsvc 0\n"                                                                   \
               "cbz x0, 1f\nldr w11, [x9]\nsub w11, w11, #1\nstr w11, [x9]\ncmn x0, #4095\nb.cc 1f\nneg w0, w0\nb " #failed "\n"       \
               "1: ret\n.cfi_endproc\n.size " #name ", .-" #name "\n"                                                                  \
               ".globl " #exported "\n.set " #exported ", " #name "\n.globl " #also "\n.set " #also ", " #name "\n")
#define ARCH_CALL_ON_STACK(name)                                                                                                \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name                        \
            ":\n.cfi_startproc\nstp x29, x30, [sp, #-16]!\n.cfi_def_cfa_offset 16\n.cfi_offset x29, -16\n.cfi_offset x30, -8\n" \
            "mov x29, sp\n.cfi_def_cfa_register x29\n"                                                                          \
            "mov sp, x0\nmov x0, x2\nblr x1\n"                                                                                  \
            "mov sp, x29\n.cfi_def_cfa_register sp\nldp x29, x30, [sp], #16\nret\n.cfi_endproc\n.size " #name ", .-" #name "\n")
#define ARCH_CLONE(name)                                                                                 \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name \
            ":\n.cfi_startproc\nstp x2, x3, [x1, #-16]!\n"                                               \
            "mov x2, xzr\nmov x3, xzr\nmov x4, xzr\nmov x8, #220\nsvc 0\ncbz x0, 1f\nret\n"              \
            "1: .cfi_undefined x30\nmov x29, xzr\nldp x1, x0, [sp], #16\nblr x1\n"                       \
            "mov x8, #93\nsvc 0\nbrk #0\n.cfi_endproc\n.size " #name ", .-" #name "\n")

#define ARCH_HAS_RAW_THREAD 0

#endif
