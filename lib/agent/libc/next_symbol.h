/* SPDX-License-Identifier: MIT */
/*
 * next_symbol.h: the definitions that come after this library's own in the loader's order, as dlsym(RTLD_NEXT) finds them, many at once.
 *
 * The library starts in every process that a shell makes, and dlsym for each wrapped name was most of what that cost. Here the hash tables of the objects
 * behind this library are asked directly. No allocation, errno is kept; the loader's list lock is held meanwhile (dl_iterate_phdr).
 */
#ifndef SOCKLEAK_AGENT_NEXT_H
#define SOCKLEAK_AGENT_NEXT_H

#include <stddef.h>

struct next_symbol {
    const char *name;
    void *found; /* NULL: to be asked of dlsym */
};

/*
 * Fills in FOUND for N names: the default version of the first function of that name. What cannot be told from the tables alone stays NULL: a name that
 * nobody behind us defines, one that is chosen at run time (STT_GNU_IFUNC), all of them where an auditor (LD_AUDIT) may choose, or where an object
 * on the way has no GNU hash table, or when this library was not loaded at the start and stands behind the others.
 */
void next_symbol_find(struct next_symbol *names, size_t n);

#endif
