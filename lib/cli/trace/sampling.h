/* SPDX-License-Identifier: MIT */
/*
 * sampling.h: what is copied of a stopped thread before it goes on.
 */
#ifndef SOCKLEAK_CLI_TRACE_SAMPLING_H
#define SOCKLEAK_CLI_TRACE_SAMPLING_H

#include <linux/seccomp.h>

#include "threads.h"
#include "walk.h"

/*
 * Fills S from the stopped thread TH and the notification N, but for what walker_sample fills. False:
 * where it stands cannot be read; then only its call is known.
 */
bool sampling_take(struct sample *s, struct thread *th, const struct seccomp_notif *n);
/* N bytes of the memory of PID at ADDRESS; false: not all could be read. */
bool sampling_read(pid_t pid, uint64_t address, void *to, size_t n);

#endif
