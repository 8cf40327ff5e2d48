/* SPDX-License-Identifier: MIT */
/*
 * perf_names.h: names of code that was made at run time, from this process' perf map,
 * /tmp/perf-PID.map.
 *
 * Used only when a report is made. Opens the file for the time of the call, allocates with mmap
 * alone, and treats the file as hostile: everybody may make files in /tmp.
 */
#ifndef SOCKLEAK_AGENT_PERF_NAMES_H
#define SOCKLEAK_AGENT_PERF_NAMES_H

#include "../../core/perf_map.h"
#include "names.h"

/*
 * Names the N TARGETS (ascending addr, no two alike); the names live in ARENA. A map is taken only if
 * it is a regular file of this process' user or of root, that was written since the process began, and
 * only where /proc has this process' own number for it.
 * Of one that is longer than PERF_MAP_MAX the end is read, a piece at a time.
 */
void perf_names_find(struct names_arena *arena, struct perf_map_target *targets, size_t n);

#endif
