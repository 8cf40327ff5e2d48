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
#ifndef SOCKLEAK_AGENT_INJECT_H
#define SOCKLEAK_AGENT_INJECT_H

#include <stdbool.h>
#include <stdint.h>

struct inject_stats {
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
int inject_redirect(void);
/*
 * As above, but returns at once when no object was loaded or unloaded since the last pass. For the watcher, and in preload mode
 * (RTLD_DEEPBIND).
 */
int inject_redirect_new(void);
/* Puts back every entry that we redirected and that still leads to us. Returns how many. */
int inject_undo(void);
/*
 * Waits until nobody is at work and no wish is left, for a caller that got out of another thread's way and needs the outcome; at most about two
 * seconds. Not for a thread of the program's own.
 */
void inject_settle(void);
/* Entries are redirected now. */
bool inject_active(void);
/* fork: no pass is under way across it, or the child would find the loader's list locked for ever. */
/* Finds the calls that can be redirected and their originals, once. Asks the loader: never while a fork is under way. */
void inject_find_targets(void);
void inject_fork_prepare(void);
void inject_fork_parent(void);
void inject_forked_child(void);
void inject_get_stats(struct inject_stats *s);

/* ---- follow.c: the life of an agent that was loaded late ---- */

/* This library came into a running process, so that only redirected entries lead to it. False when it was preloaded. */
bool inject_is_late(void);
/* The same as it was found when attach came; false before. Asks nobody. */
bool inject_came_late(void);
/*
 * For the watcher, at each look and at each flip of header.enabled: a late agent redirects what is not redirected yet while ENABLED, and
 * puts everything back when it is not; in a preloaded one it only cares for new objects. header.attached says afterwards which it is.
 */
void inject_follow(bool enabled);
/*
 * Called by `sockleak attach` on a stopped thread of the process: wakes the agent with OPTIONS, redirects. Returns the number of entries
 * that lead to it (a preloaded one: 1) and fills SEEN (may be NULL), or a negative value: -1 no memory for the table, -2 nothing in this
 * process calls the C library for what we watch.
 */
int sockleak_attach_entry(const char *options, struct inject_stats *seen);
/* Called by `sockleak detach` where no watcher can do it. Returns the number of entries put back. */
int sockleak_detach_entry(void);

#endif
