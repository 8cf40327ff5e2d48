/* SPDX-License-Identifier: MIT */
/*
 * quiet.h: which receive and send calls are no event: all that have transferred something, unless
 * one of them is waited for.
 */
#ifndef SOCKLEAK_AGENT_QUIET_H
#define SOCKLEAK_AGENT_QUIET_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A receive or send call whose result is above this needs no event. Normally 0. SSIZE_MAX, so that
 * every call is an event, until a forked or just attached process has used all its inherited
 * connections, and until the first receive call that gave data. (Hidden on the declaration too, so
 * that it is read without the GOT.)
 */
extern ssize_t track_quiet __attribute__((visibility("hidden")));
/*
 * USE: a child of fork has connections that it has not used yet, so every transfer is an event
 * until it has.
 */
void track_expect_use(bool use);
/* One of these connections is known by its slot; it was used, or is gone. */
void quiet_await(void);
void quiet_settle(void);

/* Every transfer is an event from now on: who uses which socket is kept. */
void quiet_never(void);

/* A process that has sockets from now on: every transfer is an event until track_data_came. */
void track_expect_data(void);
/* A receive call has given data from a socket. */
void track_data_came(void);
/* A receive call with an empty buffer was seen: it takes the FIN too, and tells nobody. */
void track_empty_call(void);
bool track_had_empty_call(void);
/* None was seen yet that has: what was read from its sockets, somebody has read unseen. */
bool track_no_data_came(void);

#endif
