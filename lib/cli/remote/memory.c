/* SPDX-License-Identifier: MIT */
/*
 * memory.c: reads and writes another process' memory through /proc/PID/mem, which maps_open has
 * opened.
 */
#include "memory.h"

#include <unistd.h>

bool memory_read(const struct remote *r, uint64_t at, void *to, size_t n) { return pread(r->mem, to, n, (off_t)at) == (ssize_t)n; }

bool memory_write(const struct remote *r, uint64_t at, const void *from, size_t n)
{
    return pwrite(r->mem, from, n, (off_t)at) == (ssize_t)n;
}

bool memory_string(const struct remote *r, uint64_t at, char *to, size_t cap)
{
    ssize_t n = pread(r->mem, to, cap - 1, (off_t)at);
    if (n <= 0)
        return false;
    to[n] = '\0';
    return true;
}
