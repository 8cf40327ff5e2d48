/* SPDX-License-Identifier: MIT */
/*
 * confirm.h: what the kernel says now, from outside, of the sockets in a live process' table. For model.c alone.
 */
#ifndef SOCKLEAK_CLI_MODEL_CONFIRM_H
#define SOCKLEAK_CLI_MODEL_CONFIRM_H

#include "../../core/report.h"
#include "../base/arena.h"
#include "../state/load.h"

struct confirm;

/*
 * Reads the process' descriptors; its TCP tables when they are first needed. NULL when it may not be looked into: then nothing can be confirmed or
 * refuted. Addresses that it adds to findings live in ARENA.
 */
struct confirm *confirm_begin(const struct loaded_file *l, struct arena *arena);
/* What the slot says of the socket. */
struct confirm_slot {
    uint64_t inode; /* as the last look saw it, 0 unknown */
    bool looked_at; /* the watcher has seen this very socket */
    bool was_connected;
    unsigned type; /* SOCK_*, 0 unknown */
};
/*
 * False: descriptor F->fd is no longer that socket. Else F's kind is brought to what the kernel says now where the agent's look is old or has not
 * come to it yet (it may become KIND_OPEN, or cease to be that), and unknown addresses of what is not KIND_OPEN or WANT_ADDRESSES are filled in.
 */
bool confirm_socket(struct confirm *c, struct finding *f, const struct confirm_slot *s, bool want_addresses);
void confirm_end(struct confirm *c);

#endif
