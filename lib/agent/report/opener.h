/* SPDX-License-Identifier: MIT */
/*
 * opener.h: the thread that opened a group's sockets, as /proc shows it now.
 */
#ifndef SOCKLEAK_AGENT_OPENER_H
#define SOCKLEAK_AGENT_OPENER_H

#include "../../core/opener.h"

/*
 * Fills T, whose tid is set (0: does nothing); OPENED_NS: when the oldest of its sockets was
 * opened.
 * Opens files for the time of the call.
 */
void opener_now(struct opener *t, uint64_t opened_ns);
/*
 * The same for a thread that has used them since. One that began after OPENED_NS may have done so,
 * or may only have the number of one that did: nothing is said of it.
 */
void opener_user_now(struct opener *t, uint64_t opened_ns);

#endif
