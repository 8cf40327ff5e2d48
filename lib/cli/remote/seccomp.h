/* SPDX-License-Identifier: MIT */
/*
 * seccomp.h: would the held thread's seccomp filters kill it for one of the calls that loading the
 * agent makes?
 */
#ifndef SOCKLEAK_CLI_REMOTE_SECCOMP_H
#define SOCKLEAK_CLI_REMOTE_SECCOMP_H

#include "ptrace.h"

/*
 * *FORBIDDEN names the call, NULL: no. *IN_MEMORY: memfd_create(2) is not among those that kill. 0,
 * or -errno: it has filters that this user may not read.
 */
int seccomp_check(struct tracee *t, const char **forbidden, bool *in_memory);

#endif
