/* SPDX-License-Identifier: MIT */
/*
 * process.h: what /proc/PID/status says of a process, read once.
 */
#ifndef SOCKLEAK_CLI_REMOTE_PROCESS_H
#define SOCKLEAK_CLI_REMOTE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process_facts {
    pid_t pid;
    char name[64]; /* "nginx"; clean of what could steer a terminal; "?" unknown */
    /* R S D T t ..., of a thread that still runs if any does. Z: it has ended. 0: unknown */
    char state;
    long tgid, tracer, uid, seccomp; /* -1: unknown; tracer 0: none; seccomp: the mode */
    bool kernel_thread, shadow_stack;
};

/*
 * Fills FACTS of the process or thread PID. False: there is none, or it is hidden from this user;
 * the name is "?" then.
 */
bool process_read(pid_t pid, struct process_facts *facts);

#endif
