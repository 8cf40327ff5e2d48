/* SPDX-License-Identifier: MIT */
/*
 * scratch.h: memory that lives as long as one report: taken in zeroed pages, all freed together.
 * Each struct scratch and each buffer belongs to one thread. Async-signal-safe.
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

/* Makes O a buffer that grows; scratch_out_free frees it. */
void scratch_out(struct out *o);
void scratch_out_free(struct out *o);
/*
 * With KEEP nothing is freed any more: the process is about to end, and the kernel frees all of it
 * at once.
 */
void scratch_keep(bool keep);

#endif
