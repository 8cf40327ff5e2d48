/* SPDX-License-Identifier: MIT */
/*
 * lines.h: files, lines and inlined calls for a report of the agent's own, from the command, when it is installed beside the library.
 *
 * The command runs as a helper process that the program cannot see: it raises no SIGCHLD, leaves no status to a plain wait, takes no descriptor of the
 * program, and ends after a time limit whatever happens. Not from a signal handler, not in a sandbox.
 */
#ifndef SOCKLEAK_AGENT_LINES_H
#define SOCKLEAK_AGENT_LINES_H

#include "../../core/report.h"
#include "../base/scratch.h"

/* Replaces the stacks of R's groups by ones with file and line; inlined calls become frames of their own. False, and R is as before: no command, no
 * helper, no answer in time. Memory comes from SCRATCH. */
bool lines_resolve(struct scratch **scratch, struct report *r);
/* The same from what was answered before, in this process or in one of its family (line_cache.h), without asking anybody; while another of the family is
 * asking it waits for that, a second at most. False: it is this process' turn to ask, and lines_resolve must follow. The frames need module, build-id
 * and offset only. */
bool lines_known(struct scratch **scratch, struct report *r);

#endif
