/* SPDX-License-Identifier: MIT */
/*
 * dead.h: which of the descriptors that no kernel table explains are dead TCP sockets.
 */
#ifndef SOCKLEAK_CLI_SCAN_DEAD_H
#define SOCKLEAK_CLI_SCAN_DEAD_H

#include "types.h"

/*
 * Sets `fate` and `family` of the holds in S whose socket is a TCP socket in state CLOSE: the
 * kernel keeps those in no table. S must have its index. Waits a tenth of a second if there are
 * any, so that a socket on its way from socket() to connect() is not counted.
 */
void scan_find_dead(struct scan *s);

#endif
