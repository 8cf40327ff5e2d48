/* SPDX-License-Identifier: MIT */
/*
 * bare.h: `sockleak report PID` of a live process that never carried the agent.
 */
#ifndef SOCKLEAK_CLI_REPORT_BARE_H
#define SOCKLEAK_CLI_REPORT_BARE_H

#include <stdbool.h>

/*
 * True when WORD is the number of a live process without the agent: it has printed one line (an
 * error, cli_fail) with what the kernel shows of it and what to do.
 */
bool report_bare(const char *word);

#endif
