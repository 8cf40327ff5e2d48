/* SPDX-License-Identifier: MIT */
/*
 * targets.h: the calls that are redirected, and their originals.
 *
 * For inject/ and for the doors. The table is filled once by targets_find; afterwards any thread
 * may read it.
 */
#ifndef SOCKLEAK_AGENT_TARGETS_H
#define SOCKLEAK_AGENT_TARGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "../libc/real.h"

struct target {
    const char *name;
    void *wrapper;
    void **real; /* where the wrapper reads the original's address */
    /*
     * the function that the program's calls are bound to; NULL: not redirected (no object defines
     * it, or the program itself does)
     */
    void *original;
    /*
     * the executable's own stub for NAME, which other objects may use as NAME's address; NULL: none
     */
    void *alias;
};

/*
 * Sets the calls to redirect: N rows of CALLS, and the two of LOADERS (dlsym.h). Before this call
 * there is no target, and targets_find does nothing.
 */
void targets_use(const struct wrapped *calls, unsigned n, const struct wrapped loaders[2]);
/*
 * Finds the originals among the loaded objects, in their order, as the dynamic linker would for a
 * call: the first definition that is not ours. Unlike dlsym it never returns an executable's stub
 * for a function whose address the executable takes; that stub would lead back to our wrapper. Done
 * once; later calls do nothing.
 */
void targets_find(void);
/* The target called NAME; NULL: none. HASH is dynamic_hash(NAME). */
const struct target *target_named(const char *name, uint32_t hash);
bool targets_are_found(void);
/*
 * True when our own definition comes first in the order: this library was preloaded. Valid once
 * targets_are_found.
 */
bool targets_are_preloaded(void);
/* Stores every original that was found where its wrapper reads it. */
void targets_set_real(void);

#endif
