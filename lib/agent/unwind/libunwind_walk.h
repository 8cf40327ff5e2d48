/* SPDX-License-Identifier: MIT */
/*
 * libunwind_walk.h: the second tier: libunwind, for what the walk does not express and where there
 * is no walk.
 *
 * The library is loaded when it is first needed, into a scope of its own (it exports the whole
 * _Unwind_* set). It never opens a descriptor, reads memory only through us, and is used by one
 * thread at a time with signals blocked. Never call this from a signal handler.
 */
#ifndef SOCKLEAK_AGENT_UNWIND_H
#define SOCKLEAK_AGENT_UNWIND_H

#include "walk.h"

/*
 * Loads libunwind, once, unless the stack from SP on shows that a signal handler may be running.
 * False: not usable now. Takes the loader's lock: do not call it while holding one of our locks.
 */
bool unwind_load(uintptr_t sp);
/* Nobody has loaded it yet, nor found that it is not there. */
bool unwind_is_pending(void);
/*
 * As walk_run, from W->at outwards. Loads libunwind if needed, unless a signal handler may be
 * running. WALK_LOST with W->n 0: not available now. Keeps errno, the signal mask and the
 * cancellation state.
 */
enum walk_end unwind_run(struct walk *w);

/* Around fork: no thread is inside libunwind across it. */
void unwind_fork_prepare(void);
void unwind_fork_done(bool child);

#endif
