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

static const unsigned types[] = {AT_PHDR, AT_PHNUM, AT_BASE, AT_RANDOM, AT_EXECFN, AT_SYSINFO_EHDR};
#define TYPES (sizeof types / sizeof types[0])
static uint64_t values[TYPES];

__attribute__((constructor(101))) void auxv_take(void)
{
    int saved = errno;
    for (unsigned i = 0; i < TYPES; i++)
        __atomic_store_n(&values[i], getauxval(types[i]), __ATOMIC_RELAXED);
    errno = saved;
}

uint64_t auxv_get(unsigned type)
{
    for (unsigned i = 0; i < TYPES; i++)
        if (types[i] == type)
            return __atomic_load_n(&values[i], __ATOMIC_RELAXED);
    return 0;
}
