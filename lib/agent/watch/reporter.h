/* SPDX-License-Identifier: MIT */
/*
 * reporter.h: what is reported after a check: groups that are due, sockets that were closed after all, everything at a signal, a check or the end.
 *
 * With the watch lock held where nothing else is said; never from a wrapper.
 */
#ifndef SOCKLEAK_AGENT_REPORTER_H
#define SOCKLEAK_AGENT_REPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/report.h"

/* This process is the one that the library was loaded into: later ones are its children by fork. At the start, once. */
void reporter_loaded(void);
/* Reported sockets that were closed since. */
void reporter_releases(void);
/* Groups that pass grace, or have doubled, now. */
void reporter_due(void);
/* The lines that were kept for later; with verbosity=1 also where the state file is. Needs no lock. */
void reporter_pending(void);
/* What the agent itself could not do, each once. */
void reporter_troubles(void);

/*
 * Checks, and reports what was found: sockets opened at or after SINCE_NS, of the kinds in KINDS, of thread TID (0: any) and tag
 * TAG (0: any), whose condition lasts at least MIN_NS. FD < 0: to the log, else to that descriptor; FD -2: only counted. Returns
 * their number.
 */
struct reporter_query {
    uint64_t since_ns, min_ns;
    unsigned kinds;
    uint32_t tid;
    uint16_t tag;
};
uint64_t reporter_report(const struct reporter_query *q, enum reason reason, int fd);
/*
 * The last check and, with leak_check_at_exit, the exit report; removes the state file when nothing is stuck. Takes the watch
 * lock itself. Returns the sockets reported. ITS_LAST: nothing is checked or reported after this.
 */
uint64_t reporter_final(bool its_last);

#endif
