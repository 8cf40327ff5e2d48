/* SPDX-License-Identifier: MIT */
/*
 * help.h: `sockleak help`.
 */
#ifndef SOCKLEAK_CLI_HELP_H
#define SOCKLEAK_CLI_HELP_H

#include <stdio.h>

int cmd_help(int argc, char **argv);
extern const char usage_help[];

/* The list of subcommands. */
void help_list(FILE *to);
/* The subcommand that WORD is most likely a slip of; NULL when none is near. */
const char *help_nearest(const char *word);

#endif
