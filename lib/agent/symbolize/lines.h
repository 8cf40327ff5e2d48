/* SPDX-License-Identifier: MIT */
/*
 * lines.h: files, lines and inlined calls for the agent's own reports, from the command, when it is
 * installed beside the library.
 *
 * The command runs as a process that the program does not notice: it raises no SIGCHLD, a plain
 * wait does not find it, it holds no descriptor of the program, and it ends after a time limit
 * whatever happens. Must not be called in a signal handler or in a sandbox.
 */
#ifndef SOCKLEAK_AGENT_LINES_H
#define SOCKLEAK_AGENT_LINES_H

#include "../../core/report.h"
#include "../base/scratch.h"

/*
 * Called by the constructor: the loader and the environment are not for the watcher to ask. Until
 * then there is no command.
 */
void lines_begin(void);
/* The command's path to TO of CAP bytes, if it may be run and is there. */
bool lines_command(char *to, size_t cap);
/*
 * Replaces the stacks of R's groups by ones with file and line; inlined calls become frames of
 * their own. False, and R is unchanged: there is no command, it could not be run, or it did not
 * answer in time. Memory comes from SCRATCH.
 */
bool lines_resolve(struct scratch **scratch, struct report *r);
/*
 * The same from earlier answers alone, to this process or to a related one (line_cache.h); the
 * command is not run. While a related process runs it, this waits for the answer, a second at most.
 * False: it is this process' turn, and lines_resolve must follow. The frames need module, build-id
 * and offset only.
 */
bool lines_known(struct scratch **scratch, struct report *r);

#endif
