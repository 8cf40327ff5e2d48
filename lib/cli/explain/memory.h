/* SPDX-License-Identifier: MIT */
/*
 * memory.h: a copy of another process' writable memory, as snapshot.c reads it and search.c looks
 * through it.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_MEMORY_H
#define SOCKLEAK_CLI_EXPLAIN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum memory_kind {
    MEMORY_OTHER = 0, /* data of a module, or anonymous: whose objects are not known */
    MEMORY_HEAP,      /* what brk gives: glibc's heap, if its chunks can be walked */
    MEMORY_ARENA,     /* where a further heap of glibc's may be */
    MEMORY_STACK,     /* the part of a thread's stack that is in use, and the arguments of its call */
};
struct memory_region {
    uint64_t start; /* 8-aligned, as DATA is */
    size_t size;
    const unsigned char *data;
    enum memory_kind kind;
};
/* A mapped part of a module that a pointer may lead to. */
struct memory_target {
    uint64_t start, end;
    bool exec;
};
struct memory {
    struct memory_region *regions; /* by address */
    size_t n_regions;
    struct memory_target *targets; /* by address */
    size_t n_targets;
    size_t n_threads;
    uint64_t read; /* bytes */
    bool complete; /* nothing of it was left out */
};

#endif
