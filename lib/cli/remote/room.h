/* SPDX-License-Identifier: MIT */
/*
 * room.h: descriptors for a moment, in a process that has used up its own.
 */
#ifndef SOCKLEAK_CLI_REMOTE_ROOM_H
#define SOCKLEAK_CLI_REMOTE_ROOM_H

#include <stdbool.h>
#include <sys/resource.h>

#include "process.h"
#include "refusal.h"

/* The limit that a process has; raised: it has another one until room_give_back. */
struct room {
    struct rlimit was;
    bool raised;
};

/* Reads the limit. True: process P can open hardly another file. */
bool room_is_short(const struct process_facts *p, struct room *room);
/* The limit leaves numbers for a twin, whose table is its own (twin.h). */
bool room_twin_helps(const struct room *room);
/*
 * Where a twin cannot be made: sees to it that process P can open some descriptors, by its
 * RLIMIT_NOFILE (prlimit(2)). To be called while a thread of it is held, and with all signals
 * blocked: a program of one thread can take none of them then, and nothing but SIGKILL ends us
 * before the limit is as it was. NULL, or WHY's sentence: it has none left and the limit cannot be
 * raised; TWIN_ERROR is the errno of the other way.
 */
const char *room_make(const struct process_facts *p, struct room *room, int twin_error, struct refusal *why);
/* Gives the process the limit that it had. */
void room_give_back(const struct process_facts *p, const struct room *room);

#endif
