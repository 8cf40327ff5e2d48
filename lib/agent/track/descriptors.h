/* SPDX-License-Identifier: MIT */
/*
 * descriptors.h: lists the open descriptors of this process.
 */
#ifndef SOCKLEAK_AGENT_TRACK_DESCRIPTORS_H
#define SOCKLEAK_AGENT_TRACK_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Calls back for each open descriptor, in the order of /proc/self/fd. That needs a descriptor for
 * the
 * moment: only at the start of the program, and at its end. False: it cannot be listed.
 */
bool descriptors_each(void (*call)(void *arg, int fd), void *arg);

#endif
