/* SPDX-License-Identifier: MIT */
/*
 * finding.h: one socket that is reported, as a slot of the state file and its detail describe it.
 *
 * Pure: the agent fills findings from its live table, the command from a file that may be damaged.
 * Async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_FINDING_H
#define SOCKLEAK_CORE_FINDING_H

#include "out.h"
#include "report.h"

/*
 * SLOT stands for a socket that may be reported: not ignored by the program, and not inherited
 * without ever being used here while another process was there to report it.
 */
bool finding_counts(const struct state_slot *slot);
/*
 * Fills F from SLOT, a copy out of VIEW, for descriptor FD. Its kind is `open` since it was opened,
 * until a detail or the kernel gives another. Its strings are NULL.
 */
void finding_from_slot(struct finding *f, int fd, const struct state_slot *slot, const struct state_view *view);
/*
 * Adds what the program did with it between its opening and its end. SLOT and VIEW as above; FIND:
 * one for all sockets of VIEW.
 */
void finding_add_life(struct finding *f, const struct state_slot *slot, const struct state_view *view, struct state_finder *find);
/*
 * What was done with C, a closed socket's life out of VIEW, as of a finding of KIND: its events, and
 * what it was told. FIND as above.
 */
void finding_from_closed(struct finding *f, const struct state_closed *c, unsigned kind, const struct state_view *view,
                         struct state_finder *find);
/*
 * The call on a closed descriptor that U records; the strings are U's. Fills all of F.
 */
void finding_from_use(struct finding *f, const struct state_use *u, const struct state_view *view);
/*
 * Adds what the last check has found: kind, state, since when. The addresses are taken as they are:
 * they point into D, and need a terminating NUL there.
 */
void finding_from_detail(struct finding *f, const struct state_detail *d);
/*
 * The bytes that D's socket has transferred, and how a check keeps them there. Only the details of
 * sockets with a TCP state have room for them: their addresses are short.
 */
void finding_transfer_from(struct transfer *t, const struct state_detail *d);
void finding_transfer_to(struct state_detail *d, const struct transfer *t);
/*
 * Fills F from H, a closed socket out of VIEW that another process keeps open. Its strings point
 * into H.
 */
void finding_from_held(struct finding *f, const struct state_held *h, const struct state_view *view);
/*
 * What its last failed call was: the error, and the address that it was given; its peer is that
 * address where it has none and connect was the call. A's address must have its end, and F points
 * to it.
 */
void finding_from_attempt(struct finding *f, const struct state_attempt *a);
/*
 * " to 127.0.0.1:1 (ECONNREFUSED)", "" where neither is known: for a socket that never connected,
 * where connect failed or is under way; " ADDRESS" for the calls that a local address is given to.
 */
void finding_put_target(struct out *o, const struct finding *f);
/* The error that is F's: of its last call that failed, else the one that the program was told. */
static inline unsigned finding_error(const struct finding *f) { return f->asked_errno ? f->asked_errno : f->told_errno; }
/*
 * Nothing was tried with a socket of KIND_NEVER_CONNECTED, as far as is known: a single one of its
 * site is a reserve for the day without descriptors.
 */
static inline bool finding_may_be_reserve(unsigned never) { return never == NEVER_UNTRIED || never == NEVER_UNSEEN; }
/*
 * Whether the program saw EOF of F, from what is known of the calls and EOF, the verdict of a look
 * that may be older.
 */
enum eof finding_eof(const struct finding *f, unsigned eof);
/* What the program was told of F. */
enum event finding_event(const struct finding *f);
/*
 * Not past its grace, and: a standard descriptor (0 to 2) that came from outside; a socket that
 * nobody in the family is known to have opened and that this process has not used; or one that was
 * never connected, which a thread of the parent may have had for a moment at the fork. At an exit
 * these are no leak of this process.
 */
bool finding_is_from_outside(const struct finding *f);
/*
 * The state as ss(8) writes it, "" for none; a static string. For a kind that implies a state it is
 * that one: an MPTCP socket's tcp_state is only its first subflow's.
 */
const char *finding_state(const struct finding *f);

#endif
