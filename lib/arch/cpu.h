/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: what the agent needs to know about the processor: system calls, registers, entries in
 * assembler.
 *
 * Includes the header of the processor that is compiled for. All of it is async-signal-safe and
 * allocates nothing.
 */
#ifndef SOCKLEAK_ARCH_CPU_H
#define SOCKLEAK_ARCH_CPU_H

/*
 * ARCH_SYSCALL_ENTRY: defines the hidden function NAME, with EXPORTED as its second symbol, in the
 * shape of syscall(2). It jumps to WANTED when the system call's number is below SIZE and TABLE
 * (bytes) has a non-zero entry for it. Otherwise it jumps to the address in the pointer ORIGINAL.
 * The arguments, in registers and on the stack, stay as the caller left them; only scratch
 * registers are used. WANTED, TABLE and ORIGINAL belong to this library and are hidden.
 *
 * ARCH_VFORK_ENTRY: defines the hidden function NAME, exported as EXPORTED and ALSO, in the shape
 * of vfork(2). While the child runs, the int at the beginning of the calling thread's variable
 * COUNT (which the child shares) is one higher. OFFSET says how the variable is found:
 * ARCH_OFFSET_STATIC (initial-exec TLS) or ARCH_OFFSET_DYNAMIC (a TLS descriptor). On failure it
 * jumps to FAILED(errno). The child returns first, over the same stack. So nothing of ours may lie on the
 * stack, and the return address is kept in a register.
 *
 * ARCH_CALL_ON_STACK: defines the hidden function void NAME(void *top, void (*call)(void *), void
 * *arg), which runs CALL on the stack that ends at TOP (16-aligned).
 *
 * ARCH_CLONE: defines the hidden function long NAME(unsigned long flags, void *top, int (*run)(void
 * *), void *arg): clone(2), whose child runs RUN on the stack that ends at TOP (16-aligned) and
 * exits with what it returns. The result is the kernel's: the child's number, or -errno.
 *
 * ARCH_HAS_RAW_THREAD: 1 where the C library's thread control block is known well enough to make
 * one for a thread that the library does not know. Then there are
 *   ARCH_THREAD: defines the hidden function long NAME(unsigned long flags, void *top, void *tid,
 *   void *cleared, uintptr_t thread_pointer, void (*run)(void)): clone(2) with these arguments. The
 *   new thread runs RUN on the stack that ends at TOP (16-aligned), and ends.
 *   arch_fill_control_block(TP, DTV): fills the zeroed block at the thread pointer TP with what
 *   compiled code and debuggers read of it, the rest as it is in the calling thread.
 */

#if defined(__x86_64__)
#include "x86_64/cpu.h"
#elif defined(__aarch64__)
#include "aarch64/cpu.h"
#else
#error "sockleak: lib/arch has no folder for this processor"
#endif

#endif
