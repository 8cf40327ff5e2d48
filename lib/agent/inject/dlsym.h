/* SPDX-License-Identifier: MIT */
/*
 * dlsym.h: the entries that stand in for dlsym and dlvsym.
 *
 * Called on any thread of the program, through redirected entries only.
 */
#ifndef SOCKLEAK_AGENT_DLSYM_H
#define SOCKLEAK_AGENT_DLSYM_H

#include "../libc/real.h"

/*
 * dlsym and dlvsym with the entries that replace them; targets.c fills in their originals. These
 * two rows are redirected only in an agent that was loaded late: in a preloaded one the symbol
 * order already leads later objects to us.
 */
extern const struct wrapped dlsym_wrapped[2] __attribute__((visibility("hidden")));
/*
 * The hook that the entries call, and the originals that they jump to. For the entries and the
 * tests.
 */
void dlsym_hook(void) __attribute__((visibility("hidden")));
extern void *dlsym_real __attribute__((visibility("hidden")));
extern void *dlvsym_real __attribute__((visibility("hidden")));

#endif
