/* SPDX-License-Identifier: MIT */
/*
 * table.c: the list of all wrappers, for those who redirect calls by other means than symbol order (attach).
 *
 * How to add a wrapper:
 *   1. Give it a row in wrapped.def, under each name that libc exports for it (`nm -D libc.so.6 | grep NAME`; mind __NAME, NAME64, __NAME_chk).
 *      That makes real.NAME, its look-up, and what serves before the look-up.
 *   2. Write WRAPPER(type, NAME, (parameters)) in the wrappers_*.c whose thought it belongs to, in one of three shapes:
 *        creates:  real call, then track_opened (or its kin) when it succeeded;
 *        destroys: AROUND_CLOSE, so that track_closing comes before the real call;
 *        receives: real call, return at once when the result is above track_quiet, else a SLOW function that tells track.
 *      Over about 12 lines, logic belongs in track.
 *   3. Name it in libsockleak.map. Where programs make it by number too, give it a case in syscall.c.
 *   4. `scripts/check-wrapped` compares all of these with libc.
 */
#include "wrap.h"

const struct wrapped wrapped_table[] = {
#define WRAP(type, name, parameters, arguments, plain) {#name, (void *)wrap_##name, (void **)&real.name},
#include "../libc/wrapped.def"
};
const unsigned wrapped_count = sizeof wrapped_table / sizeof wrapped_table[0];
