/* SPDX-License-Identifier: MIT */
/*
 * check.h: may and can a library be loaded into a process? Each refusal is one sentence with the reason and what to do instead.
 *
 * Nothing here stops or changes the process.
 */
#ifndef SOCKLEAK_CLI_REMOTE_CHECK_H
#define SOCKLEAK_CLI_REMOTE_CHECK_H

#include <stddef.h>
#include <sys/types.h>

#include "remote.h"

struct refusal {
    char text[1024];
};

/* Each returns NULL when nothing stands in the way, else WHY's text, without a newline. */

/* There is such a process, alive, and not only a thread of one. */
const char *check_exists(pid_t pid, struct refusal *why);
/*
 * It is of a kind that can load our library: this processor, dynamically linked, GNU C library; not stopped, not traced by somebody else.
 */
const char *check_kind(pid_t pid, struct refusal *why);
const char *check_libc(const struct remote *r, struct refusal *why);
/* LIBRARY (an absolute path of ours) is the same file for the process, or one with the same contents. */
const char *check_visible(pid_t pid, const char *library, struct refusal *why);
/* Why the kernel said ERR (EPERM, EACCES, ...) to tracing it. */
const char *check_permission(pid_t pid, int err, struct refusal *why);

/* "nginx", for messages. */
const char *process_name(pid_t pid);

#endif
