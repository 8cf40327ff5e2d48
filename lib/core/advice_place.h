/* SPDX-License-Identifier: MIT */
/*
 * advice_place.h: the one function of the program in which something happened to a group's sockets,
 * and how a line of advice names it.
 *
 * Pure; async-signal-safe if O's flush is. For advice.c.
 */
#ifndef SOCKLEAK_CORE_ADVICE_PLACE_H
#define SOCKLEAK_CORE_ADVICE_PLACE_H

#include "out.h"
#include "report.h"

/* The function in which nearly all of something happened. */
struct advice_place {
    const struct frame *f;
    const struct told *t; /* its commonest stack, which F is in */
    uint64_t count;
    unsigned error; /* 0: none, or they differ */
    bool line;      /* all its stacks have the line of F */
};

/* N of OF is at least 90 %. */
bool advice_nearly_all(uint64_t n, uint64_t of);
/*
 * Fills P with the function of the program in which EVENT happened to nearly all of OF sockets of G.
 * False: there is none such, or it is a loop, the same call of which opened these sockets too.
 */
bool advice_find_place(const struct group *g, enum event event, uint64_t of, struct advice_place *p);
/* The same for all sockets of G. */
static inline bool advice_find_event(const struct group *g, enum event event, struct advice_place *p)
{
    return advice_find_place(g, event, g->count, p);
}
/*
 * The innermost function that is in the stacks of A and of B: its frame in B's, and how many frames
 * it is from the end of each. NULL: there is none.
 */
const struct frame *advice_common_function(const struct advice_place *a, const struct advice_place *b, size_t *from_a, size_t *from_b);
/* "src/db.c:77"; false: the file is not known. LINE: whether the line is certain. */
bool advice_put_line(struct out *o, const struct frame *f, bool line);
/* "read_reply (src/db.c:77)" */
void advice_put_function(struct out *o, const struct frame *f, bool line);
void advice_put_place(struct out *o, const struct advice_place *p);

#endif
