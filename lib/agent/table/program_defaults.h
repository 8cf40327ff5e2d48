/* SPDX-License-Identifier: MIT */
/*
 * program_defaults.h: the program's own default options and suppressions, stored in the state file
 * for the reports of other processes.
 */
#ifndef SOCKLEAK_AGENT_PROGRAM_DEFAULTS_H
#define SOCKLEAK_AGENT_PROGRAM_DEFAULTS_H

#include <stddef.h>

/*
 * Remember TEXT, which must stay valid. Called when the text is read: options once, rules once a
 * source.
 */
void defaults_options(const char *text);
void defaults_rules(const char *text, size_t len);
/* Writes what is remembered into a table that has just been made; nothing when there is none. */
void defaults_write(void);

#endif
