/* SPDX-License-Identifier: MIT */
/*
 * demangle.h: readable C++ and Rust names with what the process already has.
 *
 * Nothing is loaded for it: without a __cxa_demangle in the program's global scope C++ names stay as they are in the file. That function allocates with malloc
 * (never in a signal handler) and is recursive to the name's length, so it runs on a stack of its own, which exists between begin and end; a caller's
 * stack may be as small as it likes. Rust's names of the older scheme are read here and need neither.
 */
#ifndef SOCKLEAK_AGENT_DEMANGLE_H
#define SOCKLEAK_AGENT_DEMANGLE_H

#include <stdbool.h>
#include <stddef.h>

#define DEMANGLE_MAX 1000u /* longer names are left alone */

struct demangler {
    bool looked;
    char *(*function)(const char *name, char *buffer, size_t *length, int *status); /* NULL: there is none */
    unsigned char *stack;
};

void demangle_begin(struct demangler *d);
void demangle_end(struct demangler *d);
/* Writes the readable form of NAME, cut at CAP-1, to TO and returns its length; 0: NAME is not mangled or nothing here can read it. errno is kept. */
size_t demangle(struct demangler *d, const char *name, char *to, size_t cap);

#endif
