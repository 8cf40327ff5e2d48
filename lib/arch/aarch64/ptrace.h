/* SPDX-License-Identifier: MIT */
/*
 * aarch64/ptrace.h: registers and system calls of a stopped thread on 64-bit ARM.
 *
 * Included by lib/arch/ptrace.h alone, which explains each of these.
 */
#ifndef SOCKLEAK_ARCH_AARCH64_PTRACE_H
#define SOCKLEAK_ARCH_AARCH64_PTRACE_H

#define ARCH_NAME "aarch64"
#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_FP_NOTE NT_PRFPREG
#define ARCH_AUDIT 0xc00000b7u
#define ARCH_CLONE_TLS 3
typedef struct user_regs_struct arch_regs;
static const unsigned char arch_syscall_insn[4] = {0x01, 0x00, 0x00, 0xd4}; /* svc #0 */

static inline uint64_t arch_pc(const arch_regs *r) { return r->pc; }
static inline uint64_t arch_sp(const arch_regs *r) { return r->sp; }
static inline uint64_t arch_result(const arch_regs *r) { return r->regs[0]; }

/*
 * When the thread stops here, the kernel has already set the registers so that the call runs again.
 * Only a plain EINTR, after the instruction, can be seen.
 */
static inline bool arch_interrupted_call(const arch_regs *r, long *nr, long *result)
{
    *nr = (long)r->regs[8];
    *result = (long)r->regs[0];
    return *result == -4;
}
/* Does nothing: the result has replaced the first argument, so the call cannot be run again. */
static inline void arch_continue_call(arch_regs *r) { (void)r; }

static inline void arch_set_syscall(arch_regs *r, uint64_t pc, long nr, const uint64_t a[6])
{
    r->pc = pc;
    r->regs[8] = (uint64_t)nr;
    for (int i = 0; i < 6; i++)
        r->regs[i] = a[i];
}
static inline void arch_set_call(arch_regs *r, uint64_t func, const uint64_t a[3], uint64_t top, uint64_t back, uint64_t *slot)
{
    *slot = 0;
    r->pc = func;
    r->sp = top;
    r->regs[29] = 0;
    r->regs[30] = back;
    for (int i = 0; i < 3; i++)
        r->regs[i] = a[i];
}
static inline long arch_entry_nr(const arch_regs *r) { return (long)r->regs[8]; }
static inline uint64_t arch_returned(const arch_regs *r) { return r->regs[0]; }
static inline void arch_replace_nr(pid_t tid, arch_regs *r, long nr)
{
    int number = (int)nr;
    struct iovec v = {&number, sizeof(number)};
    ptrace(PTRACE_SETREGSET, tid, 0x404 /* NT_ARM_SYSTEM_CALL */, &v);
    r->regs[8] = (uint64_t)nr;
}

#endif
