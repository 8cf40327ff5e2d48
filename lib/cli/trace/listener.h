/* SPDX-License-Identifier: MIT */
/*
 * listener.h: receives a stopped call from a seccomp listener, and lets it go on.
 *
 * Inline: two processes do that, the supervisor and its keeper (keeper.h).
 */
#ifndef SOCKLEAK_CLI_TRACE_LISTENER_H
#define SOCKLEAK_CLI_TRACE_LISTENER_H

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1u
#endif

/* 0: a thread is stopped, at a call that NOTIFICATION describes; -errno: none is, or the last one has gone. */
static inline int listener_receive(int listener, struct seccomp_notif *notification)
{
    memset(notification, 0, sizeof *notification);
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification) == 0 ? 0 : -errno;
}

/* The call ID goes on unchanged. -ENOENT: its thread has ended, or a signal has made it leave the call. */
static inline int listener_answer(int listener, __u64 id)
{
    struct seccomp_notif_resp r = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0 ? 0 : -errno;
}

#endif
