/* SPDX-License-Identifier: MIT */
/*
 * notes.h: keeps log lines for later: a wrapper never writes; the watcher, or the exit of the
 * process, does.
 */
#ifndef SOCKLEAK_AGENT_NOTES_H
#define SOCKLEAK_AGENT_NOTES_H

/*
 * Keeps the line TEXT followed by ARG; both must stay valid. The same TEXT is kept once, and only
 * the first few lines of all: the first failure explains those that follow. Async-signal-safe.
 */
void log_later(const char *text, const char *arg);
/* Logs what was kept, each line once, as warnings. Not from a wrapper. */
void log_write_later(void);

#endif
