/* SPDX-License-Identifier: MIT */
/*
 * library.h: where the agent's library is.
 */
#ifndef SOCKLEAK_CLI_BASE_LIBRARY_H
#define SOCKLEAK_CLI_BASE_LIBRARY_H

#include <stddef.h>

/* Each C library needs an agent of its own: libsockleak.so, libsockleak-musl.so. */
enum library_libc { LIBRARY_GLIBC, LIBRARY_MUSL };

/* Which of them a program has whose loader (PT_INTERP, or a mapped file) has this path. */
enum library_libc library_of_loader(const char *path);
/*
 * The full path of the agent for LIBC that belongs to this command, into PATH: $SOCKLEAK_LIBRARY,
 * else beside the command, else where `make install` puts it. NULL, or a sentence that says why
 * there is none, in a static buffer.
 */
const char *library_find(enum library_libc libc, char *path, size_t cap);
/*
 * A program may start others that have the other C library, whose loader must not meet an agent
 * that is not its own: musl's ends the program. So where both are there they are also in a folder
 * under names that each loader reads in its own way: glibc's takes $LIB for the system's folder of
 * libraries (ld.so(8)), musl's takes it literally. Into LIST: what LD_PRELOAD gets for the agent at
 * PATH, which is PATH itself where there is no such folder.
 */
void library_preload(const char *path, char *list, size_t cap);

#endif
