/* SPDX-License-Identifier: MIT */
/*
 * demangle.c: readable C++ and Rust names with what the process already has.
 *
 * Called by names.c while a report is made, by one thread at a time or several; holds no lock.
 */
#include "demangle.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef char *demangler(const char *name, char *buffer, size_t *length, int *status);

/* Rust's old scheme ends each name in a hash that says nothing: "::h0123456789abcdef". */
static size_t without_hash(const char *name, size_t len)
{
    if (len < 20 || strncmp(name + len - 19, "::h", 3) != 0)
        return len;
    return strspn(name + len - 16, "0123456789abcdef") == 16 ? len - 19 : len;
}

size_t demangle(const char *name, char *to, size_t cap)
{
    if (name[0] != '_' || name[1] != 'Z' || strlen(name) > DEMANGLE_MAX)
        return 0;
    int saved = errno, status = -1;
    /* Asked anew each time that something needs it: the library may have come, or gone, with dlopen and dlclose. */
    demangler *f = (demangler *)(uintptr_t)dlsym(RTLD_DEFAULT, "__cxa_demangle");
    char *text = f ? f(name, NULL, NULL, &status) : NULL;
    size_t len = 0;
    if (!f)
        (void)dlerror(); /* the program must not read our failure as its own */
    if (text && status == 0) {
        len = without_hash(text, strlen(text));
        if (len > cap - 1)
            len = cap - 1;
        memcpy(to, text, len);
        to[len] = '\0';
    }
    free(text);
    errno = saved;
    return len;
}
