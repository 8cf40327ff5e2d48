/* SPDX-License-Identifier: MIT */
/*
 * plt.h: what redirecting calls needs to know of the processor: the numbers of relocations, and a function that looks in on a call
 * and is gone.
 */
#ifndef SOCKLEAK_ARCH_PLT_H
#define SOCKLEAK_ARCH_PLT_H

/*
 * ARCH_LOOK_IN: defines the hidden function NAME: calls the C function HOOK (no arguments), then jumps to where the pointer ORIGINAL leads,
 * with the arguments, the stack and the return address as the caller left them. So a function that asks who called it (dlsym) gets the
 * right answer.
 */
#if defined(__x86_64__)
#include "x86_64/plt.h"
#elif defined(__aarch64__)
#include "aarch64/plt.h"
#else
#error "sockleak: lib/arch has no folder for this processor"
#endif

#endif
