/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h: the program's descriptors, as the calling thread reaches them.
 *
 * A descriptor table that two threads share is dearer for the program: the kernel counts a reference
 * for each call on a descriptor, which it does not for a table with one owner. So the watcher leaves
 * the program's table and has one of its own. What it opens there takes no number of the program's,
 * and /proc/PID/fd does not show it. A number of the program's means nothing to it: it takes a copy
 * (pidfd_getfd(2)), or asks /proc/self/fd, which is the first thread's.
 *
 * Every other thread shares the program's table; for it these functions ask about the number itself.
 * All are async-signal-safe and keep errno.
 */
#ifndef SOCKLEAK_AGENT_DESCRIPTORS_H
#define SOCKLEAK_AGENT_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "thread.h"

enum descriptors_way {
    DESCRIPTORS_SHARED, /* the calling thread still has the program's table */
    DESCRIPTORS_OWN,    /* it has one of its own, and can copy from the program's */
    DESCRIPTORS_NONE,   /* it has one of its own and cannot: it is good for nothing, and must end */
};

/* In the constructor. */
void descriptors_init(void);
/*
 * By a new thread that has opened nothing yet. Not tried, so that it is DESCRIPTORS_SHARED: under a
 * seccomp filter, which may kill for a call that it does not know; under Valgrind; where the kernel
 * lacks a call (before Linux 5.9); when the first thread has ended, or has another table than the
 * calling one. For some microseconds the kernel has a second reference to the files of the 64 lowest
 * numbers.
 */
enum descriptors_way descriptors_leave(void);
static inline bool descriptors_are_own(void) { return this_thread.own_table; }

/*
 * With a table of its own: a copy of the program's descriptor FD, for descriptors_drop. While it
 * lives, a close of FD is not the last one (track/hold.h). -EBADF: FD is not open. Another -errno:
 * it is not known whether it is.
 */
long descriptors_copy(int fd);
void descriptors_drop(int copy);
/* No copy can be had any more: the first thread has ended, or RLIMIT_NOFILE leaves hardly a number. */
bool descriptors_are_lost(void);
/* Whether FD is open in the program's table; says yes when it cannot know. */
bool descriptors_has(int fd);
/* With a table of its own: the program's /proc/self/fd, to be listed and not to be closed. */
int descriptors_folder(void);
/*
 * How many descriptors the program has open; -errno: it cannot be known at once (before Linux 6.2 the
 * folder of /proc has no size). One system call, no descriptor.
 */
long descriptors_count(void);
/* What readlink(2) says of the program's descriptor FD: the length at TO, of SIZE bytes; or -errno. */
long descriptors_link(unsigned fd, char *to, size_t size);

#endif
