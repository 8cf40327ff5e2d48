/* SPDX-License-Identifier: MIT */
/*
 * unsafe.h: code that a thread must not be inside of when it runs a call of ours.
 */
#ifndef SOCKLEAK_CLI_REMOTE_UNSAFE_H
#define SOCKLEAK_CLI_REMOTE_UNSAFE_H

#include "ptrace.h"

struct unsafe_ranges;

/* The ranges of such code in R; NULL: no memory, or no symbol was found. R must outlive them. */
struct unsafe_ranges *unsafe_open(const struct remote *r);
void unsafe_close(struct unsafe_ranges *u);
/* Is the held thread T inside of one? WHERE gets the name of the function. */
bool unsafe_here(const struct unsafe_ranges *u, struct tracee *t, char *where, size_t cap);

#endif
