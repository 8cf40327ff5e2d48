/* SPDX-License-Identifier: MIT */
/*
 * counts.h: stuck sockets counted by site and kind from check to check: what grows, what is steady,
 * what was reported. With the watch lock held.
 */
#ifndef SOCKLEAK_AGENT_COUNTS_H
#define SOCKLEAK_AGENT_COUNTS_H

#include "../../core/growth.h"
#include "../../core/state.h"

/* What is known of the sockets of one kind that come from one site. */
struct counts {
    bool taken;
    uint8_t kind;
    state_ref site;   /* 0: no stack */
    uint32_t lasting; /* sockets whose condition lasts at least an interval, at this look */
    uint32_t past;    /* of these past grace */
    uint32_t pooled;  /* of LASTING: as a pool's connections are */
    /* on which no call but socket(2) is known: a single one is a reserve, and not counted above */
    uint32_t untried, untried_lasting, untried_past;
    bool before_attach;         /* one of them was open before the attach */
    uint64_t first_ns, last_ns; /* when the first and the last of LASTING came into the condition */
    uint32_t reported;          /* PAST when the group was last reported; 0: not yet */
    uint64_t due_ns;            /* the look that first found it due; 0: it is not */
    bool ripe;                  /* due for an interval: a wave is over by then, and is one report */
    struct growth growth;
    uint64_t seen_none_ns;     /* the last check before RING that saw none past grace */
    struct state_growth *ring; /* its counts over the life of the process; NULL: none yet, or no room */
};

/* One socket, as a look has found it. */
struct counted {
    state_ref site;
    unsigned kind;
    uint64_t since_ns; /* its condition */
    bool lasting, past;
    bool pooled; /* connected by this process, used in both directions, and ended by the peer */
    bool untried, before_attach;
};
/* Around the sockets of one check: sets the counts of this check to 0; each socket is added. */
void counts_begin(void);
void counts_add(const struct counted *c);
/* Samples growth, once a period, and writes the counts into the sites' records and rings. */
void counts_end(uint64_t now_ns, uint64_t period_ns);
/* NULL: nothing was ever counted there, or there was no memory. */
struct counts *counts_of(state_ref site, unsigned kind);
/*
 * A group is due an interval after it passes grace first, and then each time its count has doubled.
 */
bool counts_is_due(const struct counts *t);
/* The groups that are due, of the kinds in MASK, have been reported now. */
void counts_all_reported(unsigned mask);
/* Some group of the kinds in MASK is due. */
bool counts_any_due(unsigned mask);
/*
 * What the count of T does. Growing: the count rose over the last looks, and sockets came into the
 * condition ten seconds after the first of them or later: a wave, which becomes lasting at one
 * look, is no growth. Steady: all are as a pool's connections, and no new high within the last two
 * graces. Neither for sockets from before an attach.
 */
enum trend counts_trend(const struct counts *t);
/* Thousandths of a socket a minute; 0 where it does not grow. */
uint32_t counts_rate_milli(const struct counts *t);
/* A socket of T on which no call was tried is the only one of its site. */
bool counts_is_reserve(const struct counts *t);
/* Nothing was counted for a while (asleep after a detach): all trends begin anew. */
void counts_forget_trends(void);
void counts_reset(void);

#endif
