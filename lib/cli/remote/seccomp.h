/* SPDX-License-Identifier: MIT */
/*
 * seccomp.h: would the held thread's seccomp filters kill it for one of the calls that loading the
 * agent makes?
 */
#ifndef SOCKLEAK_CLI_REMOTE_SECCOMP_H
#define SOCKLEAK_CLI_REMOTE_SECCOMP_H

#include "ptrace.h"

struct seccomp_answer {
    const char *forbidden; /* the call that would kill; NULL: none of those that are always made */
    bool in_memory;        /* memfd_create(2) would not (handover.h) */
    bool twin;             /* nor would clone(2) without CLONE_FILES and close_range(2) (twin.h) */
};

/* 0, or -errno: it has filters that this user may not read. */
int seccomp_check(struct tracee *t, struct seccomp_answer *answer);

#endif
