/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: registers, system calls, entries and code patterns of x86-64.
 *
 * Included by ../cpu.h alone, which explains the ARCH_*_ENTRY macros.
 */
#ifndef SOCKLEAK_ARCH_X86_64_CPU_H
#define SOCKLEAK_ARCH_X86_64_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline long arch_syscall(long n, long a, long b, long c, long d, long e, long f)
{
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return ret;
}
#define ARCH_VDSO_CLOCK "__vdso_clock_gettime" /* vdso(7) */
static inline void arch_relax(void) { __asm__ volatile("pause" ::: "memory"); }

/* Stacks: registers by their DWARF numbers, which libunwind uses too. */
#define ARCH_REGS 17
#define ARCH_FP 6
#define ARCH_SP 7
#define ARCH_PC 16
#define ARCH_UNWIND_NAME "x86_64" /* part of the names of libunwind's library and functions */
/*
 * At the signal trampoline sp points to the ucontext. The interrupted code's registers lie at these
 * offsets in it.
 */
#define ARCH_UC_FP 120
#define ARCH_UC_SP 160
#define ARCH_UC_PC 168

struct arch_frame {
    uintptr_t pc, sp, fp;
};

/*
 * The frame that called the function into which this is inlined. That function gets a frame pointer
 * by this.
 */
static inline __attribute__((always_inline)) void arch_caller(struct arch_frame *f)
{
    const uintptr_t *fp = __builtin_frame_address(0);
    f->fp = fp[0];
    f->pc = fp[1];
    f->sp = (uintptr_t)(fp + 2);
}

/*
 * All registers, as they are at one instruction of the function into which this is inlined. Those
 * that a call may change are set to 0.
 */
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

/*
 * The address of the thread's control block, which the C library puts at the end of the thread's
 * own stack.
 */
static inline uintptr_t arch_thread_pointer(void)
{
    uintptr_t p;
    __asm__("movq %%fs:0, %0" : "=r"(p));
    return p;
}

