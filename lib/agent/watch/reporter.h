/* SPDX-License-Identifier: MIT */
/*
 * reporter.h: what is said after a look. With the watch lock held; watch_report and watch_final (watcher.h) are of it too.
 */
#ifndef SOCKLEAK_AGENT_TELL_H
#define SOCKLEAK_AGENT_TELL_H

/* Reported sockets that were closed since. */
void tell_releases(void);
/* Groups that pass grace, or have doubled, now. */
void tell_due(void);
/* What the agent itself could not do, each once. */
void tell_troubles(void);

#endif
