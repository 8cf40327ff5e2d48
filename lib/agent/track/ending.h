/* SPDX-License-Identifier: MIT */
/*
 * ending.h: sockets that only the end of the program closes.
 */
#ifndef SOCKLEAK_AGENT_TRACK_ENDING_H
#define SOCKLEAK_AGENT_TRACK_ENDING_H

#include <stdbool.h>

#include "../../core/state.h"

/*
 * SLOT is about to be closed. True: a check has seen its socket in a condition, and exit(3), which
 * a return from main calls too, has begun. Then it is marked, and its slot stays for the last
 * report.
 */
bool ending_keeps(const struct state_slot *slot);

#endif
