/* SPDX-License-Identifier: MIT */
/*
 * wait.h: runs a program and waits for it.
 */
#ifndef SOCKLEAK_CLI_RUN_WAIT_H
#define SOCKLEAK_CLI_RUN_WAIT_H

#include <sys/types.h>

/*
 * Runs ARGV (program file PATH) with environment ENVP in the foreground, in our process group and
 * session, and waits for it. Signals from the terminal and from our own descendants reach it
 * without us; all others are passed on. When it is stopped, so are we. *STATUS gets a shell's
 * status: its own, or 128+N. NULL, or a sentence why it could not be started.
 */
const char *run_program(const char *path, char **argv, char **envp, pid_t *pid, int *status);

#endif
