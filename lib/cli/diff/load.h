/* SPDX-License-Identifier: MIT */
/*
 * load.h: from a word of the command line to one side of a comparison.
 */
#ifndef SOCKLEAK_CLI_DIFF_LOAD_H
#define SOCKLEAK_CLI_DIFF_LOAD_H

#include "../symbolize/symbolize.h"
#include "side.h"

/*
 * Reads PATH: a report in JSON Lines, a state file, or a directory of the ones or the others. Of
 * state files KINDS alone (0: what each process itself reports). False: it printed one line why it
 * is no report (cli_fail); SIDE is to be freed all the same.
 */
bool diff_load(struct diff_side *side, const char *path, const struct symbolize_options *symbols, uint32_t kinds);

#endif
