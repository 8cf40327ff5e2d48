/* SPDX-License-Identifier: MIT */
/*
 * match.h: which socket belongs to which stopped call.
 *
 * A call's result is not known outside: a call is let go on, and some time later a look finds a new
 * socket. A connect, bind or listen names its socket, and the thread (of Go: the goroutine) that makes
 * it is the one that opened it. An accepted connection has its listener's address. Any other socket is one of the
 * calls of its kind that were under way since the look before; if all these have one stack, it is
 * that. Else it is said to be of one of them. Nothing is guessed.
 *
 * Pure: no I/O. One of these for each process.
 */
#ifndef SOCKLEAK_CLI_TRACE_MATCH_H
#define SOCKLEAK_CLI_TRACE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../core/calls.h"
#include "../../core/state.h"

/* What a call must have in common with the socket that it made. */
struct match_kind {
    uint8_t call;         /* CALL_SOCKET, CALL_SOCKETPAIR, CALL_ACCEPT (accept4 too), CALL_DUP (its kin too) */
    uint8_t family, type; /* of socket and socketpair: as given, without flags */
    uint16_t protocol;    /* the same; 0: the family's own */
    uint64_t listener;    /* of accept: match_address of what it accepts from; of dup: the cookie. 0: not known */
};

struct match_call {
    struct match_kind kind;
    uint64_t who; /* the goroutine, or the thread */
    pid_t tid;
    state_ref site;
    uint64_t first_ns, last_ns; /* when such calls were let go */
    uint64_t ended_ns;          /* the last of them has returned by then; 0: not known yet */
    uint32_t count;             /* of such calls whose socket is not known */
};

/* The last connect of a socket: where it was made, and the address that it was given. */
struct match_asked {
    state_ref site; /* 0: not known */
    uint64_t at_ns; /* 0: no connect was seen */
    char address[96];
};

struct match_exact {
    uint64_t cookie;
    state_ref site;
    pid_t tid;
    uint64_t opened_ns, known_ns; /* known: since the call that named it */
    struct match_asked asked;
};

struct match {
    struct match_call *calls;
    size_t n_calls, cap_calls;
    size_t *places; /* of calls, by `who` and the rest: open addressing; 0: free, else index + 1 */
    size_t n_places;
    struct match_exact *exact; /* open addressing by cookie; 0: free */
    size_t n_exact, cap_exact;
    uint64_t looked_ns, looked_before_ns; /* when the last complete look began, and the one before it */
};

void match_free(struct match *m);
/* A call was let go at NOW_NS; what the same thread called before has returned. */
void match_call(struct match *m, const struct match_call *c, uint64_t now_ns);
/* The thread TID was seen at NOW_NS to be in none of its earlier calls. */
void match_ended(struct match *m, pid_t tid, uint64_t now_ns);
/*
 * WHO connects, or gives an address to, the socket with this COOKIE, of this KIND (CALL_SOCKET), which
 * no look has seen before. True: it has opened it, and match_find will say so.
 */
bool match_named(struct match *m, uint64_t who, const struct match_kind *kind, uint64_t cookie, uint64_t now_ns);

/* What match_named has found for COOKIE; NULL: nothing. */
struct match_exact *match_exact_of(struct match *m, uint64_t cookie);

#define MATCH_SITES 4u
struct match_result {
    unsigned n; /* sites that it may be of; 0: no call is known; more than MATCH_SITES: too many to tell */
    state_ref sites[MATCH_SITES];
    const struct match_asked *asked; /* valid until the match changes; NULL: not EXACT */
    bool exact;
    pid_t tid; /* 0: not known, or one of several */
    uint64_t opened_ns;
};
/*
 * Of which site the socket is that a look has found for the first time. FIRST and OTHER: as what it
 * may have been made (accepted, or by socket); OTHER may be NULL, and counts where no call fits FIRST,
 * or where it is not known of an accept on which listener it was.
 * HEIR: it was found in a child; the calls of the look before count too.
 */
void match_find(struct match *m, uint64_t cookie, const struct match_kind *first, const struct match_kind *other, bool heir,
                struct match_result *r);
/* A look of all sockets, begun at BEGAN_NS, is complete: what is older than the last but one is forgotten. */
void match_looked(struct match *m, uint64_t began_ns);

/* An address as one number that two sockets with the same local address have in common; 0: none. */
uint64_t match_address(const void *sockaddr, size_t size);

#endif
