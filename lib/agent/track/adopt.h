/* SPDX-License-Identifier: MIT */
/*
 * adopt.h: enters sockets that no wrapper of this process saw opened. Not for wrappers.
 */
#ifndef SOCKLEAK_AGENT_ADOPT_H
#define SOCKLEAK_AGENT_ADOPT_H

#include <stdbool.h>

#include "../../core/state.h"

/*
 * track_import: inherited over a fork; S is the parent's slot, SITE its stack here (0: none). track_adopt: found by the watcher,
 * or by a receive call. COOKIE: SO_COOKIE as just read. False: the number was taken meanwhile.
 */
bool track_import(int fd, const struct state_slot *s, state_ref site, uint64_t cookie);
bool track_adopt(int fd, enum origin origin, uint64_t cookie);

#endif
