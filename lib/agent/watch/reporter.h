/* SPDX-License-Identifier: MIT */
/*
 * reporter.h: what is reported after a check: groups that are due, sockets that were closed after
 * all, everything at a signal, a check or the end.
 *
 * Called with the watch lock held, where nothing else is stated; never by a wrapper. Includes what
 * the agent itself could not do.
 */
#ifndef SOCKLEAK_AGENT_REPORTER_H
#define SOCKLEAK_AGENT_REPORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/report.h"

/*
 * Once, at the start: records the pid of the process that the library was loaded into, to know
 * later a child of fork.
 */
void reporter_loaded(void);
/* A fork has made this process since. One system call. */
bool reporter_in_forked_child(void);
/* Reports the sockets that were reported as stuck and have been closed since. */
void reporter_releases(void);
/*
 * Reports the groups that have just passed their grace, or doubled since they were last reported.
 */
void reporter_due(void);
/*
 * Logs the lines that log_later kept; with verbosity=1 also the path of the state file. Needs no
 * lock.
 */
void reporter_pending(void);
/*
 * The table was made although the program has called nothing that needs one: what is to be said of
 * it waits until there is a report. A child that its server has put into a chroot, for example, has
 * no state file, and no use for that word on its standard error.
 */
void reporter_hold_notes(void);
/* Logs what the agent itself could not do, each thing once; then as reporter_pending. */
void reporter_troubles(void);
/* After a check: on this kernel nothing can be known of any socket. Says so, and ends the recording. */
bool reporter_is_blind(void);

/*
 * Selects sockets opened at or after SINCE_NS (CLOCK_MONOTONIC), of the kinds in the mask KINDS, of
 * thread TID (0: any) and tag TAG (0: any), whose condition has lasted at least MIN_NS.
 */
struct reporter_query {
    uint64_t since_ns, min_ns;
    unsigned kinds;
    uint32_t tid;
    uint16_t tag;
};
/*
 * Checks all sockets thoroughly and reports those that Q selects. FD >= 0: to that descriptor; -1:
 * to the log; -2: only counts them. Returns their number.
 */
uint64_t reporter_report(const struct reporter_query *q, enum reason reason, int fd);
/*
 * The last check and, with leak_check_at_exit, the exit report. Takes the watch lock itself.
 * Returns the number of sockets that are stuck. ITS_LAST: the process ends now; the state file is
 * removed when nothing is stuck, and the lock stays taken, so that nothing is checked or reported
 * after this.
 */
uint64_t reporter_final(bool its_last);

#endif
