/* SPDX-License-Identifier: MIT */
/*
 * scratch.h: memory for the time of one report: taken in zeroed pages, given back at once.
 */
#ifndef SOCKLEAK_AGENT_SCRATCH_H
#define SOCKLEAK_AGENT_SCRATCH_H

#include <stddef.h>

#include "../../core/out.h"

struct scratch; /* NULL: empty */

/* SIZE zeroed bytes, 16-aligned; NULL when there are none. */
void *scratch_get(struct scratch **s, size_t size);
char *scratch_string(struct scratch **s, const char *text); /* a copy; NULL for an empty one */
void scratch_free(struct scratch **s);

/* An out buffer that grows; given back with scratch_out_free. */
void scratch_out(struct out *o);
void scratch_out_free(struct out *o);
/* KEEP: the process is about to end, and nothing is given back any more, for the kernel takes all of it at once. */
void scratch_keep(bool keep);

#endif
