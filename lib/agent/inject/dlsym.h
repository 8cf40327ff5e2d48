/* SPDX-License-Identifier: MIT */
/*
 * dlsym.h: the look-in on dlsym and dlvsym.
 */
#ifndef SOCKLEAK_AGENT_DLSYM_H
#define SOCKLEAK_AGENT_DLSYM_H

#include "../libc/real.h"

/*
 * dlsym and dlvsym with the entries that look in on them; where they lead is filled in by targets.c. Two rows, redirected in an agent
 * that came late only: for a preloaded one the symbol order reaches later objects.
 */
extern const struct wrapped dlsym_wrapped[2] __attribute__((visibility("hidden")));
/* What the entries call; and where they go on to. For the entries and the tests. */
void dlsym_hook(void) __attribute__((visibility("hidden")));
extern void *dlsym_real __attribute__((visibility("hidden")));
extern void *dlvsym_real __attribute__((visibility("hidden")));

#endif
