/* SPDX-License-Identifier: MIT */
/*
 * state_file.h: creates the state file and fills its header.
 */
#ifndef SOCKLEAK_AGENT_STATE_FILE_H
#define SOCKLEAK_AGENT_STATE_FILE_H

#include <stdbool.h>

#include "../../core/state.h"

/*
 * Makes the table and fills its header, in a file if there can be one. PARENT: the header of the
 * process that this one was forked from, whose program and host are this one's too; NULL: none.
 * False: no memory. Called by one thread, with signals blocked.
 */
bool state_file_make(const struct state_header *parent);
/* Writes the options that a reader of the file needs, as they are now. Needs a table. */
void state_file_take_options(void);

#endif
