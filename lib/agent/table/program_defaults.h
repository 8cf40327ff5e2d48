/* SPDX-License-Identifier: MIT */
/*
 * program_defaults.h: what the process says of itself, its default options and suppressions, put into the state file for the reports of others.
 */
#ifndef SOCKLEAK_AGENT_SAID_H
#define SOCKLEAK_AGENT_SAID_H

#include <stddef.h>

/* Each is called once, when the text is read; TEXT stays where it is. */
void defaults_options(const char *text);
void defaults_rules(const char *text, size_t len);
/* Into a table that has just been made; nothing when nothing was said. */
void defaults_write(void);

#endif
