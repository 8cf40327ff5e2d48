/* SPDX-License-Identifier: MIT */
/*
 * native_walk.h: the stack of C, C++ or Rust code from its stack pointer and program counter alone.
 *
 * By unwind tables as far as these lead. A function whose rules need a register that is not known
 * (rbp, in unoptimised code) or that has none (musl's) is left by its return address on the stack:
 * a word behind a call instruction, of which only one makes sense (call_scan.h).
 */
#ifndef SOCKLEAK_CLI_TRACE_NATIVE_WALK_H
#define SOCKLEAK_CLI_TRACE_NATIVE_WALK_H

#include "call_scan.h"

/*
 * Fills W->pcs from the sample of W->view, which the caller has set; the rest of W needs no
 * setting. n is 0 where nothing is known.
 */
enum native_end native_walk(struct native_walk *w);

#endif
