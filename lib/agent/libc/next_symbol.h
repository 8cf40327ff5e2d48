/* SPDX-License-Identifier: MIT */
/*
 * next_symbol.h: finds the definitions that come after this library's own in the loader's order, as
 * dlsym(RTLD_NEXT) does, for many names at once.
 *
 * The library starts in every process that a shell creates, and calling dlsym for each wrapped name
 * took most of that time. This code reads the hash tables of the objects behind this library
 * directly. No allocation; errno is kept. It holds the loader's list lock meanwhile
 * (dl_iterate_phdr).
 */
#ifndef SOCKLEAK_AGENT_NEXT_H
#define SOCKLEAK_AGENT_NEXT_H

#include <stdbool.h>
#include <stddef.h>

struct next_symbol {
    const char *name;
    void *found; /* NULL: dlsym may find it, or nobody defines it */
};

/*
 * Fills in FOUND for N names: the default version of the first function of that name. FOUND stays
 * NULL where the tables alone do not give the answer: a name that no object behind us defines; one
 * that is chosen at run time (STT_GNU_IFUNC); every name when an auditor (LD_AUDIT) may choose, or
 * when an object on the way has no GNU hash table, or when this library was loaded after the start
 * and is the last one. True: some were found, and all
 * others are defined nowhere behind us.
 */
bool next_symbol_find(struct next_symbol *names, size_t n);

#endif
