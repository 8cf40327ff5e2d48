/* SPDX-License-Identifier: MIT */
/*
 * environ.c: the environment without libc's lock.
 *
 * Called at the start alone. getenv(3) would take a lock in newer C libraries, and another library may define it.
 */
#include "environ.h"

#include <string.h>
#include <unistd.h>

const char *environ_get(const char *name)
{
    size_t n = strlen(name);
    for (char **e = environ; e && *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=')
            return *e + n + 1;
    return NULL;
}
