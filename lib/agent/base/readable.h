/* SPDX-License-Identifier: MIT */
/*
 * readable.h: asks the kernel whether memory can be read.
 *
 * rt_sigprocmask with a nonsensical first argument copies the set from the address before it
 * rejects the argument: EFAULT when the address cannot be read, else EINVAL, and nothing has
 * changed. It needs no descriptor, and is among the few calls that every sandbox allows (sshd's
 * kills a process for mincore).
 */
#ifndef SOCKLEAK_AGENT_READABLE_H
#define SOCKLEAK_AGENT_READABLE_H

#include <stdbool.h>

#include "pages.h"
#include "sys.h"

/*
 * True when the 8 bytes at A, which must not straddle two pages, can be read. False for the first
 * page: the call takes address 0 for no set at all, and nothing of interest lies there.
 */
static inline bool readable(uintptr_t a) { return a >= PAGE_BYTES && SYS4(SYS_rt_sigprocmask, -1, a, 0, 8) != -EFAULT; }

#endif
