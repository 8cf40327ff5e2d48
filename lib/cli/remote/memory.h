/* SPDX-License-Identifier: MIT */
/*
 * memory.h: another process' memory.
 */
#ifndef SOCKLEAK_CLI_REMOTE_MEMORY_H
#define SOCKLEAK_CLI_REMOTE_MEMORY_H

#include "remote.h"

/* True when all N bytes were read, or written. */
bool memory_read(const struct remote *r, uint64_t at, void *to, size_t n);
bool memory_write(const struct remote *r, uint64_t at, const void *from, size_t n);
/* A string of at most CAP-1 bytes. */
bool memory_string(const struct remote *r, uint64_t at, char *to, size_t cap);

#endif
