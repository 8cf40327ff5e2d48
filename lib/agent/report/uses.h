/* SPDX-License-Identifier: MIT */
/*
 * uses.h: which uses after a close are to be reported now. With the watch lock held.
 */
#ifndef SOCKLEAK_AGENT_REPORT_USES_H
#define SOCKLEAK_AGENT_REPORT_USES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long after the call one is reported: until then it may turn out to be part of a sweep. */
#define USES_SETTLE_NS 100000000ull

size_t uses_count(void); /* all of them */
/* There are some that no report has named, and whose call was made until UNTIL_NS. */
bool uses_any_due(uint64_t until_ns);
/* These are reported now. */
void uses_all_reported(uint64_t until_ns);
/* When the first of those that are younger is due; UINT64_MAX: none is. */
uint64_t uses_next_due(uint64_t until_ns);

#endif
