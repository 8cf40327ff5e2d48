/* SPDX-License-Identifier: MIT */
/*
 * abort.h: ends the process like abort(3), without libc's.
 */
#ifndef SOCKLEAK_AGENT_ABORT_H
#define SOCKLEAK_AGENT_ABORT_H

/*
 * Ends the process by SIGABRT. A handler of the program's runs first: on the calling thread, or, if
 * that is the watcher, on one of the program's threads, which has a few seconds for it.
 */
_Noreturn void abort_process(void);

#endif
