/* SPDX-License-Identifier: MIT */
/*
 * exports.h: looks a name up among those that one loaded object exports.
 *
 * From the object's own GNU hash table in memory; without the loader, its lock, or the object's
 * file. Nothing in the object is trusted: each place must lie in it and be readable. The object
 * must stay loaded meanwhile: the caller runs code in it. No allocation; async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_EXPORTS_H
#define SOCKLEAK_AGENT_EXPORTS_H

#include "object.h"

struct exports {
    uint64_t start, end, bias;
    uint64_t seen_page; /* this page can be read */
    uint64_t symbols, names, names_size;
    uint64_t hash; /* the table behind its four words of head */
    uint32_t buckets, first, bloom, shift;
};

/* False: O has no such table. */
bool exports_of(struct exports *e, const struct object *o);
/* The address of NAME, and its size in *SIZE (may be NULL); 0: E does not define it. */
uint64_t exports_find(struct exports *e, const char *name, uint64_t *size);
/*
 * The same in all objects of the program, in the order of the search for symbols, but not in this
 * library. For what nobody unloads: the C library's parts, and what depends on a runtime.
 */
void *exports_find_anywhere(const char *name);

#endif
