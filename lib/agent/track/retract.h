/* SPDX-License-Identifier: MIT */
/*
 * retract.h: the notes of reported sockets that were closed after all.
 */
#ifndef SOCKLEAK_AGENT_RELEASE_H
#define SOCKLEAK_AGENT_RELEASE_H

#include "../../core/report.h"

/* The oldest note not yet told; false: none. With the watch lock held. */
bool release_next(struct release *r);
/* FINDING, about to be reported, was closed while the report was made. With the watch lock held. */
void release_note(const struct finding *finding);
/* A forked child: what the parent's sockets did is the parent's to tell. */
void release_reset(void);

#endif
