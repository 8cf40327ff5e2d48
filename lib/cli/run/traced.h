/* SPDX-License-Identifier: MIT */
/*
 * traced.h: runs a program under the tracer (trace/supervisor.h). For run.c alone.
 */
#ifndef SOCKLEAK_CLI_RUN_TRACED_H
#define SOCKLEAK_CLI_RUN_TRACED_H

#include "../../core/options.h"
#include "wait.h"

/*
 * The options of the environment into USERS, with a warning for each that is none: no agent is there
 * to say it.
 */
void traced_options(struct options *users);
/*
 * Runs ARGV (program file PATH) as run_program does, traced, with its state files in DIR. KINDS 0: those
 * of USERS. NULL, or a sentence why it could not be started.
 */
const char *traced_run(const char *path, char **argv, const char *dir, const struct options *users, uint32_t kinds, uint64_t grace_ns,
                       struct run_end *end);

#endif
