/* SPDX-License-Identifier: MIT */
/*
 * watched.h: what the kernel says now of the sockets of a live process' findings: who watches them,
 * and what they have transferred.
 */
#ifndef SOCKLEAK_CLI_MODEL_WATCHED_H
#define SOCKLEAK_CLI_MODEL_WATCHED_H

#include "types.h"

/*
 * Fills in which epolls of the process hold the sockets of M's findings (their inodes are set). Reads
 * /proc/PID/fd and, for each epoll, its fdinfo; of a process that is gone nothing is known.
 */
void watched_find(struct model *m);
/*
 * Where the agent has not just looked: the bytes of the connections that live, from sock_diag. What
 * the last look saw of those is dropped where that cannot be asked.
 */
void watched_transfers(struct model *m);

#endif
