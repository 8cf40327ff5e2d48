/* SPDX-License-Identifier: MIT */
/*
 * arch.h: everything that depends on the processor.
 */
#ifndef SOCKLEAK_AGENT_ARCH_H
#define SOCKLEAK_AGENT_ARCH_H

/*
 * ARCH_SYSCALL_ENTRY: defines the hidden function NAME, with EXPORTED as its second symbol, in the shape of syscall(2): jumps to WANTED when the
 * number is below SIZE and TABLE (bytes) has a non-zero entry for it, else to where the pointer ORIGINAL leads. The arguments, in
 * registers and on the stack, are as the caller left them; only scratch registers are used. The symbols belong to this library and are hidden.
 *
 * ARCH_VFORK_ENTRY: defines the hidden function NAME, exported as EXPORTED and ALSO, in the shape of vfork(2). While the child runs, the int at the beginning
 * of the calling thread's variable COUNT (initial-exec TLS, which the child shares) is one higher. FAILED(errno) is jumped to on failure.
 * The child returns first, over the same stack: so nothing may lie there, and the way back is kept in a register.
 *
 * ARCH_CALL_ON_STACK: defines the hidden function void NAME(void *top, void (*call)(void *), void *arg), which runs CALL on the stack that ends at TOP (16-aligned).
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return ret;
}
static inline void arch_relax(void) { __asm__ volatile("pause" ::: "memory"); }

/* --- stacks: registers by their DWARF numbers, which are libunwind's too --- */
#define ARCH_REGS 17
#define ARCH_FP 6
#define ARCH_SP 7
#define ARCH_PC 16
#define ARCH_UNWIND_NAME "x86_64" /* in the names of libunwind's library and functions */
/* At the signal trampoline sp points to the ucontext; these registers of the interrupted code lie there. */
#define ARCH_UC_FP 120
#define ARCH_UC_SP 160
#define ARCH_UC_PC 168

struct arch_frame {
    uintptr_t pc, sp, fp;
};

/* The caller of the function that this is inlined into, which thereby gets a frame pointer. */
static inline __attribute__((always_inline)) void arch_caller(struct arch_frame *f)
{
    const uintptr_t *fp = __builtin_frame_address(0);
    f->fp = fp[0];
    f->pc = fp[1];
    f->sp = (uintptr_t)(fp + 2);
}

/* All registers as they are at one instruction of the function that this is inlined into; those that calls may change are 0. */
static inline __attribute__((always_inline)) void arch_registers(uintptr_t r[ARCH_REGS])
{
    for (int i = 0; i < ARCH_REGS; i++)
        r[i] = 0;
    __asm__ volatile("movq %%rbx, 24(%0)\n\tmovq %%rbp, 48(%0)\n\tmovq %%rsp, 56(%0)\n\tmovq %%r12, 96(%0)\n\tmovq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\tmovq %%r15, 120(%0)\n\tleaq 0f(%%rip), %%rax\n0:\tmovq %%rax, 128(%0)"
                     :
                     : "r"(r)
                     : "rax", "memory");
}

