/* SPDX-License-Identifier: MIT */
/*
 * json.h: a report as JSON Lines, one object a line.
 *
 * Only reads the report. Async-signal-safe if O's flush is. The order and meaning of the keys are a
 * contract with users.
 */
#ifndef SOCKLEAK_CORE_JSON_H
#define SOCKLEAK_CORE_JSON_H

#include "out.h"
#include "report.h"

#define JSON_MAX_SOCKETS 64u /* listed in the object of one group */

/* The whole report; nothing when there are no groups, unless it is of exhaustion. */
void json_report(struct out *o, const struct report *r);
void json_group(struct out *o, const struct report *r, const struct group *g);
void json_summary(struct out *o, const struct report *r);
void json_release(struct out *o, const struct report *r, const struct release *rel);

/* The note of text.h, as an object of type "note". */
void json_idle_note(struct out *o, const struct report *r, const struct group *g);

#endif
