/* SPDX-License-Identifier: MIT */
/*
 * observe.h: judges a socket of a traced process and keeps its condition in the table.
 */
#ifndef SOCKLEAK_CLI_TRACE_OBSERVE_H
#define SOCKLEAK_CLI_TRACE_OBSERVE_H

#include "process.h"

/*
 * The socket in the slot of P's descriptor FD, of which COPY is ours, at this look. ENDING: the
 * process exits, so what is still connecting never will be.
 */
void observe_socket(struct process *p, int fd, int copy, uint32_t inode, bool ending);

#endif
