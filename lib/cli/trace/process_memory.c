/* SPDX-License-Identifier: MIT */
/*
 * process_memory.c: memory of another process, by process_vm_readv(2).
 */
#include "process_memory.h"

#include <sys/uio.h>

#define PAGE 4096u

static ssize_t read_once(pid_t pid, uint64_t at, void *to, size_t n)
{
    struct iovec here = {to, n}, there = {(void *)(uintptr_t)at, n};
    return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

bool process_memory_read(pid_t pid, uint64_t at, void *to, size_t n) { return read_once(pid, at, to, n) == (ssize_t)n; }

bool process_memory_two(pid_t pid, uint64_t at, void *to, size_t n, uint64_t then, void *to_then, size_t m)
{
    struct iovec here[2] = {{to, n}, {to_then, m}}, there[2] = {{(void *)(uintptr_t)at, n}, {(void *)(uintptr_t)then, m}};
    return process_vm_readv(pid, here, 2, there, 2, 0) == (ssize_t)(n + m);
}

size_t process_memory_some(pid_t pid, uint64_t at, void *to, size_t n)
{
    /*
     * The kernel reads an element of the list whole or, where a page of it is missing, up to there.
     */
    ssize_t got = read_once(pid, at, to, n);
    if (got >= 0)
        return (size_t)got;
    size_t first = PAGE - (size_t)(at % PAGE);
    got = first < n ? read_once(pid, at, to, first) : -1;
    return got < 0 ? 0 : (size_t)got;
}
