/* SPDX-License-Identifier: MIT */
/*
 * demangle.h: readable C++ and Rust names, with the demangler that the process has loaded already.
 *
 * Nothing is loaded for it: without a __cxa_demangle in the program's global scope C++ names stay
 * as they are in the file. That function allocates with malloc, so it must not run in a signal
 * handler; and its recursion grows with the name, so it runs on a stack of its own, which exists
 * from its first use to demangle_end. The caller's stack may be small. Rust's names of the older
 * scheme are decoded here and need neither. A thread that libc does not know (watch/raw_thread.h)
 * reads no others: ask_names.h.
 */
#ifndef SOCKLEAK_AGENT_DEMANGLE_H
#define SOCKLEAK_AGENT_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

#define DEMANGLE_MAX 1000u /* longer names are left alone */

struct demangler {
    bool searched;
    /* NULL: the program has none */
    char *(*function)(const char *name, char *buffer, size_t *length, int *status);
    unsigned char *stack;
};

/* A library with a demangler is loaded. Takes no lock. */
bool demangle_has_library(void);

void demangle_begin(struct demangler *d);
void demangle_end(struct demangler *d);
/*
 * Writes the readable form of NAME, cut at CAP-1, to TO and returns its length; 0: NAME is not
 * mangled or nothing here can read it. errno is kept.
 */
size_t demangle(struct demangler *d, const char *name, char *to, size_t cap);

#endif
