/* SPDX-License-Identifier: MIT */
/*
 * start.h: recording begins, sleeps, wakes.
 */
#ifndef SOCKLEAK_AGENT_START_H
#define SOCKLEAK_AGENT_START_H

/* Wakes a dormant agent, or starts one that was just injected. OPTIONS_TEXT (may be NULL) is applied over the present options. 0, or -1: no memory. */
int start_wake(const char *options_text);
/* Stops recording; the watcher parks. */
void start_sleep(void);

#endif
