/* SPDX-License-Identifier: MIT */
/*
 * keeps.h: which connections a process keeps open for nobody: another one has started it, and has
 * closed them.
 */
#ifndef SOCKLEAK_CLI_MODEL_KEEPS_H
#define SOCKLEAK_CLI_MODEL_KEEPS_H

#include "types.h"

/* Fills M's keeps and keeps_of, from the state files that lie beside its own. */
void keeps_find(struct model *m);

#endif
