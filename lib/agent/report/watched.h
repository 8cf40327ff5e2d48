/* SPDX-License-Identifier: MIT */
/*
 * watched.h: which epolls of this process hold the sockets of a report, now.
 */
#ifndef SOCKLEAK_AGENT_REPORT_WATCHED_H
#define SOCKLEAK_AGENT_REPORT_WATCHED_H

#include "../../core/report.h"
#include "../base/scratch.h"

/*
 * Fills in what is known of that for the findings of R's groups (watch, watches, inode). Opens files
 * of /proc, one at a time, for the moment; where that is not possible, or there is too much to read,
 * less is known. With the watch lock held. Memory is of SCRATCH.
 */
void watched_find(struct report *r, struct scratch **scratch);

#endif
