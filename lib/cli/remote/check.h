/* SPDX-License-Identifier: MIT */
/*
 * check.h: may and can a library be loaded into a process? Each refusal is one sentence with the
 * reason and what to do instead.
 *
 * Nothing here stops or changes the process. Each returns NULL when nothing stands in the way, else
 * WHY's text.
 */
#ifndef SOCKLEAK_CLI_REMOTE_CHECK_H
#define SOCKLEAK_CLI_REMOTE_CHECK_H

#include "../base/library.h"
#include "process.h"
#include "refusal.h"
#include "remote.h"

/* There is such a process, alive, and not only a thread of one. P as process_read left it. */
const char *check_exists(const struct process_facts *p, struct refusal *why);
/*
 * It is of a kind that can load our library: this processor, dynamically linked; not stopped, not
 * traced by somebody else.
 */
const char *check_kind(const struct process_facts *p, struct refusal *why);
/* Which C library it runs on; without any: glibc. */
enum library_libc check_which_libc(const struct remote *r);
/* It runs on a C library that there is an agent for. */
const char *check_libc(const struct remote *r, const struct process_facts *p, struct refusal *why);
/*
 * Does the process see LIBRARY (an absolute path of ours), or a file with the same contents, under
 * that path, and may execute it? UNSEEN gets "" if so, else why not: "has no /x in its file system".
 */
const char *check_visible(const struct process_facts *p, const char *library, char *unseen, size_t size, struct refusal *why);
/* Why the kernel said ERR (EPERM, EACCES, ...) to tracing it. */
const char *check_permission(const struct process_facts *p, int err, struct refusal *why);

#endif
