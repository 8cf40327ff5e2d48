/* SPDX-License-Identifier: MIT */
/*
 * screen.h: the terminal of `sockleak top`.
 */
#ifndef SOCKLEAK_CLI_TOP_SCREEN_H
#define SOCKLEAK_CLI_TOP_SCREEN_H

#include "types.h"

/*
 * Shows the process until the user has seen enough. False: there is no terminal for that, and
 * nothing was shown.
 */
bool top_screen(struct top_watch *s);

#endif
