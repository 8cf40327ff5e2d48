/* SPDX-License-Identifier: MIT */
/*
 * log_place.h: follows the place that `sockleak attach` has written for the reports.
 *
 * The command writes it to the header of the live table while the process runs. Called at the
 * beginning of each check, by one thread at a time.
 */
#ifndef SOCKLEAK_AGENT_LOG_PLACE_H
#define SOCKLEAK_AGENT_LOG_PLACE_H

#include "../base/options.h"

/*
 * An attach has given options, and log_path was BEFORE: uses what it names now. On the thread that
 * the attach has borrowed.
 */
void log_place_attached(const char before[static sizeof agent_options.log_path]);
/* Uses the place from the header where it is a new one. Needs a table. */
void log_place_follow(void);
/* In a forked child, which has a header of its own: what was followed so far was the parent's. */
void log_place_reset(void);

#endif
