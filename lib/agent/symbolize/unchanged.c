/* SPDX-License-Identifier: MIT */
/*
 * unchanged.c: since when a file has to be unchanged to be the one that this process has loaded.
 *
 * The start of the process is known in ticks of 10 ms, the constructor's time exactly; a library
 * that came by an attach was loaded later than the program's files.
 */
#include "unchanged.h"

#include <time.h>

#include "../base/clocks.h"
#include "../base/sys.h"
#include "../table/header.h"

static uint64_t loaded_real_ns;

void unchanged_begin(void) { loaded_real_ns = sys_clock(CLOCK_REALTIME); }

uint64_t unchanged_since(void)
{
    uint64_t ticks = table_start_ticks(), start = clock_real_of(ticks);
    return ticks && start < loaded_real_ns ? start : loaded_real_ns;
}
