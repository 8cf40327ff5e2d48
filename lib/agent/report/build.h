/* SPDX-License-Identifier: MIT */
/*
 * build.h: puts a report together from the live table: which sockets, grouped, named, suppressed,
 * counted.
 *
 * All calls: with the watch lock held, right after the sockets were checked. All memory is scratch
 * pages, which report_free gives back.
 */
#ifndef SOCKLEAK_AGENT_REPORT_BUILD_H
#define SOCKLEAK_AGENT_REPORT_BUILD_H

#include "../../core/report.h"
#include "../symbolize/names.h"

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
    bool at_exit;           /* leave out standard descriptors from outside (finding_is_from_outside) */
};

struct built {
    struct report report;
    struct finding *findings;
    size_t n_findings;
    struct names_arena names;
    struct scratch *scratch;
};

/* Fills C; c->report.n_groups is 0 where nothing was found. False: no memory (counted). */
bool report_build(struct built *c, const struct selection *s, enum reason reason);
void report_free(struct built *c);
/*
 * Gives the groups of C their frames. SYMBOLS false: modules, build-ids and offsets only. May be
 * called a second time.
 */
bool report_name_frames(struct built *c, bool symbols);
/*
 * Writes it as text or JSON, by the options, to FD; -1: to where log_path says. False: not all of
 * it could be written (counted).
 */
bool report_write(const struct built *c, int fd);
/*
 * Only counts what S selects, without names or groups. False: there was no memory to recognize the
 * descriptors of one socket, and each of them is counted in *N.
 */
bool select_count(const struct selection *s, size_t *n);
/* Fills the parts of a report that do not depend on its findings. */
void report_head(struct report *r, enum reason reason);

#endif
