/* SPDX-License-Identifier: MIT */
/*
 * libdl.c: the functions of libdl and libpthread, which a program may not have loaded.
 *
 * Until glibc 2.33 libc.so.6 has a dlopen for its own use, which needs no libdl.
 */
#include "libdl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#include "../elf/exports.h"

/* __RTLD_DLOPEN: without it the loader of glibc before 2.34 takes the mode for a wrong one. */
#define RTLD_LIBC_PRIVATE ((int)0x80000000u)

static void *load_and_find(const char *library, const char *name)
{
    void *(*load)(const char *, int) = (void *(*)(const char *, int))(uintptr_t)exports_find_anywhere("__libc_dlopen_mode");
    if (!load || !load(library, RTLD_NOW | RTLD_GLOBAL | RTLD_LIBC_PRIVATE))
        return NULL;
    return libdl_loaded(name);
}

void *libdl_loaded(const char *name) { return exports_find_anywhere(name); }

void *libdl_function(const char *name)
{
    void *found = libdl_loaded(name);
    return found ? found : load_and_find("libdl.so.2", name);
}

void *libpthread_function(const char *name)
{
    void *found = libdl_loaded(name);
    return found ? found : load_and_find("libpthread.so.0", name);
}
