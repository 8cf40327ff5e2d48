/* SPDX-License-Identifier: MIT */
/*
 * state_modules.h: the objects of a traced process as records of its state file.
 */
#ifndef SOCKLEAK_CLI_TRACE_STATE_MODULES_H
#define SOCKLEAK_CLI_TRACE_STATE_MODULES_H

#include <sys/types.h>

#include "state_writer.h"

/*
 * The number of the object that holds the address PC of the process PID, which runs; it is recorded
 * when it is new. STATE_NO_MODULE: none is there, or there is no room.
 */
unsigned state_modules_of(struct state_writer *w, pid_t pid, uint64_t pc);
/* The record with this NUMBER; NULL: there is none. */
const struct state_module *state_modules_at(const struct state_writer *w, unsigned number);
/* The process has executed another program: none of the objects is there any more. NOW_NS: when. */
void state_modules_gone(struct state_writer *w, uint64_t now_ns);
/* M of another file, as a record of this one; STATE_NO_MODULE: no room. */
unsigned state_modules_copy(struct state_writer *w, const struct state_module *m);

#endif
