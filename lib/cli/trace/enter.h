/* SPDX-License-Identifier: MIT */
/*
 * enter.h: puts a socket that a look has found into the table of its process, and takes it out.
 */
#ifndef SOCKLEAK_CLI_TRACE_ENTER_H
#define SOCKLEAK_CLI_TRACE_ENTER_H

#include "looks.h"

/*
 * The socket COOKIE, found as descriptor FD of P, of which COPY is ours. True: it stands in P's table
 * now. False: it is another process', or from outside; or no call of P's is known that made it, and
 * AGAIN is false: then the next look settles it, when the looks at the others have seen theirs.
 */
bool enter_socket(struct looks *all, struct process *p, int fd, int copy, uint64_t cookie, bool again);
/* P holds the socket in the slot of FD no more. */
void enter_leave(struct looks *all, struct process *p, int fd);

#endif