/* 65,536 bits. */
struct arch_bits {
    uint64_t words[1024];
};
/* Bit I, below 65,536, of those at BITS: one instruction reads it wherever it lies. */
static inline __attribute__((always_inline)) bool arch_bit_of(const struct arch_bits *bits, uint32_t i)
{
    bool set;
    __asm__("btl %2, %1" : "=@ccc"(set) : "m"(*bits), "r"(i));
    return set;
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

/*
 * The 16 bytes of CODE at PC, to which a call returns, hand its result to the function TO as the
 * first argument: mov or sign extension from eax or rax to edi or rdi, then a call.
 */
static inline bool arch_passes_result(const unsigned char *code, uint64_t pc, uint64_t *to)
{
    int32_t offset;
    unsigned n = !memcmp(code, "\x89\xc7", 2) ? 2 : !memcmp(code, "\x48\x89\xc7", 3) || !memcmp(code, "\x48\x63\xf8", 3) ? 3 : 0;
    if (!n || code[n] != 0xe8)
        return false;
    memcpy(&offset, code + n + 1, sizeof offset);
    *to = pc + n + 5 + (uint64_t)(int64_t)offset;
    return true;
}

/*
 * The ARCH_JUMP_BYTES at CODE, whose address is PC, begin with a jump to TO, also a conditional
 * one.
 */
#define ARCH_JUMP_BYTES 6
#define ARCH_JUMP_STEP 1
static inline bool arch_jump(const unsigned char *code, uint64_t pc, uint64_t *to)
{
    int32_t offset;
    if (code[0] == 0xeb || (code[0] & 0xf0) == 0x70) {
        *to = pc + 2 + (uint64_t)(int64_t)(signed char)code[1];
        return true;
    }
    unsigned length = code[0] == 0xe9 ? 5 : code[0] == 0x0f && (code[1] & 0xf0) == 0x80 ? 6 : 0;
    if (!length)
        return false;
    memcpy(&offset, code + length - 4, sizeof offset);
    *to = pc + length + (uint64_t)(int64_t)offset;
    return true;
}

/*
 * If PC is in a linkage stub (PLT) for which a linker wrote no unwind rules: the distance from sp
 * to the CFA there. 0: PC is in no such stub.
 */
static inline unsigned arch_stub(const unsigned char *pc)
{
    const unsigned char *p = pc;

    if (!memcmp(p, "\xf3\x0f\x1e\xfa", 4))
        p += 4;
    if (*p == 0xf2)
        p++;
    if (p[0] == 0xff && p[1] == 0x25) /* jmp *slot; in the very first stub after push link_map */
        return pc[-6] == 0xff && pc[-5] == 0x35 ? 24 : 8;
    /* push index; jmp first stub */
    if (p[0] == 0x68 && (p[5] == 0xe9 || (p[5] == 0xf2 && p[6] == 0xe9)))
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
/* Thread-local variable COUNT's offset from the thread pointer, into rdx. */
#define ARCH_OFFSET_STATIC(count) "mov " #count "@gottpoff(%rip), %rdx\n"
#define ARCH_OFFSET_DYNAMIC(count) "lea " #count "@tlsdesc(%rip), %rax\ncall *" #count "@tlscall(%rax)\nmov %rax, %rdx\n"
#define ARCH_VFORK_ENTRY(name, exported, also, count, offset, failed)                                                                   \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name                                \
            ":\n.cfi_startproc\npop %rdi\n.cfi_adjust_cfa_offset -8\n.cfi_register %rip, %rdi\n" offset(                                \
                count) "incl %fs:(%rdx)\n"                                                                                              \
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
#define ARCH_CLONE(name)                                                                                 \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name \
            ":\n.cfi_startproc\nsub $16, %rsi\nmov %rdx, (%rsi)\nmov %rcx, 8(%rsi)\n"                    \
            "xor %edx, %edx\nxor %r10d, %r10d\nxor %r8d, %r8d\nmov $56, %eax\nsyscall\n"                 \
            "test %eax, %eax\nje 1f\nret\n1: .cfi_undefined rip\nxor %ebp, %ebp\npop %rax\npop %rdi\n"   \
            "call *%rax\nmov %eax, %edi\nmov $60, %eax\nsyscall\nhlt\n.cfi_endproc\n.size " #name ", .-" #name "\n")

/*
 * The x86-64 psABI's variant II of thread-local storage: it lies below the thread pointer, and
 * libc's struct pthread begins there. The first words are tcbhead_t (glibc's
 * sysdeps/x86_64/nptl/tls.h), the same in every version.
 */
#define ARCH_HAS_RAW_THREAD 1
#define ARCH_THREAD(name)                                                                                                      \
    __asm__(".text\n.p2align 4\n.globl " #name "\n.hidden " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n" \
            "mov %rcx, %r10\nmov $56, %eax\nsyscall\ntest %eax, %eax\nje 1f\nret\n"                                            \
            "1: .cfi_undefined rip\nxor %ebp, %ebp\ncall *%r9\nxor %edi, %edi\nmov $60, %eax\nsyscall\nhlt\n"                  \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")

static inline uintptr_t arch_thread_word(uintptr_t offset)
{
    uintptr_t word;
    __asm__("mov %%fs:(%1), %0" : "=r"(word) : "r"(offset));
    return word;
}

static inline void arch_fill_control_block(uintptr_t tp, uintptr_t dtv)
{
    uintptr_t *block = (uintptr_t *)tp;
    block[0] = block[2] = tp;          /* tcb, self */
    block[1] = dtv;                    /* in which nothing is allocated yet */
    ((uint32_t *)block)[6] = 1;        /* multiple_threads */
    block[5] = arch_thread_word(0x28); /* what the stack protector compares with */
    block[6] = arch_thread_word(0x30); /* the guard of stored pointers */
    block[9] = arch_thread_word(0x48); /* feature_1: whether there are shadow stacks */
}

#endif
