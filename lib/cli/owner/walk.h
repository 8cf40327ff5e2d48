/* SPDX-License-Identifier: MIT */
/*
 * walk.h: from the handle of a descriptor in a node process to the program's functions that hang on
 * the JavaScript object which owns it.
 *
 * These are the listeners of the socket itself, and of what it belongs to as node's own code has it:
 * the socket above it (TLS, ws), the request and response, the agent, the server. Only links of
 * these names are followed, and the owner must lead back to the handle, so a function is named
 * because node would call it for this descriptor, never because it is merely reachable.
 *
 * Pure: reads the other process through struct objects alone, any bytes may come from there. A
 * walk makes a bounded number of reads.
 */
#ifndef SOCKLEAK_CLI_OWNER_WALK_H
#define SOCKLEAK_CLI_OWNER_WALK_H

#include "../../core/v8_name.h"
#include "object.h"

#define OWNER_HANDLERS 8u

struct owner_handler {
    char on[120]; /* "server 'upgrade'" */
    bool of_package;
    struct v8_function function;
};

/* The program's own code first, then that of packages; the nearest to the descriptor first. */
struct owner_handlers {
    unsigned n;
    struct owner_handler handler[OWNER_HANDLERS];
};

/*
 * Fills OUT for the libuv handle at HANDLE with the data WRAP, node's object for it, which holds its
 * JavaScript object by the word at WRAP + PERSISTENT
 * (nodedbg_offset_BaseObject__persistent_handle). False: something is not as expected, and nothing
 * is known; true with n = 0: nothing of the program hangs on it.
 */
bool walk_handle(const struct objects *o, uint64_t handle, uint64_t wrap, uint64_t persistent, struct owner_handlers *out);
/* Both name the same functions, in one order, for the same events. */
bool walk_same(const struct owner_handlers *a, const struct owner_handlers *b);

#endif
