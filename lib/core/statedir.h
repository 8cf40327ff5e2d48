/* SPDX-License-Identifier: MIT */
/*
 * statedir.h: where state files lie and what they are called. Pure: the agent makes them, the
 * command finds them.
 *
 * Text is written to an out buffer (out.h), not NUL-terminated; what did not fit is counted there.
 * Async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_STATEDIR_H
#define SOCKLEAK_CORE_STATEDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "out.h"

#define STATEDIR_SUFFIX ".sockleak"
/* a file that its process left behind at an exec with nothing to report */
#define STATEDIR_ASIDE ".exec"
#define STATEDIR_UNFINISHED ".new" /* behind a file's name until its header is complete */

/* so many files of ended processes stay in a directory */
#define STATEDIR_KEEP 200u
/* a file as long as the number of those that were removed for that */
#define STATEDIR_REMOVED "older-removed"

/*
 * RUNTIME_DIR/sockleak (XDG_RUNTIME_DIR); false: it is NULL or no absolute path, and nothing is
 * written.
 */
bool statedir_runtime(struct out *o, const char *runtime_dir);
/* /dev/shm/sockleak-UID */
void statedir_shared(struct out *o, uint32_t uid);
/* PID.START.sockleak. START: field 22 of /proc/PID/stat, in clock ticks. */
void statedir_file(struct out *o, uint32_t pid, uint64_t start_ticks);
/* PID.exec: without the start time, so that a program that starts can look for it with one call. */
void statedir_aside(struct out *o, uint32_t pid);

/* The numbers of a state file's name; false for any other name. */
bool statedir_is_file(const char *name, uint32_t *pid, uint64_t *start_ticks);
/* "PID" with SUFFIX behind it and nothing else; false for any other name. */
bool statedir_is_pid(const char *name, const char *suffix, uint32_t *pid);

/*
 * A directory of this MODE and OWNER belongs to UID, and nobody else may write to it (the files
 * themselves have mode 0600).
 */
bool statedir_is_private(uint32_t mode, uint32_t owner, uint32_t uid);

/*
 * Field 22 of the line of /proc/PID/stat: when the process was started, in clock ticks since the
 * boot; with the pid its identity. The program's name before it may hold blanks and parentheses. 0:
 * the line is not one. STAT is NUL-terminated.
 */
uint64_t statedir_start_ticks(const char *stat);

#endif
