/* SPDX-License-Identifier: MIT */
/*
 * shares.h: whose sockets a forked process holds that has no table of its own.
 */
#ifndef SOCKLEAK_CLI_MODEL_SHARES_H
#define SOCKLEAK_CLI_MODEL_SHARES_H

#include <stdint.h>
#include <sys/types.h>

/*
 * The nearest process above the live process PID that carries the agent and holds sockets which PID
 * holds too, *N of them. 0: there is none, or it may not be looked into.
 */
pid_t shares_with(pid_t pid, uint64_t *n);

#endif
