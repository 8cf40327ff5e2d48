/* SPDX-License-Identifier: MIT */
/*
 * collect.h: one scan of the machine.
 */
#ifndef SOCKLEAK_CLI_SCAN_COLLECT_H
#define SOCKLEAK_CLI_SCAN_COLLECT_H

#include "types.h"

/*
 * PID 0: all processes. Returns 0, or -errno when PID cannot be seen or nothing can be read at all.
 */
int scan_collect(struct scan *s, pid_t pid);
void scan_free(struct scan *s);

#endif
