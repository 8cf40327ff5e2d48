/* SPDX-License-Identifier: MIT */
/*
 * attach.h: what attach.c and detach.c share: waking an agent through its state file, and waiting for its answer.
 */
#ifndef SOCKLEAK_CLI_ATTACH_ATTACH_H
#define SOCKLEAK_CLI_ATTACH_ATTACH_H

#include "../state/load.h"

/* The state file of the live process PID. False: none, or none that can be read; L is untouched then. */
bool attach_load(struct loaded *l, pid_t pid);
/* Wakes whoever waits for a change of WORD, in whatever process. */
void attach_wake_word(_Atomic uint32_t *word);
/* Waits until REACHED(H, ARG), at most 5 s and as long as PID lives. */
bool attach_wait(bool (*reached)(const struct state_header *h, uint64_t arg), const struct state_header *h, uint64_t arg, pid_t pid);

#endif
