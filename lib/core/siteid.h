/* SPDX-License-Identifier: MIT */
/*
 * siteid.h: the name of a call site that is the same in every process and on every host.
 *
 * A 64-bit FNV-1a-like hash over each frame's (build-id, offset); a module without a build-id counts by its file name. Frames outside all
 * modules (JIT) count as a constant, so a stack with some still has a stable name. Never 0.
 */
#ifndef SOCKLEAK_CORE_SITEID_H
#define SOCKLEAK_CORE_SITEID_H
#include "state.h"
uint64_t siteid_begin(void);
uint64_t siteid_frame(uint64_t h, const struct state_module *m, uint64_t pc); /* M NULL: no module */
uint64_t siteid_end(uint64_t h);
#endif
