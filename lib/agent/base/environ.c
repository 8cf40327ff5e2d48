/* SPDX-License-Identifier: MIT */
/*
 * environ.c: the environment without libc's lock.
 *
 * Called at the start alone. Not getenv(3): newer C libraries take a lock there, and the program
 * may define its own.
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
