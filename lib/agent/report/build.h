/* SPDX-License-Identifier: MIT */
/*
 * build.h: puts a report together from the live table: which sockets, grouped, named, suppressed, counted.
 *
 * With the watch lock held, right after a look. All memory is scratch pages that report_free gives back.
 */
#ifndef SOCKLEAK_AGENT_COMPOSE_H
#define SOCKLEAK_AGENT_COMPOSE_H

#include "../../core/report.h"
#include "../symbolize/names.h"

struct selection {
    uint64_t since_ns; /* sockets opened at or after */
    uint64_t min_ns;   /* whose condition lasts so long */
    unsigned kinds;    /* mask */
    uint32_t tid;      /* 0: any */
    uint16_t tag;      /* 0: any */
    bool due_only;     /* only groups that pass grace or double now */
    bool number_only;  /* as below, and what the user's rules leave out counts too: no names */
    bool counted_only; /* nobody will read the report: no files and lines */
    bool at_exit;      /* standard descriptors that came from outside are not this program's to close */
};

struct built {
    struct report report;
    struct finding *findings;
    size_t n_findings;
    struct names_arena names;
    struct scratch *scratch;
};

/* Fills C; c->report.n_groups == 0: nothing to say. False: no memory (counted). */
bool report_build(struct built *c, const struct selection *s, enum reason reason);
void report_free(struct built *c);
/* Gives the groups of C their frames. SYMBOLS false: modules, build-ids and offsets alone. May be called again. */
bool report_name_frames(struct built *c, bool symbols);
/* As text or JSON, by the options, to FD; -1: where log_path says. False: not all of it could be written (counted). */
bool report_write(const struct built *c, int fd);
/* Just counts what S selects, without names or groups. False: no memory to tell several descriptors of one socket apart, each counts in *N. */
bool select_count(const struct selection *s, size_t *n);
/* Fills the parts of a report that do not depend on its findings. */
void report_head(struct report *r, enum reason reason);

#endif
