/* SPDX-License-Identifier: MIT */
/*
 * retract.h: retractions: reported sockets that the program has closed after all.
 */
#ifndef SOCKLEAK_AGENT_RETRACT_H
#define SOCKLEAK_AGENT_RETRACT_H

#include "../../core/report.h"
#include "leaving.h"

/* Takes the oldest retraction out of the ring; false: there is none. With the watch lock held. */
bool retract_next(struct release *r);
/*
 * The program is closing a socket that a check has looked at (WATCH_GEN is its generation): if it
 * was reported, keeps a retraction, unless another descriptor still holds it (not LAST). Wait-free;
 * any thread, signal handlers too.
 */
void retract_note(const struct leaving *was, int fd, bool last);
/*
 * Keeps a retraction of FINDING, which was closed while the report that has it was made. With the
 * watch lock held.
 */
void retract_unmarked(const struct finding *finding);
/* In a forked child: drops what the ring holds. The parent logs these retractions. */
void retract_reset(void);

#endif
