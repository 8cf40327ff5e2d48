/* SPDX-License-Identifier: MIT */
/*
 * queue.h: calls that were let go, whose stacks are still to be walked.
 *
 * The walk takes no part of the program's time: it is made from the copy, when no other call waits.
 */
#ifndef SOCKLEAK_CLI_TRACE_QUEUE_H
#define SOCKLEAK_CLI_TRACE_QUEUE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "match.h"
#include "walk.h"

#define QUEUE_CALLS 256u

struct queued {
    bool walkable; /* the sample has where the thread stood */
    uint64_t let_go_ns;
    uint64_t program; /* of its process (process.h), when it was stopped */
    /* of connect, where the socket is one that no look has seen: what it is */
    uint64_t cookie;
    struct match_kind kind;
    /* of connect: where to */
    socklen_t to_size;
    struct sockaddr_storage to;
    struct sample sample;
};

struct queue {
    struct queued *calls;
    unsigned first, n;
};

static inline bool queue_is_full(const struct queue *q) { return q->n == QUEUE_CALLS; }
/* The place of the next call; it is in the queue once queue_put was called. The queue is not full. */
static inline struct queued *queue_place(struct queue *q) { return &q->calls[(q->first + q->n) % QUEUE_CALLS]; }
static inline void queue_put(struct queue *q) { q->n++; }
/* The oldest, valid until the next queue_put; NULL: there is none. */
static inline struct queued *queue_take(struct queue *q)
{
    if (!q->n)
        return NULL;
    struct queued *c = &q->calls[q->first];
    q->first = (q->first + 1) % QUEUE_CALLS;
    q->n--;
    return c;
}

#endif
