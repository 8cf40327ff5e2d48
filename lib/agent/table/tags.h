/* SPDX-License-Identifier: MIT */
/*
 * tags.h: the names that threads give to their new sockets.
 */
#ifndef SOCKLEAK_AGENT_TAGS_H
#define SOCKLEAK_AGENT_TAGS_H

#include <stdint.h>

/*
 * The number of NAME (at most 63 bytes of it), entered into the table if it is new; 0 when the
 * table is full or has 65,535 names. Takes a lock: not in signal handlers.
 */
uint16_t tags_number(const char *name);

#endif
