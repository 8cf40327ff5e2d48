/* SPDX-License-Identifier: MIT */
/*
 * adopt.h: enters sockets that no wrapper of this process saw opened. Wrappers do not call this.
 */
#ifndef SOCKLEAK_AGENT_ADOPT_H
#define SOCKLEAK_AGENT_ADOPT_H

#include <stdbool.h>

#include "../../core/state.h"

/* SO_COOKIE of FD, if that can still be the socket that S, another table's slot, stands for; else 0. */
uint64_t track_still(int fd, const struct state_slot *s);
/*
 * track_import: a socket inherited over a fork; S is the parent's slot, SITE its stack in this
 * process' table (0: none). track_adopt: a socket that the watcher or a receive call has found.
 * COOKIE: SO_COOKIE as just read. False: the program has opened this number meanwhile.
 */
bool track_import(int fd, const struct state_slot *s, state_ref site, uint64_t cookie);
/*
 * A socket that was open before an exec of this process; S is its slot in the old table, SITE and
 * TOLD_SITE its stacks in the present one.
 */
bool track_resume(int fd, const struct state_slot *s, state_ref site, state_ref told_site, uint64_t cookie);
bool track_adopt(int fd, enum origin origin, uint64_t cookie);

#endif
