/* SPDX-License-Identifier: MIT */
/*
 * table.c: the list of all wrappers, for inject/, which redirects the calls where the symbol order
 * does not reach (attach, RTLD_DEEPBIND).
 *
 * How to add a wrapper:
 *   1. Give it a row in libc/wrapped.def, one for each name that libc exports for it: `nm -D
 *      libc.so.6 | grep NAME` lists them; look for __NAME, NAME64 and __NAME_chk too.
 *      That defines real.NAME, its look-up, and the system call that serves until it was looked up.
 *   2. Write WRAPPER(type, NAME, (parameters)) in the file of this folder that fits, in one of
 *      three shapes:
 *        creates:  real call, then track_opened (or its kin) when it succeeded;
 *        destroys: AROUND_CLOSE, so that track_closing comes before the real call;
 *        receives: real call, return at once when the result is above track_quiet, else a SLOW
 *                  function that calls track_received.
 *      If it needs more than about 12 lines, the logic belongs in track/.
 *   3. Name it in libsockleak.map. If programs make the call by number too, give it a case in
 *      syscall.c.
 *   4. Run scripts/check-wrapped, which compares all of these with libc; `make check` runs it too.
 */
#include "wrap.h"

const struct wrapped wrapped_table[] = {
#define WRAP(type, name, parameters, arguments, plain) {#name, (void *)wrap_##name, (void **)&real.name},
#include "../libc/wrapped.def"
};
const unsigned wrapped_count = sizeof wrapped_table / sizeof wrapped_table[0];
