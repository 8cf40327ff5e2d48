/* SPDX-License-Identifier: MIT */
/*
 * leaving.h: what a closed socket's slot held, for the counts and the retraction.
 */
#ifndef SOCKLEAK_AGENT_LEAVING_H
#define SOCKLEAK_AGENT_LEAVING_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/state.h"

/*
 * Copied before the slot leaves LIVE, while its generation is certain: right after, another thread
 * may have a new socket in it.
 */
struct leaving {
    uint32_t gen, watch_gen;
    state_ref site, share, detail;
    uint16_t flags;
    int fd;    /* once the slot has left LIVE */
    bool last; /* no other descriptor holds the socket */
};

#endif
