/* SPDX-License-Identifier: MIT */
/*
 * common.h: between main.c, cli.c and help.c only: which subcommand runs, and the list of them.
 */
#ifndef SOCKLEAK_CLI_BASE_COMMON_H
#define SOCKLEAK_CLI_BASE_COMMON_H

#include "cli.h"

extern const struct command *cli_running; /* NULL before one was chosen */
void help_list(FILE *to);
/* The command that WORD is most likely a slip of; NULL when none is near. */
const char *help_nearest(const char *word);

#endif
