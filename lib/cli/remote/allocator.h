/* SPDX-License-Identifier: MIT */
/*
 * allocator.h: which code of another process is its allocator.
 */
#ifndef SOCKLEAK_CLI_REMOTE_ALLOCATOR_H
#define SOCKLEAK_CLI_REMOTE_ALLOCATOR_H

#include "remote.h"

/* START..END is code of the allocator; NAME: of what, for messages; static. */
typedef void allocator_add(void *arg, uint64_t start, uint64_t end, const char *name);

/*
 * Calls ADD for the allocator's code in module M of R: the whole object where it is a library that
 * replaces the allocator, else the functions of the allocator and those that they jump to.
 */
void allocator_ranges(const struct remote *r, struct remote_module *m, allocator_add *add, void *arg);

#endif
