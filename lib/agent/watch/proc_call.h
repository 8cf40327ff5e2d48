/* SPDX-License-Identifier: MIT */
/*
 * proc_call.h: what a thread waits for, of this process or of another one: the call that it is in,
 * and the descriptors that poll, select and epoll watch for it.
 *
 * Reads /proc; needs the rights of a debugger for another process. With the watch lock held: there is
 * one buffer. PID 0: this process.
 */
#ifndef SOCKLEAK_AGENT_WATCH_PROC_CALL_H
#define SOCKLEAK_AGENT_WATCH_PROC_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/proc_call.h"

enum proc_call_is { PROC_CALL_KNOWN, PROC_CALL_RUNNING /* in none */, PROC_CALL_ENDED, PROC_CALL_UNKNOWN };
enum proc_call_is proc_call_of(uint32_t pid, uint32_t tid, struct proc_call *c);

/* ON is called for each descriptor. */
struct proc_watch {
    void (*on)(void *arg, uint64_t fd);
    void *arg;
};
/*
 * The descriptors of a poll or select; none for any other call. False: not all of them are known.
 */
bool proc_call_polls(uint32_t pid, const struct proc_call *c, const struct proc_watch *w);
/* The descriptors that the epoll FD watches. False: not all of them are known. */
bool proc_call_epoll(uint32_t pid, unsigned fd, const struct proc_watch *w);

#endif
