/* SPDX-License-Identifier: MIT */
/*
 * marker.h: the half of a socketpair that a Java runtime keeps as a marker.
 */
#ifndef SOCKLEAK_CLI_SCAN_MARKER_H
#define SOCKLEAK_CLI_SCAN_MARKER_H

#include "types.h"

/*
 * Takes back the hangup of sockets that are no leak: in a process that maps libnio.so, a Unix
 * socket without a name, on which nothing waits and whose peer had no name either. Where the peer's
 * name cannot be asked for (no permission), only a socket that is the process' only one of this
 * sort.
 */
void scan_find_markers(struct scan *s);

#endif
