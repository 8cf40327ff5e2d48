/* SPDX-License-Identifier: MIT */
/*
 * story.h: all that is told of one site or socket, before it becomes text or JSON.
 *
 * Made by explain.c, shown by text.c and json.c, which only read it.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_STORY_H
#define SOCKLEAK_CLI_EXPLAIN_STORY_H

#include "../../core/out.h"
#include "../model/types.h"
#include "holders.h"
#include "meanwhile.h"
#include "target.h"

/* When the program saw EOF, or the error, of a socket of the table; 0: it was not, or nobody knows. */
struct story_told {
    int fd;
    uint64_t opened_ns, told_ns;
};

struct story_meanwhile {
    struct meanwhile is;
    size_t n_frames[MEANWHILE_SITES];
    const struct frame *frames[MEANWHILE_SITES];
};

struct story {
    const struct target *target;
    struct model *model; /* its groups are those that are explained */
    const struct loaded_file *from;
    bool full;                     /* whole stacks, all sockets */
    uint64_t opened, closed, live; /* of the site; of the descriptor's site */
    uint64_t siteid;               /* 0: it has none */
    size_t n_told;
    const struct story_told *told;     /* by descriptor */
    struct story_meanwhile *meanwhile; /* one for each group */
    struct holders *holders;           /* one for each group; n is 0: it was not asked */
    size_t n_elsewhere;                /* other processes that have the site, and some of them */
    uint32_t elsewhere[4];
    size_t n_silent; /* sockets of the site that are open and not told of */
    /* of a site that has no socket to tell of: its stack, and by which stacks its sockets were closed */
    struct group *closed_site;
};

/* When the program saw EOF, or the error, of F; 0: it is not known. */
uint64_t story_told_ns(const struct story *s, const struct finding *f);
/* The time until which F was served, as far as it is known. */
uint64_t story_until(const struct story *s, const struct finding *f);
/*
 * The shortest and longest time from the opening of the sockets of G that T is true of until then;
 * false: it is not known.
 */
bool story_times(const struct story *s, const struct group *g, const struct told *t, uint64_t *least, uint64_t *most);

void explain_text(struct out *o, const struct story *s);
void explain_json(struct out *o, const struct story *s);

#endif
