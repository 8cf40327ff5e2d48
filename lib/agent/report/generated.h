/* SPDX-License-Identifier: MIT */
/*
 * generated.h: names of the frames of a report that are in no module, code made at run time, by the
 * perf map of this process.
 */
#ifndef SOCKLEAK_AGENT_GENERATED_H
#define SOCKLEAK_AGENT_GENERATED_H

#include "../base/scratch.h"
#include "../symbolize/names.h"

/*
 * Names such frames of all of R's stacks, which have their frames of VIEW's sites. Stacks that
 * differ in generated code alone have one site id, and are counted together: a name is given where
 * it is that of each. The names live in ARENA.
 */
void generated_name(struct scratch **scratch, struct names_arena *arena, const struct state_view *view, struct report *r);

#endif
