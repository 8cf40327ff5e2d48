/* SPDX-License-Identifier: MIT */
/*
 * finding.h: one socket that is reported, as a slot of the state file and its detail describe it.
 *
 * Pure: the agent fills findings from its live table, the command from a file that may be damaged.
 * Async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_FINDING_H
#define SOCKLEAK_CORE_FINDING_H

#include "report.h"

/*
 * SLOT stands for a socket that may be reported: not ignored by the program, and not inherited
 * without ever being used here while another process was there to report it.
 */
bool finding_counts(const struct state_slot *slot);
/*
 * Fills F from SLOT, a copy out of VIEW, for descriptor FD. Its kind is `open` since it was opened,
 * until a detail or the kernel gives another. Its strings are NULL.
 */
void finding_from_slot(struct finding *f, int fd, const struct state_slot *slot, const struct state_view *view);
/*
 * Adds what the last check has found: kind, state, since when. The addresses are taken as they are:
 * they point into D, and need a terminating NUL there.
 */
void finding_from_detail(struct finding *f, const struct state_detail *d);
/*
 * Not past its grace, and: a standard descriptor (0 to 2) that came from outside; a socket that nobody
 * in the family is known to have opened; or one that was never connected, which a thread of the parent
 * may have had for a moment at the fork. At an exit these are no leak of this process.
 */
bool finding_is_from_outside(const struct finding *f);
/*
 * The state as ss(8) writes it, "" for none; a static string. For a kind that implies a state it is
 * that one: an MPTCP socket's tcp_state is only its first subflow's.
 */
const char *finding_state(const struct finding *f);

#endif
