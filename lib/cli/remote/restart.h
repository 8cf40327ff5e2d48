/* SPDX-License-Identifier: MIT */
/*
 * restart.h: which system calls can simply be made again, if only our stop has ended them with
 * EINTR.
 */
#ifndef SOCKLEAK_CLI_REMOTE_RESTART_H
#define SOCKLEAK_CLI_REMOTE_RESTART_H

#include <stdbool.h>

/* May a system call that gave EINTR because of the stop simply be made again? */
bool restart_may_repeat(long nr);

#endif
