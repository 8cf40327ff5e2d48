/* SPDX-License-Identifier: MIT */
/*
 * select.h: which sockets of the live table a report is of.
 *
 * All calls: with the watch lock held, right after the sockets were checked.
 */
#ifndef SOCKLEAK_AGENT_REPORT_SELECT_H
#define SOCKLEAK_AGENT_REPORT_SELECT_H

#include "../../core/report.h"
#include "../base/scratch.h"

/* Which sockets. */
struct selection {
    uint64_t since_ns;      /* opened at this time or later (CLOCK_MONOTONIC) */
    uint64_t min_ns;        /* in their condition for at least this time */
    uint64_t young_ns;      /* those in it for less are only counted, in report.young */
    unsigned kinds;         /* mask of KIND_BIT */
    uint32_t tid;           /* opened by this thread; 0: any */
    uint16_t tag;           /* with this tag; 0: any */
    bool due_only;          /* only of groups that pass grace now, or whose count has doubled */
    bool number_only;       /* as counted_only; sockets that the user's rules leave out count too */
    bool counted_only;      /* nobody will read the report: no files and lines */
    uint64_t used_until_ns; /* with due_only: uses after a close until then */
    bool all_held;          /* also an inherited one that another process reports, and one that is meant to stay */
    const char *peer;       /* connected to this address; NULL: any */
    bool at_exit;           /* leave out standard descriptors from outside (finding_is_from_outside) */
};

/* What is found; its texts are the callee's to copy. */
typedef void select_fn(void *arg, const struct finding *f);
struct selected {
    size_t n;       /* findings */
    uint64_t young; /* sockets that are in their condition for less than young_ns */
};
/* More findings than there can be now. */
size_t select_most(void);
/*
 * Gives CALL (NULL: none) each socket that S selects: those that are open here in the order of their
 * descriptors, then uses after a close, then those that a child holds. Several descriptors of one
 * open socket are one finding, under the lowest number. False: there was no memory to recognize
 * these, and each of them is one. Memory is of SCRATCH.
 */
bool select_each(const struct selection *s, struct scratch **scratch, struct selected *found, select_fn *call, void *arg);
/*
 * Only counts what S selects, without names or groups. False: there was no memory to recognize the
 * descriptors of one socket, and each of them is counted in *N.
 */
bool select_count(const struct selection *s, size_t *n);

#endif
