/* SPDX-License-Identifier: MIT */
/*
 * exit_call.h: how the agent is called at the end of the program, and how it gives back another
 * status than the program's.
 */
#ifndef SOCKLEAK_AGENT_EXIT_CALL_H
#define SOCKLEAK_AGENT_EXIT_CALL_H

#include <stdbool.h>

#include "../../core/state.h"

/*
 * Has F called with the status at exit(3) and at the return of main, when every handler and every
 * destructor of the program has run. STATE_STATUS_UNKNOWN: the C library does not say it. LATE: the
 * program may have registered its handlers before us.
 */
void exit_call(void (*f)(int status), bool (*late)(void));
/* In F: does what is left of the end, and ends with STATUS instead. */
_Noreturn void exit_again(int status);

#endif
