/* SPDX-License-Identifier: MIT */
/*
 * arch_ptrace.h: what the command must know of the processor to run a call inside another process: registers, the system call
 * instruction, how an interrupted system call is continued.
 *
 * Registers travel as the kernel's NT_PRSTATUS set. "Entry" is the stop before the kernel serves a system call, "exit" the one after it.
 */
#ifndef SOCKLEAK_CLI_ARCH_PTRACE_H
#define SOCKLEAK_CLI_ARCH_PTRACE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/*
 * The kernel's own results, never seen by programs (include/linux/errno.h): the call was interrupted and is to go on, if no handler runs.
 */
#define ARCH_ERESTARTSYS 512
#define ARCH_ERESTARTNOHAND 514
#define ARCH_ERESTART_RESTARTBLOCK 516

#if defined(__x86_64__)

#define ARCH_NAME "x86-64"
#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_FP_NOTE NT_X86_XSTATE
typedef struct user_regs_struct arch_regs;
static const unsigned char arch_syscall_insn[2] = {0x0f, 0x05};

static inline uint64_t arch_pc(const arch_regs *r) { return r->rip; }
static inline uint64_t arch_sp(const arch_regs *r) { return r->rsp; }
static inline uint64_t arch_result(const arch_regs *r) { return r->rax; }

/* At a stop that interrupted the thread: the system call it was in and what that gave; false when it ran its own code. */
static inline bool arch_interrupted_call(const arch_regs *r, long *nr, long *result)
{
    *nr = (long)r->orig_rax;
    *result = (long)r->rax;
    return *nr >= 0;
}
/* Makes the interrupted call go on, unless a signal handler is to run, instead of giving EINTR. */
static inline void arch_continue_call(arch_regs *r) { r->rax = (uint64_t)-ARCH_ERESTARTNOHAND; }

/* R is about to execute the system call instruction at PC. */
static inline void arch_set_syscall(arch_regs *r, uint64_t pc, long nr, const uint64_t a[6])
{
    r->rip = pc;
    r->rax = (uint64_t)nr;
    r->orig_rax = (uint64_t)-1; /* what was interrupted is not to be continued now */
    r->rdi = a[0];
    r->rsi = a[1];
    r->rdx = a[2];
    r->r10 = a[3];
    r->r8 = a[4];
    r->r9 = a[5];
}
/*
 * R is about to enter FUNC with A, on a stack that ends at the 16-aligned TOP; it returns to BACK. *SLOT is where the return address has to
 * be stored (0: nowhere). arch_sp is TOP once it has returned.
 */
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
    r->eflags &= ~(uint64_t)0x40500; /* direction, trap and alignment-check flags: the ABI's state at a call */
}
/* At an entry: the number of the call. */
static inline long arch_entry_nr(const arch_regs *r) { return (long)r->orig_rax; }
/* At the entry that a call returned into: what it returned. */
static inline uint64_t arch_returned(const arch_regs *r) { return r->orig_rax; }
/* At an entry: makes it another call. R is to be written afterwards. */
static inline void arch_replace_nr(pid_t tid, arch_regs *r, long nr)
{
    (void)tid;
    r->orig_rax = (uint64_t)nr;
}

#elif defined(__aarch64__)

#define ARCH_NAME "aarch64"
#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_FP_NOTE NT_PRFPREG
typedef struct user_regs_struct arch_regs;
static const unsigned char arch_syscall_insn[4] = {0x01, 0x00, 0x00, 0xd4}; /* svc #0 */

static inline uint64_t arch_pc(const arch_regs *r) { return r->pc; }
static inline uint64_t arch_sp(const arch_regs *r) { return r->sp; }
static inline uint64_t arch_result(const arch_regs *r) { return r->regs[0]; }

/*
 * The kernel has already set the registers to run the call anew when it stops here; only a plain EINTR behind the instruction is left to
 * see.
 */
static inline bool arch_interrupted_call(const arch_regs *r, long *nr, long *result)
{
    *nr = (long)r->regs[8];
    *result = (long)r->regs[0];
    return *result == -4;
}
static inline void arch_continue_call(arch_regs *r) { (void)r; } /* the first argument is overwritten: cannot be run anew */

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

#else
#error "sockleak: no arch_ptrace.h section for this processor"
#endif

#endif
