/* SPDX-License-Identifier: MIT */
/*
 * idle.h: sites that never closed a socket, and whose many open ones do nothing: no finding, a
 * note.
 */
#ifndef SOCKLEAK_AGENT_IDLE_H
#define SOCKLEAK_AGENT_IDLE_H

#include "../../core/out.h"

/*
 * One line into O for each site with IDLE_SITE_SOCKETS or more open connections, of which none was
 * ever closed, none is in a condition, and all have been idle for GRACE_NS. With the watch lock
 * held, right after a check, at the end of the program.
 */
#define IDLE_SITE_SOCKETS 10
void idle_note(struct out *o, uint64_t grace_ns);

#endif
