/* SPDX-License-Identifier: MIT */
/*
 * dup.h: second references to one open socket. Rules for the caller: track.h.
 */
#ifndef SOCKLEAK_AGENT_DUP_H
#define SOCKLEAK_AGENT_DUP_H

/*
 * After dup, dup2, dup3, F_DUPFD, F_DUPFD_CLOEXEC: NEW_FD (>= 0, != OLD_FD) is a second reference
 * to OLD_FD's file. For dup2 and dup3 the caller has called track_closing(new_fd) first, and calls
 * track_close_failed when the real call failed.
 */
void track_duped(int old_fd, int new_fd);

#endif
