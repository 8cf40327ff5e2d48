/* SPDX-License-Identifier: MIT */
/*
 * trends.h: how many sockets of each site are stuck, from look to look, and whether they become more.
 */
#ifndef SOCKLEAK_CLI_TRACE_TRENDS_H
#define SOCKLEAK_CLI_TRACE_TRENDS_H

#include "../../core/growth.h"
#include "state_writer.h"

struct trends {
    struct trend_of {
        state_ref site; /* 0: free */
        uint8_t kind;
        uint32_t lasting, past;
        uint64_t first_ns, last_ns; /* of those that last: the ages of their conditions */
        struct growth growth;
    } * all; /* open addressing */
    size_t n, cap;
};

/* A look begins. */
void trends_begin(struct trends *t);
/* A socket of SITE is in a condition of KIND since SINCE_NS; LASTING: for a period at least; PAST its grace. */
void trends_add(struct trends *t, state_ref site, unsigned kind, uint64_t since_ns, bool lasting, bool past);
/* The look at NOW_NS is complete, PERIOD_NS after the one before at the earliest: the sites of W say what has become of them. */
void trends_end(struct trends *t, struct state_writer *w, uint64_t now_ns, uint64_t period_ns);
void trends_free(struct trends *t);

#endif
