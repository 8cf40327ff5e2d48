/* SPDX-License-Identifier: MIT */
/*
 * libunwind_none.c: replaces the second tier where the C library is musl, for which libunwind would
 * have to be built: what the walk cannot follow ends there.
 */
#include "libunwind_walk.h"

bool unwind_load(uintptr_t sp)
{
    (void)sp;
    return false;
}

bool unwind_is_pending(void) { return false; }

enum walk_end unwind_run(struct walk *w)
{
    (void)w;
    return WALK_LOST;
}

void unwind_fork_prepare(void) {}
void unwind_fork_done(bool child) { (void)child; }
