/* SPDX-License-Identifier: MIT */
/*
 * ptrace.h: what the command needs to know about the processor to run a call inside another
 * process.
 *
 * That is: registers, the system call instruction, and how an interrupted system call is continued.
 *
 * Each processor's header defines:
 *   ARCH_NAME, ARCH_ELF_MACHINE  the processor, in words and as e_machine of its ELF files
 *   ARCH_FP_NOTE           the register set that holds the floating point and vector registers
 *   ARCH_AUDIT             AUDIT_ARCH_* of linux/audit.h: seccomp filters test it
 *   ARCH_CLONE_TLS         which argument of clone, from 0, is the new thread's control block
 *   arch_regs              the general registers, as the kernel's NT_PRSTATUS set has them
 *   arch_syscall_insn      the bytes of the system call instruction
 *   arch_pc, arch_sp, arch_result  program counter, stack pointer, result of a call
 *   arch_interrupted_call  at a stop that interrupted the thread: the number and the result of the
 *                          system call it was in; false when it ran its own code
 *   arch_continue_call     makes that call go on, instead of giving EINTR, unless a signal handler
 *                          is to run
 *   arch_set_syscall       the thread will execute the system call instruction at PC
 *   arch_set_call          the thread will enter FUNC with A, on a stack that ends at TOP
 *                          (16-aligned), and return to BACK. *SLOT is where the return address has
 *                          to be stored (0: nowhere). arch_sp is TOP once it has returned
 *   arch_entry_nr          at an entry: the number of the call
 *   arch_returned          at the entry that a call returned into: what the call returned
 *   arch_replace_nr        at an entry: makes it another call; the registers are to be written
 *                          afterwards
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
