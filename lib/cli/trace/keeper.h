/* SPDX-License-Identifier: MIT */
/*
 * keeper.h: a second process that holds the listener, so that the death of the supervisor does not
 * end the program's calls.
 *
 * When the last descriptor of a listener is closed, each stopped call fails with ENOSYS from then
 * on. The keeper sleeps until the supervisor has died, or has left; then it lets all calls go on
 * until the last process under the filter has ended. Supervisor and keeper receive into memory that
 * both see, so that the one answers what the other had in its hands. Each starts the other's kind
 * anew: only both at one moment must not be killed.
 */
#ifndef SOCKLEAK_CLI_TRACE_KEEPER_H
#define SOCKLEAK_CLI_TRACE_KEEPER_H

#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* The calls that are in hand: the kernel writes them here before the receiver knows of them. */
struct keeper_shared {
    _Atomic bool left;                  /* the supervisor is away: the keeper is to answer */
    struct seccomp_notif of_supervisor; /* of whoever answers first */
    struct seccomp_notif of_keeper[2];  /* of keepers, in turn: the one that ended, and the one after it */
};

struct keeper {
    struct keeper_shared *shared;
    int listener;
    int bell;  /* eventfd: LEFT has changed */
    pid_t pid; /* 0: none could be started */
    int pidfd; /* readable when the keeper has ended */
    unsigned turn;
};

/* False: no memory. */
bool keeper_open(struct keeper *k, int listener);
/* Starts a keeper, or another one when the last has ended; answers what that had in its hands. */
void keeper_start(struct keeper *k);
/* From now on the keeper answers, or it leaves that to the supervisor again. */
void keeper_set_left(struct keeper *k, bool left);
/* Lets go of the keeper, which serves on by itself as long as a process needs it. */
void keeper_close(struct keeper *k);

#endif
