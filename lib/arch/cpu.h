/* SPDX-License-Identifier: MIT */
/*
 * cpu.h: everything that depends on the processor.
 */
#ifndef SOCKLEAK_ARCH_CPU_H
#define SOCKLEAK_ARCH_CPU_H

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

#if defined(__x86_64__)
#include "x86_64/cpu.h"
#elif defined(__aarch64__)
#include "aarch64/cpu.h"
#else
#error "sockleak: lib/arch has no folder for this processor"
#endif

#endif
