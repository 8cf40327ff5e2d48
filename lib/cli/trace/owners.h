/* SPDX-License-Identifier: MIT */
/*
 * owners.h: which of the traced processes has a socket in its table.
 *
 * A forked process holds its parent's sockets. Each is in one table: that of the process that opened
 * it, or of one that still holds it when that has closed it or has ended. Pure.
 */
#ifndef SOCKLEAK_CLI_TRACE_OWNERS_H
#define SOCKLEAK_CLI_TRACE_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../core/state.h"

struct owner {
    uint64_t cookie; /* 0: free */
    pid_t pid;       /* 0: it was open before the run began, and is nobody's */
    int fd;          /* under which it is entered there */
    bool closed;     /* that process has closed it; its table still has the site */
    state_ref site;
    uint64_t opened_ns;
    uint64_t closed_ns;
};
struct owners {
    struct owner *all; /* open addressing */
    size_t n, cap;
};

/* NULL: nobody has it. Valid until the next owners_add. */
struct owner *owners_find(const struct owners *o, uint64_t cookie);
/* Makes OWNER the one of its cookie. */
void owners_add(struct owners *o, const struct owner *owner);
/* Removes what was closed before NOT_AFTER_NS, and all that belongs to PID (-1: to nobody in particular). */
void owners_sweep(struct owners *o, uint64_t not_after_ns, pid_t pid);
void owners_free(struct owners *o);

#endif
