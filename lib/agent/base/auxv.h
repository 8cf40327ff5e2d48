/* SPDX-License-Identifier: MIT */
/*
 * auxv.h: what the kernel has told this process at its start (getauxval(3)).
 */
#ifndef SOCKLEAK_AGENT_AUXV_H
#define SOCKLEAK_AGENT_AUXV_H

#include <stdint.h>

/*
 * Reads the values of auxv_get from libc. The constructor calls it; earlier events call it by
 * real_resolve.
 */
void auxv_take(void);
/*
 * The value of TYPE: AT_PHDR, AT_PHNUM, AT_BASE, AT_RANDOM, AT_EXECFN or AT_SYSINFO_EHDR; 0: there
 * is none. Async-signal-safe.
 */
uint64_t auxv_get(unsigned type);

#endif
