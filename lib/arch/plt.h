/* SPDX-License-Identifier: MIT */
/*
 * plt.h: what the redirection of calls needs to know about the processor.
 *
 * These are the numbers of relocation types, and an entry that calls a hook and then jumps on to
 * the original function.
 */
#ifndef SOCKLEAK_ARCH_PLT_H
#define SOCKLEAK_ARCH_PLT_H

/*
 * ARCH_HOOK_ENTRY: defines the hidden function NAME. It calls the C function HOOK, which may take
 * the caller's first two arguments, then jumps to the address in the pointer ORIGINAL, with the
 * arguments, the stack and the return address as the caller left them. So a function that asks who
 * called it (dlsym, dlopen) gets the right answer.
 */
#if defined(__x86_64__)
#include "x86_64/plt.h"
#elif defined(__aarch64__)
#include "aarch64/plt.h"
#else
#error "sockleak: lib/arch has no folder for this processor"
#endif

#endif
