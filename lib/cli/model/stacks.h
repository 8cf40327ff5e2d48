/* SPDX-License-Identifier: MIT */
/*
 * stacks.h: the stack of a site: raw addresses of a state file to named frames.
 */
#ifndef SOCKLEAK_CLI_MODEL_STACKS_H
#define SOCKLEAK_CLI_MODEL_STACKS_H

#include "../../core/report.h"
#include "../base/arena.h"
#include "../state/load.h"
#include "../symbolize/symbolize.h"

/* Announces the frames of site REF to the symbolizer, so that all are resolved in one pass. */
void stacks_want(const struct loaded_file *l, struct symbolizer *sym, state_ref ref);
/* Its frames with names, innermost first, in the arena. *N is 0 when there is no such site. */
const struct frame *stacks_frames(struct arena *a, const struct loaded_file *l, struct symbolizer *sym, state_ref ref, size_t *n);

#endif
