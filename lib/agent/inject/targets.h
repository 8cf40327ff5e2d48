/* SPDX-License-Identifier: MIT */
/*
 * targets.h: the calls that are redirected, and where they led before. Between redirect.c, follow.c and their tests only.
 */
#ifndef SOCKLEAK_AGENT_INJECT_TARGETS_H
#define SOCKLEAK_AGENT_INJECT_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

struct target {
    const char *name;
    void *wrapper;
    void **real;    /* where the wrapper finds the original */
    void *original; /* what the program's calls are bound to; NULL: not to be redirected (nobody defines it, or the program itself does) */
    void *alias;    /* the executable's own stub for NAME, which other objects may have as NAME's address; NULL: none */
};

/*
 * Finds the originals among the loaded objects, in their order, as the dynamic linker would for a call: the first definition that is not
 * ours. Unlike dlsym it never gives the stub that an executable has for a function whose address it takes, which would lead back to our
 * wrapper. Done once; later calls do nothing.
 */
void targets_find(void);
/* NULL: not one of ours. HASH: dynamic_hash(NAME). */
const struct target *target_named(const char *name, uint32_t hash);
/* Our own definition comes first in the order: this library was preloaded. Known after targets_find. */
bool targets_are_found(void);
bool targets_are_preloaded(void);
/* Gives every wrapper its original, where one was found. */
void targets_set_real(void);

/* redirect.c: looked in on each dlsym while entries are redirected. */
void inject_before_dlsym(void) __attribute__((visibility("hidden")));
extern void inject_dlsym(void) __attribute__((visibility("hidden")));
extern void inject_dlvsym(void) __attribute__((visibility("hidden")));
extern void *inject_real_dlsym __attribute__((visibility("hidden")));
extern void *inject_real_dlvsym __attribute__((visibility("hidden")));

#endif
