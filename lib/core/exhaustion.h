/* SPDX-License-Identifier: MIT */
/*
 * exhaustion.h: a call failed because nothing was left of a resource: which call and resource, and
 * what else than sockets holds the process' descriptors.
 *
 * Pure; no allocation. Async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_EXHAUSTION_H
#define SOCKLEAK_CORE_EXHAUSTION_H

#include "option_fields.h"
#include "out.h"
#include "report.h"

/* A report of one resource comes at most so often. */
#define EXHAUSTION_AGAIN_NS 600000000000ull

/* Which resource the failure of CALL (enum call) with ERROR shows to be used up. */
enum exhaustion_resource {
    EXHAUSTION_NONE = 0,
    EXHAUSTION_DESCRIPTORS, /* of this process: EMFILE */
    EXHAUSTION_MACHINE,     /* descriptors of the whole machine: ENFILE */
    EXHAUSTION_PORTS,       /* local ports, if they are counted as used up: the error has other causes */
    EXHAUSTION_MEMORY       /* for sockets */
};
enum exhaustion_resource exhaustion_of(unsigned call, int error);

/*
 * So many descriptors in use make a report before the error does, by the option `threshold`, where
 * LIMIT is the most there can be (0: not known). 0: there is no such number.
 */
uint64_t exhaustion_threshold(const struct options *o, uint64_t limit);

/* ---- what holds descriptors ------------------------------------------------------------------- */

#define HOLDING_KINDS 12u
#define HOLDING_TARGETS 24u
#define HOLDING_SHOWN 3u /* targets of a kind, in text */

/* The descriptors of one process that are no sockets, by kind and by what they lead to. */
struct holding_kind {
    char name[20]; /* "file", "device", "directory"..., "pipe", "epoll", "eventfd"... */
    uint64_t count;
};
struct holding_target {
    char path[160]; /* of a file; the end of a long one */
    unsigned kind;  /* index of its kind */
    uint64_t count;
};
struct holdings {
    uint64_t descriptors, sockets;
    unsigned n_kinds, n_targets;
    struct holding_kind kinds[HOLDING_KINDS];       /* the last takes what does not fit */
    struct holding_target targets[HOLDING_TARGETS]; /* the first that were met */
};
/* One more descriptor, with the LEN bytes at LINK, what readlink says of it. */
void holdings_add(struct holdings *h, const char *link, size_t len);
/* Kinds and targets with the most descriptors come first. */
void holdings_sort(struct holdings *h);

/* ---- the report's beginning ------------------------------------------------------------------ */

struct exhaustion {
    uint8_t resource;                /* enum exhaustion_resource */
    uint8_t call, error;             /* enum call; 0 and 0: none has failed, the threshold is passed */
    uint64_t limit, used;            /* 0: not known */
    uint64_t from;                   /* the lowest number that fcntl was to give; 0: any */
    uint64_t failed_ago_s;           /* the call failed so long before the report; 0: at this moment */
    const char *peer;                /* of ports, NULL: of a bind */
    uint64_t own, waiting;           /* of the ports used: by this process, and in TIME_WAIT */
    const struct holdings *holdings; /* NULL: they could not be counted */
};

/* Sorts the groups of R: the sites with the most open sockets come first. */
void exhaustion_sort(struct report *r);
/*
 * The line that begins the report, and one on what is no socket. Text, and JSON of type "exhausted".
 */
void exhaustion_text(struct out *o, const struct report *r);
void exhaustion_json(struct out *o, const struct report *r);
/*
 * In the place of a second report, when the threshold made one SECONDS ago: the line of the error
 * alone.
 */
void exhaustion_text_again(struct out *o, const struct report *r, uint64_t seconds);
/*
 * "  19 of this site are open; idle for 3 s to 812 s (12 of 19; ...)": how many its site has, and for
 * how long no byte has moved on G's sockets.
 */
void exhaustion_text_group(struct out *o, const struct report *r, const struct group *g);

#endif
