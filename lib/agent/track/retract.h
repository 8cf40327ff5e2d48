/* SPDX-License-Identifier: MIT */
/*
 * retract.h: the notes of reported sockets that were closed after all.
 */
#ifndef SOCKLEAK_AGENT_RETRACT_H
#define SOCKLEAK_AGENT_RETRACT_H

#include "../../core/report.h"
#include "leaving.h"

/* The oldest note not yet told; false: none. With the watch lock held. */
bool retract_next(struct release *r);
/*
 * A reported socket is being closed by the program: remember to retract it, unless another descriptor still holds it (not LAST).
 * Wait-free; any thread, signal handlers too.
 */
void retract_note(const struct leaving *was, int fd, bool last);
/* FINDING, about to be reported, was closed while the report was made. With the watch lock held. */
void retract_unmarked(const struct finding *finding);
/* A forked child: what the parent's sockets did is the parent's to tell. */
void retract_reset(void);

#endif
