/* SPDX-License-Identifier: MIT */
/*
 * room.h: descriptors for a moment, in a process that has used up its own.
 */
#ifndef SOCKLEAK_CLI_ATTACH_ROOM_H
#define SOCKLEAK_CLI_ATTACH_ROOM_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The limit that a process had; raised: it has another one until room_give_back. */
struct room {
    struct rlimit was;
    bool raised;
    sigset_t signals; /* of this command, from before: all are blocked meanwhile */
};

/*
 * Sees to it that process PID can open some descriptors, by its RLIMIT_NOFILE (prlimit(2)). False:
 * it has none left and the limit cannot be raised; a line says so and what to do.
 */
bool room_make(pid_t pid, struct room *room);
/* Gives the process the limit that it had. Keeps errno. */
void room_give_back(pid_t pid, const struct room *room);

#endif
