/* SPDX-License-Identifier: MIT */
/*
 * start.h: starts, stops and restarts recording.
 *
 * For agent/attach.c, on the thread that the command has borrowed.
 */
#ifndef SOCKLEAK_AGENT_START_H
#define SOCKLEAK_AGENT_START_H

/*
 * Wakes a dormant agent, or starts one that was just injected. OPTIONS_TEXT (may be NULL) is
 * applied over the present options. Returns 0, or -1: no memory for the table.
 */
int start_wake(const char *options_text);
/* Stops recording. The watcher sleeps until start_wake. */
void start_sleep(void);

#endif
