/* SPDX-License-Identifier: MIT */
/*
 * inject.h: redirects the calls of objects that are already bound: their global offset tables and saved function pointers lead to our wrappers.
 *
 * Used where the preload's own symbol resolution does not reach: the agent was loaded late (attach), or an object was loaded with RTLD_DEEPBIND.
 * An entry is changed only when its symbol's name is one that we wrap and its value is the original's address, or still the object's own lazy
 * stub; so what another interposer has put there stays. Every change is remembered in mmap'ed memory and can be undone byte for byte.
 *
 * All of it runs under the loader's list lock (dl_iterate_phdr), so that no object is unmapped meanwhile, and under no lock of ours: when two threads
 * come at once the second leaves its wish to the first and returns. Never from a signal handler.
 */
#ifndef SOCKLEAK_AGENT_INJECT_H
#define SOCKLEAK_AGENT_INJECT_H

#include <stdbool.h>
#include <stdint.h>

struct inject_stats {
    uint32_t objects;    /* objects with a symbol table that were looked at, in the last pass */
    uint32_t broken;     /* of these: tables that could not be understood, left alone */
    uint32_t redirected; /* entries that lead to our wrappers now */
    uint32_t missed;     /* entries named like a wrapped call that lead elsewhere, or that could not be written */
};

/* One function to lead away: NAME's entries go to WRAPPER; REAL holds the address that calls of NAME reached before. */
struct inject_target {
    const char *name;
    void *wrapper;
    void **real;
};

/*
 * Redirects every entry of every loaded object but the loader, the vdso and ourselves. Idempotent. Returns the number of entries changed by this call, or -ENOMEM
 * (nothing changed that would not be remembered). From then on objects that are loaded later are redirected before the program's dlsym
 * returns anything of them.
 */
int inject_redirect(void);
/* As above, but returns at once when no object was loaded or unloaded since the last pass. For the watcher, and in preload mode (RTLD_DEEPBIND). */
int inject_redirect_new(void);
/* Puts back every entry that still leads to our wrapper. Returns how many. */
int inject_undo(void);
/* Entries are redirected now. */
bool inject_active(void);
/* A forked child: a pass that another thread had under way is not under way here. */
void inject_forked_child(void);
void inject_get_stats(struct inject_stats *s);

/*
 * The address to which the dynamic linker would bind a call of NAME in the program: the first definition in the order of load, other than ours. Unlike
 * dlsym(RTLD_DEFAULT) it never gives an executable's own stub for NAME (a non-PIE that takes a function's address), which would lead back to
 * our wrapper. NULL: nobody defines it.
 */
void *inject_original(const char *name);

#endif
