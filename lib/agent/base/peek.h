/* SPDX-License-Identifier: MIT */
/*
 * peek.h: copies memory of this process that may be unmapped, or become it meanwhile.
 *
 * The kernel does the copying (process_vm_readv), so there is never a fault. Where it refuses, in a
 * sandbox or a container, each page is probed before it is read. Async-signal-safe; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_PEEK_H
#define SOCKLEAK_AGENT_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Copies at most N bytes from the address A to TO; returns how many could be read. */
size_t peek_some(uintptr_t a, void *to, size_t n);
/* The same for all N bytes or none. */
static inline bool peek(uintptr_t a, void *to, size_t n) { return peek_some(a, to, n) == n; }

/* Fills each of the N places HERE from the same one of THERE, as many as there are, at once; all of them or none. */
bool peek_each(const struct iovec *here, const struct iovec *there, unsigned n);

#endif
