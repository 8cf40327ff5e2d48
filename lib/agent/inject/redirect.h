/* SPDX-License-Identifier: MIT */
/*
 * redirect.h: redirects the calls of objects that are already bound: their global offset tables and saved function pointers lead to our
 * wrappers.
 *
 * Used where the preload's own symbol resolution does not reach: the agent was loaded late (attach), or an object was loaded with
 * RTLD_DEEPBIND. An entry is changed only when its symbol's name is one that we wrap and its value is the original's address, or still the
 * object's own lazy stub; so what another interposer has put there stays. Every change is remembered in mmap'ed memory and can be undone
 * byte for byte.
 *
 * All of it runs under the loader's list lock (dl_iterate_phdr), so that no object is unmapped meanwhile, and under no lock of ours: when
 * two threads come at once the second leaves its wish to the first and returns. Never from a signal handler. errno is kept.
 */
#ifndef SOCKLEAK_AGENT_REDIRECT_H
#define SOCKLEAK_AGENT_REDIRECT_H

#include <stdbool.h>
#include <stdint.h>

struct redirect_stats {
    uint32_t objects;    /* objects with a symbol table that were looked at, in the last pass */
    uint32_t broken;     /* of these: tables that could not be understood, left alone */
    uint32_t redirected; /* entries that lead to our wrappers by our doing */
    uint32_t missed;     /* entries named like a wrapped call that lead elsewhere, or that could not be written, in the last pass */
};

/*
 * Redirects every entry of every loaded object but the loader, the vdso and ourselves. Idempotent. Returns the number of entries changed by
 * this call, -ENOMEM when not all could be remembered (those were left as they are). From then on an object that is loaded later is
 * redirected before the program's dlsym returns anything of it.
 */
int redirect_all(void);
/*
 * As above, but returns at once when no object was loaded or unloaded since the last pass. For the watcher, and in preload mode
 * (RTLD_DEEPBIND).
 */
int redirect_new(void);
/* Puts back every entry that we redirected and that still leads to us. Returns how many. */
int redirect_undo(void);
/*
 * Waits until nobody is at work and no wish is left, for a caller that got out of another thread's way and needs the outcome; at most about two
 * seconds. Not for a thread of the program's own.
 */
void redirect_settle(void);
/* Entries are redirected now. */
bool redirect_active(void);
/* Finds the calls that can be redirected and their originals, once. Asks the loader: never while a fork is under way. */
void redirect_find_targets(void);
/* fork: no pass is under way across it, or the child would find the loader's list locked for ever. */
void redirect_fork_prepare(void);
void redirect_fork_parent(void);
void redirect_forked_child(void);
void redirect_get_stats(struct redirect_stats *s);

#endif
