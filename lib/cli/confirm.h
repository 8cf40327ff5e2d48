/* SPDX-License-Identifier: MIT */
/*
 * confirm.h: what the kernel says now, from outside, of the sockets in a live process' table. For model.c alone.
 */
#ifndef SOCKLEAK_CLI_CONFIRM_H
#define SOCKLEAK_CLI_CONFIRM_H

#include "../core/report.h"
#include "arena.h"
#include "load.h"

struct confirm;

/*
 * Reads the process' descriptors and, when its agent did not answer or WANT_ADDRESSES, its TCP tables. NULL when it may not be looked into: then nothing can
 * be confirmed or refuted. Addresses that it adds to findings live in ARENA.
 */
struct confirm *confirm_begin(const struct loaded *l, struct arena *arena, bool want_addresses);
/*
 * False: descriptor F->fd is no longer that socket (INODE as the last look saw it, 0 unknown). Else F's kind is brought to what the kernel
 * says now where the look is old (it may become KIND_OPEN, or cease to be that), and unknown addresses are filled in.
 */
bool confirm_socket(const struct confirm *c, struct finding *f, uint64_t inode, bool was_connected);
void confirm_end(struct confirm *c);

#endif
