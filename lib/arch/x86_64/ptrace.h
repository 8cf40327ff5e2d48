/* SPDX-License-Identifier: MIT */
/*
 * x86_64/ptrace.h: registers and system calls of a stopped thread on x86-64.
 *
 * Included by lib/arch/ptrace.h alone, which explains each of these.
 */
#ifndef SOCKLEAK_ARCH_X86_64_PTRACE_H
#define SOCKLEAK_ARCH_X86_64_PTRACE_H

#define ARCH_NAME "x86-64"
#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_FP_NOTE NT_X86_XSTATE
#define ARCH_AUDIT 0xc000003eu
#define ARCH_CLONE_TLS 4
typedef struct user_regs_struct arch_regs;
static const unsigned char arch_syscall_insn[2] = {0x0f, 0x05};

static inline uint64_t arch_pc(const arch_regs *r) { return r->rip; }
static inline uint64_t arch_sp(const arch_regs *r) { return r->rsp; }
static inline uint64_t arch_result(const arch_regs *r) { return r->rax; }

static inline bool arch_interrupted_call(const arch_regs *r, long *nr, long *result)
{
    *nr = (long)r->orig_rax;
    *result = (long)r->rax;
    return *nr >= 0;
}

static inline void arch_continue_call(arch_regs *r) { r->rax = (uint64_t)-ARCH_ERESTARTNOHAND; }

static inline void arch_set_syscall(arch_regs *r, uint64_t pc, long nr, const uint64_t a[6])
{
    r->rip = pc;
    r->rax = (uint64_t)nr;
    r->orig_rax = (uint64_t)-1; /* keeps the kernel from continuing the interrupted call now */
    r->rdi = a[0];
    r->rsi = a[1];
    r->rdx = a[2];
    r->r10 = a[3];
    r->r8 = a[4];
    r->r9 = a[5];
}

static inline void arch_set_call(arch_regs *r, uint64_t func, const uint64_t a[3], uint64_t top, uint64_t back, uint64_t *slot)
{
    (void)back;
    *slot = top - 8;
    r->rip = func;
    r->rsp = top - 8;
    r->rbp = 0;
    r->rax = 0;
    r->orig_rax = (uint64_t)-1;
    r->rdi = a[0];
    r->rsi = a[1];
    r->rdx = a[2];
    /* Clears the direction, trap and alignment-check flags, as the ABI wants them at a call. */
    r->eflags &= ~(uint64_t)0x40500;
}
static inline long arch_entry_nr(const arch_regs *r) { return (long)r->orig_rax; }

static inline uint64_t arch_returned(const arch_regs *r) { return r->orig_rax; }

static inline void arch_replace_nr(pid_t tid, arch_regs *r, long nr)
{
    (void)tid;
    r->orig_rax = (uint64_t)nr;
}

#endif