/* Calls F(ARG) on the stack that ends at TOP (a multiple of 16). */
static inline void arch_on_stack(void *top, void (*f)(void *), void *arg)
{
    __asm__ volatile("movq %%rsp, %%rbx\n\tmovq %1, %%rsp\n\tcall *%2\n\tmovq %%rbx, %%rsp"
                     : "+D"(arg)
                     : "r"(top), "r"(f)
                     : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                       "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

/* The end of a thread's own stack: its control block, which the C library puts there. */
static inline uintptr_t arch_thread_pointer(void)
{
    uintptr_t p;
    __asm__("movq %%fs:0, %0" : "=r"(p));
    return p;
}

/* The signal trampoline's instructions: mov $15, %rax; syscall. */
static inline bool arch_is_sigreturn(const unsigned char *pc) { return !memcmp(pc, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9); }

/* The 7 bytes before PC end in a call instruction: relative, or through a register or memory. */
static inline bool arch_after_call(const unsigned char *pc)
{
    if (pc[-5] == 0xe8)
        return true;
    for (int n = 2; n <= 7; n++)
        if (n != 5 && pc[-n] == 0xff && (pc[-n + 1] & 0x38) == 0x10)
            return true;
    return false;
}

/* PC is in a linkage stub for which a linker wrote no unwind rules: the distance from sp to the CFA there. 0: no stub. */
static inline unsigned arch_stub(const unsigned char *pc)
{
    const unsigned char *p = pc;

    if (!memcmp(p, "\xf3\x0f\x1e\xfa", 4))
        p += 4;
    if (*p == 0xf2)
        p++;
    if (p[0] == 0xff && p[1] == 0x25) /* jmp *slot; in the first stub of all after push link_map */
        return pc[-6] == 0xff && pc[-5] == 0x35 ? 24 : 8;
    if (p[0] == 0x68 && (p[5] == 0xe9 || (p[5] == 0xf2 && p[6] == 0xe9))) /* push index; jmp first stub */
        return 8;
    if (p[0] == 0xe9 && pc[-5] == 0x68)
        return 16;
    return p[0] == 0xff && p[1] == 0x35 ? 16 : 0;
}
#define ARCH_SYSCALL_ENTRY(name, exported, table, size, wanted, original)                                   \
    __asm__(".text\n.p2align 4\n"                                                                           \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n" \
            "cmp $" #size ", %rdi\njae 1f\n"                                                                \
            "lea " #table "(%rip), %rax\ncmpb $0, (%rax, %rdi)\njne " #wanted "\n"                          \
            "1: jmp *" #original "(%rip)\n"                                                                 \
            ".cfi_endproc\n.size " #name ", .-" #name "\n"                                                  \
            ".globl " #exported "\n.set " #exported ", " #name "\n")
#define ARCH_VFORK_ENTRY(name, exported, also, count, failed)                                                                \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name                     \
            ":\n.cfi_startproc\npop %rdi\n.cfi_adjust_cfa_offset -8\n.cfi_register %rip, %rdi\n"                             \
            "mov " #count "@gottpoff(%rip), %rdx\nincl %fs:(%rdx)\n"                                                         \
            "mov $58, %eax\nsyscall\n"                                                                                       \
            "push %rdi\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rip, -8\n"                                                    \
            "test %eax, %eax\nje 1f\ndecl %fs:(%rdx)\ncmp $-4096, %eax\njbe 1f\nmov %eax, %edi\nneg %edi\njmp " #failed "\n" \
            "1: ret\n.cfi_endproc\n.size " #name ", .-" #name "\n"                                                           \
            ".globl " #exported "\n.set " #exported ", " #name "\n.globl " #also "\n.set " #also ", " #name "\n")
#define ARCH_CALL_ON_STACK(name)                                                                         \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name \
            ":\n.cfi_startproc\npush %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\n"              \
            "mov %rsp, %rbp\n.cfi_def_cfa_register %rbp\n"                                               \
            "mov %rdi, %rsp\nmov %rdx, %rdi\ncall *%rsi\n"                                               \
            "leave\n.cfi_def_cfa %rsp, 8\nret\n.cfi_endproc\n.size " #name ", .-" #name "\n")
#elif defined(__aarch64__)
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
static inline void arch_relax(void) { __asm__ volatile("yield" ::: "memory"); }

/* --- stacks: registers by their DWARF numbers, which are libunwind's too --- */
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
/* mov x8, #139; svc #0 */
static inline bool arch_is_sigreturn(const unsigned char *pc) { return !memcmp(pc, "\x68\x11\x80\xd2\x01\x00\x00\xd4", 8); }
#define ARCH_SYSCALL_ENTRY(name, exported, table, size, wanted, original)                                             \
    __asm__(".text\n.p2align 4\n"                                                                                     \
            ".globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n"           \
            "cmp x0, #" #size "\nb.hs 1f\n"                                                                           \
            "adrp x16, " #table "\nadd x16, x16, :lo12:" #table "\nldrb w16, [x16, x0]\ncbz w16, 1f\nb " #wanted "\n" \
            "1: adrp x16, " #original "\nldr x16, [x16, :lo12:" #original "]\nbr x16\n"                               \
            ".cfi_endproc\n.size " #name ", .-" #name "\n"                                                            \
            ".globl " #exported "\n.set " #exported ", " #name "\n")
#define ARCH_VFORK_ENTRY(name, exported, also, count, failed)                                                                  \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name ":\n.cfi_startproc\n" \
            "mrs x9, tpidr_el0\nadrp x10, :gottprel:" #count "\nldr x10, [x10, :gottprel_lo12:" #count "]\nadd x9, x9, x10\n"  \
            "ldr w11, [x9]\nadd w11, w11, #1\nstr w11, [x9]\n"                                                                 \
            "mov x0, #0x4111\nmov x1, xzr\nmov x8, #220\nsvc 0\n" /* clone(CLONE_VM | CLONE_VFORK | SIGCHLD) */                \
            "cbz x0, 1f\nldr w11, [x9]\nsub w11, w11, #1\nstr w11, [x9]\ncmn x0, #4095\nb.cc 1f\nneg w0, w0\nb " #failed "\n"  \
            "1: ret\n.cfi_endproc\n.size " #name ", .-" #name "\n"                                                             \
            ".globl " #exported "\n.set " #exported ", " #name "\n.globl " #also "\n.set " #also ", " #name "\n")
#define ARCH_CALL_ON_STACK(name)                                                                                                \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", %function\n" #name                        \
            ":\n.cfi_startproc\nstp x29, x30, [sp, #-16]!\n.cfi_def_cfa_offset 16\n.cfi_offset x29, -16\n.cfi_offset x30, -8\n" \
            "mov x29, sp\n.cfi_def_cfa_register x29\n"                                                                          \
            "mov sp, x0\nmov x0, x2\nblr x1\n"                                                                                  \
            "mov sp, x29\n.cfi_def_cfa_register sp\nldp x29, x30, [sp], #16\nret\n.cfi_endproc\n.size " #name ", .-" #name "\n")
#else
#error "sockleak: no arch.h section for this processor"
#endif

#endif
