/* SPDX-License-Identifier: MIT */
/*
 * site_name.h: the name of a stack, and the modules of its frames.
 *
 * Any thread, signal handlers too. No allocation but records of modules.
 */
#ifndef SOCKLEAK_AGENT_SITE_NAME_H
#define SOCKLEAK_AGENT_SITE_NAME_H

#include "../../core/state.h"

/*
 * Fills MODULES with the number of the module of each of the N frames PCS, and returns the name of
 * the stack (core/siteid.h).
 */
uint64_t site_name(const uint64_t *pcs, uint16_t *modules, unsigned n);

#endif
