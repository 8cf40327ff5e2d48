/* SPDX-License-Identifier: MIT */
/*
 * dead.h: which of the descriptors that no kernel table explains are dead TCP sockets.
 */
#ifndef SOCKLEAK_CLI_SCAN_DEAD_H
#define SOCKLEAK_CLI_SCAN_DEAD_H

#include "scan.h"

/* Sets `fate` and `family` of the holds in S whose socket is a TCP socket in state CLOSE: the kernel keeps those in no table. Waits
 * a tenth of a second if there are any, so that a socket on its way from socket() to connect() is not counted. */
void scan_find_dead(struct scan *s);

/*
 * What became of the TCP socket that descriptor FD of PID is, and that no table lists: FATE_NONE when it lives all the same (in another network
 * namespace), FATE_DEAD_OR_NEVER when that may not be asked. Whether it is still that socket must be looked at afterwards (procfs_holds).
 */
enum scan_fate scan_fate(pid_t pid, int fd);

#endif
