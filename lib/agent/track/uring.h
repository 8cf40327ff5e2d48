/* SPDX-License-Identifier: MIT */
/*
 * uring.h: whether this process has an io_uring, by which it may read a socket where no wrapper
 * sees
 * it.
 */
#ifndef SOCKLEAK_AGENT_URING_H
#define SOCKLEAK_AGENT_URING_H

#include <stdbool.h>

/*
 * Goes through the descriptors that have no slot; opens none. False also where that cannot be seen.
 */
bool uring_is_there(void);

#endif
