/* SPDX-License-Identifier: MIT */
/*
 * report.h: `sockleak report`.
 */
#ifndef SOCKLEAK_CLI_REPORT_REPORT_H
#define SOCKLEAK_CLI_REPORT_REPORT_H

#include <stdint.h>

int cmd_report(int argc, char **argv);
extern const char usage_report[];

/*
 * Prints the text report of WHAT (a pid, a file or a directory) as `sockleak report WHAT` does.
 * MIN_AGE_NS: only what has been stuck so long; UINT64_MAX: what the process itself would report.
 * An exit status.
 */
int report_process(const char *what, uint64_t min_age_ns);

#endif
