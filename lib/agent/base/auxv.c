/* SPDX-License-Identifier: MIT */
/*
 * auxv.c: what the kernel has told this process at its start (getauxval(3)).
 *
 * Asked of libc once, by the constructor, because getauxval sets errno for a value that is not
 * there. Read everywhere in the agent, on the watcher too.
 */
#include "auxv.h"

#include <errno.h>
#include <sys/auxv.h>

#define LAST AT_SYSINFO_EHDR
static uint64_t values[LAST + 1];

__attribute__((constructor(101))) void auxv_take(void)
{
    static const unsigned types[] = {AT_PHDR, AT_PHNUM, AT_BASE, AT_RANDOM, AT_EXECFN, AT_SYSINFO_EHDR};
    int saved = errno;
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
        __atomic_store_n(&values[types[i]], getauxval(types[i]), __ATOMIC_RELAXED);
    errno = saved;
}

uint64_t auxv_get(unsigned type) { return type <= LAST ? __atomic_load_n(&values[type], __ATOMIC_RELAXED) : 0; }
