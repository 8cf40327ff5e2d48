/* SPDX-License-Identifier: MIT */
/*
 * open_close.h: the events of opening and closing sockets. Rules for the caller: track.h.
 */
#ifndef SOCKLEAK_AGENT_OPEN_CLOSE_H
#define SOCKLEAK_AGENT_OPEN_CLOSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../../core/state.h"
#include "closer.h"

/* FD (>= 0: else nothing happens) was opened. */
void track_opened(int fd, int family, int type, int protocol, enum origin origin);
void track_pair(const int fd[2], int family, int type, int protocol);
/* accept/accept4 on LISTENER gave FD (>= 0). FLAGS: accept4's. */
void track_accepted(int listener, int fd, int flags);
/* Descriptors that arrived in MSG's SCM_RIGHTS, after a successful recvmsg. */
void track_rights(const struct msghdr *msg);

/* Before a close. Returns a token, 0 when there is nothing to put back. */
uint64_t track_closing_by(int fd, unsigned call, struct closer by);
static inline uint64_t track_closing(int fd) { return track_closing_by(fd, 0, (struct closer){NULL, NULL}); }
void track_close_failed(int fd, uint64_t token);
/* Before close_range/closefrom that will close FIRST..LAST. Walks the table. True: it held any. */
bool track_closing_range_by(unsigned first, unsigned last, unsigned call, struct closer by);
static inline bool track_closing_range(unsigned first, unsigned last)
{
    return track_closing_range_by(first, last, 0, (struct closer){NULL, NULL});
}
/*
 * After that call, when it held any. FAILED: the kernel refused the call (ENOSYS, EPERM) and closed
 * nothing, so what was there is put back.
 */
void track_range_closed(unsigned first, unsigned last, bool failed);

/*
 * For the watcher: a check has found that FD is no longer the socket that its slot, of generation
 * GEN, stands for.
 */
void track_vanished(int fd, uint32_t gen);

#endif
