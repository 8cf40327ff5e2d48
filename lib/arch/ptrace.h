/* SPDX-License-Identifier: MIT */
/*
 * ptrace.h: what the command needs to know about the processor to run a call inside another
 * process.
 *
 * That is: registers, the system call instruction, and how an interrupted system call is continued.
 *
 * Each processor's header defines:
 *   ARCH_NAME               the processor's name
 *   ARCH_ELF_MACHINE        its e_machine in ELF files
 *   ARCH_FP_NOTE            the register set with the floating point and vector registers
 *   ARCH_AUDIT              AUDIT_ARCH_* of linux/audit.h; seccomp filters compare with it
 *   arch_regs               the general registers, in the layout of the kernel's NT_PRSTATUS set
 *   arch_syscall_insn       the bytes of the system call instruction
 *   arch_pc, arch_sp        program counter, stack pointer
 *   arch_result             result of a call
 *   arch_interrupted_call   at a stop that interrupted the thread: the number and the result of the
 *                           system call that it was in; false: it was not in a system call
 *   arch_continue_call      makes that call continue instead of failing with EINTR, unless a signal
 *                           handler runs first
 *   arch_set_syscall        the thread will execute the system call instruction at PC
 *   arch_set_call           the thread will enter FUNC with A, on a stack that ends at TOP
 *                           (16-aligned), and return to BACK. *SLOT is where the return address has
 *                           to be stored (0: nowhere). arch_sp is TOP once it has returned
 *   arch_entry_nr           at an entry: the number of the call
 *   arch_returned           at the entry that a call returned into: the call's result
 *   arch_replace_nr         at an entry: replaces the call by another; the caller writes the
 *                           registers afterwards
 *
 * "Entry" is the stop before the kernel serves a system call, "exit" the one after it.
 */
#ifndef SOCKLEAK_ARCH_PTRACE_H
#define SOCKLEAK_ARCH_PTRACE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/*
 * Results inside the kernel, which programs never see (include/linux/errno.h): the call was
 * interrupted, and continues if no handler runs.
 */
#define ARCH_ERESTARTSYS 512
#define ARCH_ERESTARTNOHAND 514
#define ARCH_ERESTART_RESTARTBLOCK 516

#if defined(__x86_64__)
#include "x86_64/ptrace.h"
#elif defined(__aarch64__)
#include "aarch64/ptrace.h"
#else
#error "sockleak: no lib/arch/MACHINE/ptrace.h for this processor"
#endif

#endif
