/* SPDX-License-Identifier: MIT */
/*
 * leaving.h: a slot that is being left, for those who have to know of it.
 */
#ifndef SOCKLEAK_AGENT_LEAVING_H
#define SOCKLEAK_AGENT_LEAVING_H

#include <stdint.h>

#include "../../core/state.h"

/* What leaving a slot has to know of it, copied while its generation is certain: right after, the slot may be another socket's. */
struct leaving {
    uint32_t gen, watch_gen;
    state_ref site, share, detail;
    uint16_t flags;
};

#endif
