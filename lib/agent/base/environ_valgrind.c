/* SPDX-License-Identifier: MIT */
/*
 * environ_valgrind.c: whether Valgrind runs the program.
 *
 * Called at the start alone. Apart from environ.c, for a unit test that gives the environment has
 * an environ_get of its own, and what it links asks this.
 */
#include "environ.h"

#include <string.h>

bool environ_is_valgrind(void)
{
    const char *list = environ_get("LD_PRELOAD");
    return list && strstr(list, "/vgpreload_");
}
