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
#include "select.h"

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
/* Fills the parts of a report that do not depend on its findings. */
void report_head(struct report *r, enum reason reason);

#endif
