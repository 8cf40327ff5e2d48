/* SPDX-License-Identifier: MIT */
/*
 * confirm.h: what the kernel says now of the sockets in a live process' table, asked from outside.
 * For collect.c alone.
 */
#ifndef SOCKLEAK_CLI_MODEL_CONFIRM_H
#define SOCKLEAK_CLI_MODEL_CONFIRM_H

#include "../../core/report.h"
#include "../base/arena.h"
#include "../state/load.h"

struct confirm;

/*
 * Reads the process' descriptors; its TCP tables when they are first needed. NULL when they may not
 * be read: then nothing can be confirmed or refuted. Addresses that it adds to findings live in
 * ARENA.
 */
struct confirm *confirm_begin(const struct loaded_file *l, struct arena *arena);
/* How many descriptors of all sorts the process has open. */
uint64_t confirm_descriptors(const struct confirm *c);
/* Descriptor FD is in the process' table. */
void confirm_recorded(struct confirm *c, int fd);
/*
 * How many sockets the process holds of which confirm_recorded was not told, 0 to 2 left out; and of
 * which kind each is now, KIND_OPEN where it is none or nobody tells. For the end: only confirm_end
 * follows.
 */
uint64_t confirm_unrecorded(struct confirm *c, uint64_t by_kind[KIND_COUNT]);
/* Of how many sockets neither the agent nor the kernel has told the state. */
uint64_t confirm_unjudged(const struct confirm *c);
/* What the slot says of the socket. */
struct confirm_slot {
    uint64_t inode; /* as the last look saw it, 0 unknown */
    bool looked_at; /* the watcher has seen this very socket */
    bool was_connected;
    unsigned type; /* SOCK_*, 0 unknown */
};
/*
 * False: descriptor F->fd is no longer that socket. Otherwise, if the agent's last look is old or
 * did not cover this socket, F's kind becomes what the kernel says now (from or to KIND_OPEN too).
 * Unknown addresses are filled in if the kind is not KIND_OPEN, or if WANT_ADDRESSES.
 */
bool confirm_socket(struct confirm *c, struct finding *f, const struct confirm_slot *s, bool want_addresses);
void confirm_end(struct confirm *c);

#endif
