/* SPDX-License-Identifier: MIT */
/*
 * state_files.h: a report from state files, as `sockleak report` would make it of them.
 */
#ifndef SOCKLEAK_CLI_DIFF_STATE_FILES_H
#define SOCKLEAK_CLI_DIFF_STATE_FILES_H

#include "../state/load_set.h"
#include "../symbolize/symbolize.h"
#include "side.h"

/*
 * Adds what each process of SET has stuck, of KINDS (a mask; 0: what the process itself reports).
 * Asks those that live for a fresh look. FIRST is the number that the first process gets.
 */
void state_files_add(struct diff_side *side, struct load_set *set, const struct symbolize_options *symbols, uint32_t kinds, unsigned first);

#endif
