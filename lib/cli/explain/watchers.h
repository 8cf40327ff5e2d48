/* SPDX-License-Identifier: MIT */
/*
 * watchers.h: which descriptors the kernel may give back to a program that has forgotten them.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_WATCHERS_H
#define SOCKLEAK_CLI_EXPLAIN_WATCHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * How many of the N NUMBERS an epoll of process PID watches: its events may bring the number. All of
 * them where the process has an io_uring, or where this cannot be read.
 */
unsigned watchers_have(pid_t pid, const int *numbers, unsigned n);
/* The descriptor in a line of an epoll's fdinfo; -1: it has none. Pure. */
int watchers_parse(const char *line);

#endif
