/* SPDX-License-Identifier: MIT */
/*
 * run.h: between the files of `sockleak run` only: may this program be run under the agent, and running it.
 */
#ifndef SOCKLEAK_CLI_RUN_RUN_H
#define SOCKLEAK_CLI_RUN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * check.c. Where execvp would find NAME, into PATH. NULL, or a sentence that says why there is none.
 */
const char *run_find(const char *name, char *path, size_t cap);
/*
 * NULL when the program at PATH (an ELF file, or a script whose interpreter is followed) loads LIBRARY; else a sentence with the reason and what to
 * use instead, in a static buffer. What cannot be read or told is let pass.
 */
const char *run_check(const char *path, const char *library);

/*
 * wait.c. Runs ARGV (program file PATH) with environment ENVP in the foreground, in our process group and session, and waits for it. Signals from
 * the terminal and from below us are left to it; all others are passed on; we stop when it stops. *STATUS gets a shell's status: its own, or 128+N.
 * NULL, or a sentence why it could not be started.
 */
const char *run_program(const char *path, char **argv, char **envp, pid_t *pid, int *status);

#endif
