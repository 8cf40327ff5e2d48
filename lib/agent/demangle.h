/* SPDX-License-Identifier: MIT */
/*
 * demangle.h: readable C++ and Rust names with what the process already has.
 *
 * Nothing is loaded for it: without a __cxa_demangle in the program's global scope names stay as they are in the file. That function allocates with malloc and
 * takes about 100 bytes of stack for each character, so: never in a signal handler, and longer names than DEMANGLE_MAX are left alone.
 */
#ifndef SOCKLEAK_AGENT_DEMANGLE_H
#define SOCKLEAK_AGENT_DEMANGLE_H

#include <stddef.h>

#define DEMANGLE_MAX 600u

/* Writes the readable form of NAME, cut at CAP-1, to TO and returns its length; 0: NAME is not mangled or nothing here can read it. errno is kept. */
size_t demangle(const char *name, char *to, size_t cap);

#endif
