/* SPDX-License-Identifier: MIT */
/*
 * redirect.h: redirects the calls of objects that are already bound: their global offset tables and
 * saved function pointers lead to our wrappers.
 *
 * Used where symbol resolution does not lead to this library: the agent was loaded late (attach),
 * or an object was loaded with RTLD_DEEPBIND. An entry is changed only when its symbol's name is
 * one that we wrap, and its value is the original's address or still the object's own lazy stub. So
 * an address that another interposer has stored stays. Every change is remembered in mmap'ed memory
 * and can be undone byte for byte.
 *
 * Everything runs under the loader's list lock (dl_iterate_phdr), so that no object is unmapped
 * meanwhile, and under none of our locks. When a second thread comes while one is at work, it
 * records its request and returns; the first thread performs it. Never call this from a signal
 * handler. errno is kept.
 */
#ifndef SOCKLEAK_AGENT_REDIRECT_H
#define SOCKLEAK_AGENT_REDIRECT_H

#include <stdbool.h>
#include <stdint.h>

struct redirect_stats {
    uint32_t objects; /* objects with a symbol table that the last pass read */
    /* objects whose tables could not be understood, in the last pass; left unchanged */
    uint32_t broken;
    uint32_t redirected; /* entries that lead to our wrappers because we changed them */
    /* entries of a wrapped call that lead elsewhere or cannot be written, in the last pass */
    uint32_t missed;
};

/*
 * Redirects every entry of every loaded object, except the loader, the vDSO and ourselves.
 * Idempotent. Returns the number of entries changed by this call; -ENOMEM when not all could be
 * remembered (those were left unchanged). From then on an object that is loaded later is redirected
 * before the program's dlsym returns an address in it.
 */
int redirect_all(void);
/*
 * The same, but returns at once when no object was loaded or unloaded since the last pass. For the
 * watcher, and for preload mode (RTLD_DEEPBIND).
 */
int redirect_new(void);
/* Restores every entry that we redirected and that still leads to us. Returns how many. */
int redirect_undo(void);
/*
 * Waits until no pass runs and no request is left, at most about two seconds. For a caller whose
 * request another thread performs, and that needs the outcome. Not for a thread of the program's
 * own.
 */
void redirect_settle(void);
/*
 * Objects may come that are led to this library by redirect_new alone, though it was preloaded.
 * redirect_is_required takes no lock.
 */
void redirect_require(void);
bool redirect_is_required(void);
/* True while entries are redirected. */
bool redirect_active(void);
/*
 * Finds the calls that can be redirected, and their originals, once. Takes the loader's lock: never
 * call it while a fork is under way.
 */
void redirect_find_targets(void);
/* Runs WORK while no pass runs and no fork is under way. */
void redirect_alone(void (*work)(void));
/*
 * Around fork: no pass is under way across it, or the child would find the loader's list locked for
 * ever.
 */
void redirect_fork_prepare(void);
void redirect_fork_parent(void);
void redirect_forked_child(void);
void redirect_get_stats(struct redirect_stats *s);

#endif
