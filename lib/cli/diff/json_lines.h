/* SPDX-License-Identifier: MIT */
/*
 * json_lines.h: reads a report in JSON Lines, as `report --format json`, `run --json` and an agent
 * with log_format=json write it, line by line.
 *
 * The text may be anything. A log tells a story: a group is reported again when it has grown, and
 * taken back when its sockets were closed; a report at exit or on request lists all that is stuck
 * then. What counts is what is left at the end of the file. Lines of types that are not known are
 * passed over: new ones may be added.
 */
#ifndef SOCKLEAK_CLI_DIFF_JSON_LINES_H
#define SOCKLEAK_CLI_DIFF_JSON_LINES_H

#include <stddef.h>

#include "side.h"

struct json_group;
struct json_process;

/* One file. A zeroed one is at its beginning, but for SIDE and FIRST_PROCESS. */
struct json_lines {
    struct diff_side *side;
    unsigned first_process; /* the number that its first process gets in SIDE */
    struct json_process *processes;
    size_t n_processes, cap_processes;
    size_t n_known; /* lines of a type that a report has */
    char why[256];
};

/*
 * Takes one line, N bytes without the line's end; an empty one is nothing. NULL, or a sentence what
 * is wrong with it ("no JSON: ...", "..."), which R holds until the next call; then R must be freed.
 */
const char *json_lines_take(struct json_lines *r, const char *line, size_t n);
/* At the end of the file: adds what is left to SIDE. */
void json_lines_settle(struct json_lines *r);
void json_lines_free(struct json_lines *r);

#endif
