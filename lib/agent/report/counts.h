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
    state_ref site;    /* 0: no stack */
    uint32_t lasting;  /* at this check: sockets in their condition for at least an interval */
    uint32_t past;     /* of these past grace */
    uint32_t reported; /* PAST when the group was last reported; 0: not yet */
    uint64_t due_ns;   /* the look that first found it due; 0: it is not */
    bool ripe;         /* due for an interval: a wave is over by then, and is one report */
    struct growth growth;
};

/* Around the sockets of one check: sets the counts of this check to 0; each socket is added. */
void counts_begin(void);
void counts_add(state_ref site, unsigned kind, bool lasting, bool past);
/* Takes a sample of growth, once a period, and writes the counts into the sites' records. */
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
/* Steady: no socket there has become stuck within the last grace. */
enum trend counts_trend(const struct counts *t);
void counts_reset(void);

#endif
