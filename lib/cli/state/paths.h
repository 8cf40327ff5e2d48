/* SPDX-License-Identifier: MIT */
/*
 * paths.h: where state files lie and what they are called.
 */
#ifndef SOCKLEAK_CLI_STATE_PATHS_H
#define SOCKLEAK_CLI_STATE_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../core/statedir.h"
#include "../base/cli.h"

/*
 * Where this user's state files may lie, most likely first: the state_dir of SOCKLEAK_OPTIONS
 * alone, if it names one; else $XDG_RUNTIME_DIR/sockleak (when set) and /dev/shm/sockleak-UID. A
 * service has no XDG_RUNTIME_DIR, but the shell in which its report is asked for has. Returns how
 * many DIRS were filled: 1 or 2. None of them need exist.
 */
size_t paths_state_dirs(char dirs[2][CLI_PATH_MAX]);
/*
 * "PID.START.sockleak" -> its numbers; false for any other name. START is field 22 of
 * /proc/PID/stat.
 */
bool paths_state_name(const char *name, pid_t *pid, uint64_t *start_ticks);
/*
 * "PID" with SUFFIX behind it: ".exec" (a state file that its process left behind at an exec, with
 * nothing to report), ".log" (of a run).
 */
bool paths_pid_name(const char *name, const char *suffix, pid_t *pid);
/*
 * "run-PID.XXXXXX", the directory of one `sockleak run` below a state directory; PID is that
 * command's.
 */
#define PATHS_RUN_NAME "run-%d.XXXXXX"
bool paths_run_name(const char *name, pid_t *pid);

/*
 * How many files STATEDIR_REMOVED in the directory PATH counts; 0: none, or it is not to be
 * trusted.
 */
uint64_t paths_removed(const char *path);

struct stat;
/* A directory that is ours and that nobody else may write to. */
bool paths_is_private(const struct stat *st);

#endif
