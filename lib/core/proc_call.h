/* SPDX-License-Identifier: MIT */
/*
 * proc_call.h: which call a thread is in, from the text of its /proc/PID/task/TID/syscall
 * (proc_pid_syscall(5)).
 *
 * Pure; async-signal-safe. The numbers are this machine's: a 32-bit process has others.
 */
#ifndef SOCKLEAK_CORE_PROC_CALL_H
#define SOCKLEAK_CORE_PROC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proc_call {
    uint64_t number, args[6];
};
/*
 * The LEN bytes at TEXT. False: the thread is in no call ("running", "-1 ..."), or they are not whole.
 */
bool proc_call_parse(const char *text, size_t len, struct proc_call *c);
bool proc_call_is_running(const char *text, size_t len);

/* It receives or sends, on the descriptor that is its first argument: for that alone it may wait. */
bool proc_call_transfers(uint64_t number);
/* It waits for an epoll, its first argument. */
bool proc_call_waits_for_epoll(uint64_t number);

#endif
