/* SPDX-License-Identifier: MIT */
/*
 * own_frames.h: where the program's own code begins in a stack.
 *
 * A stack that was captured inside of the C library begins with the library's own functions (those
 * of the resolver under getaddrinfo), and one of a program built with _FORTIFY_SOURCE with an
 * inlined function of a system header (recv of bits/socket2.h). No report shows these. They stay in
 * the recorded stack, so the site's name does not depend on them, and suppressions match them.
 */
#ifndef SOCKLEAK_CORE_OWN_FRAMES_H
#define SOCKLEAK_CORE_OWN_FRAMES_H

#include "report.h"

/*
 * The number of FRAMES in front of the first that is the program's own call. 0 when there is no
 * such call in the stack: then all of it is shown.
 */
size_t own_frames_begin(const struct frame *frames, size_t n);
/* Lets both stacks of each group of R begin there. After suppressions were matched. */
void own_frames_show(struct report *r);

#endif
