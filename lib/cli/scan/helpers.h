/* SPDX-License-Identifier: MIT */
/*
 * helpers.h: the processes that a scanned one has started, and the sockets that they alone hold.
 */
#ifndef SOCKLEAK_CLI_SCAN_HELPERS_H
#define SOCKLEAK_CLI_SCAN_HELPERS_H

#include "types.h"

/*
 * Fills the helpers of S, a scan of one process with its index made: processes below it that hold
 * stuck sockets of its network namespace, which it does not hold itself. Those that may not be
 * looked into are left out.
 */
void scan_find_helpers(struct scan *s);

#endif
