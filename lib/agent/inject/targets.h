/* SPDX-License-Identifier: MIT */
/*
 * targets.h: the calls that are redirected, and where they led before. Inside inject/ and for the doors.
 */
#ifndef SOCKLEAK_AGENT_TARGETS_H
#define SOCKLEAK_AGENT_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "../libc/real.h"

struct target {
    const char *name;
    void *wrapper;
    void **real;    /* where the wrapper finds the original */
    void *original; /* what the program's calls are bound to; NULL: not to be redirected (nobody defines it, or the program itself does) */
    void *alias;    /* the executable's own stub for NAME, which other objects may have as NAME's address; NULL: none */
};

/* The calls to redirect: N rows of CALLS, and the two of LOADERS (dlsym.h). Until then there is no target, and none is searched. */
void targets_use(const struct wrapped *calls, unsigned n, const struct wrapped loaders[2]);
/*
 * Finds the originals among the loaded objects, in their order, as the dynamic linker would for a call: the first definition that is not
 * ours. Unlike dlsym it never gives the stub that an executable has for a function whose address it takes, which would lead back to our
 * wrapper. Done once; later calls do nothing.
 */
void targets_find(void);
/* NULL: not one of ours. HASH: dynamic_hash(NAME). */
const struct target *target_named(const char *name, uint32_t hash);
bool targets_are_found(void);
/* Our own definition comes first in the order: this library was preloaded. Known once they are found. */
bool targets_are_preloaded(void);
/* Gives every wrapper its original, where one was found. */
void targets_set_real(void);

#endif
