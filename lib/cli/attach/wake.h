/* SPDX-License-Identifier: MIT */
/*
 * wake.h: waking an agent through its state file, and waiting for its answer.
 */
#ifndef SOCKLEAK_CLI_ATTACH_WAKE_H
#define SOCKLEAK_CLI_ATTACH_WAKE_H

#include "../state/load.h"

#define ATTACH_WAIT_MS 5000

/*
 * The state file of the live process PID. False: none, or none that can be read; L is untouched
 * then.
 */
bool attach_load(struct loaded_file *l, pid_t pid);
/* Wakes whoever waits for a change of WORD, in whatever process. */
void attach_wake_word(const _Atomic uint32_t *word);
/* Waits until REACHED(H, ARG), at most ATTACH_WAIT_MS and as long as PID lives. */
bool attach_wait(bool (*reached)(const struct state_header *h, uint64_t arg), const struct state_header *h, uint64_t arg, pid_t pid);
bool attach_is_gone(pid_t pid);
void attach_nap_ms(int ms);

#endif
