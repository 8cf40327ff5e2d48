/* SPDX-License-Identifier: MIT */
/*
 * wait.h: runs a program and waits for it.
 */
#ifndef SOCKLEAK_CLI_RUN_WAIT_H
#define SOCKLEAK_CLI_RUN_WAIT_H

#include <stdbool.h>
#include <sys/types.h>

/* How a program ended. */
struct run_end {
    pid_t pid;
    int status; /* a shell's: its own, or 128+N */
    int signal; /* that ended it; 0: it exited */
};

/*
 * Who watches the program from outside meanwhile (trace/supervisor.h, as run.c passes it). CHILD runs
 * in the child before exec; TAKE in the parent while the child waits; SERVE in place of a wait, until
 * the descriptor is readable; AWAY when we are about to stop, and when we go on. CHILD returns an
 * errno, TAKE a sentence; both end the child.
 */
struct run_watch {
    void *arg;
    int (*child)(void *arg);
    const char *(*take)(void *arg, pid_t pid);
    void (*serve)(void *arg, int until);
    void (*away)(void *arg, bool away);
};

/* SURELY: the signal ends the program; else the program catches it, and may end. */
typedef void run_before(void *arg, bool surely);
/*
 * Runs ARGV (program file PATH) with environment ENVP in the foreground, in our process group and
 * session, and waits for it. Signals from the terminal and from our own descendants reach it
 * without us; all others are passed on; before one that will or may end it, BEFORE is called with ARG.
 * When it is stopped, so are we. WATCH may be NULL. NULL, or a sentence why it could not be started.
 */
const char *run_program(const char *path, char **argv, char **envp, const struct run_watch *watch, run_before *before, void *arg,
                        struct run_end *end);

#endif
