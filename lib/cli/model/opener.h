/* SPDX-License-Identifier: MIT */
/*
 * opener.h: the thread that opened a group's sockets, as /proc shows it now.
 */
#ifndef SOCKLEAK_CLI_MODEL_OPENER_H
#define SOCKLEAK_CLI_MODEL_OPENER_H

#include <sys/types.h>

#include "../../core/opener.h"

/*
 * Fills T, whose tid is set, from the live process PID; OPENED_NS: when its oldest socket was
 * opened.
 */
void opener_of(struct opener *t, pid_t pid, uint64_t opened_ns);
/*
 * The same for a thread that has used them since. One that began after OPENED_NS may have done so,
 * or may only have the number of one that did: nothing is said of it.
 */
void opener_user_of(struct opener *t, pid_t pid, uint64_t opened_ns);

#endif
