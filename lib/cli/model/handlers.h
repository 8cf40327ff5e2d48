/* SPDX-License-Identifier: MIT */
/*
 * handlers.h: the functions that would be called for the sockets of each group.
 */
#ifndef SOCKLEAK_CLI_MODEL_HANDLERS_H
#define SOCKLEAK_CLI_MODEL_HANDLERS_H

#include "types.h"

/* Adds them to the groups of M as what was told of them (EVENT_HANDLED_BY), if its process lives. */
void handlers_add(struct model *m);

#endif
