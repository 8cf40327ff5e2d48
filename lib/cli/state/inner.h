/* SPDX-License-Identifier: MIT */
/*
 * inner.h: the process of a state file that was written in an inner pid namespace (pid_namespaces(7)).
 *
 * The file has the number that the process has there: in each container there may be a process 1.
 */
#ifndef SOCKLEAK_CLI_STATE_INNER_H
#define SOCKLEAK_CLI_STATE_INNER_H

#include <stdint.h>
#include <sys/types.h>

#include "../../core/state.h"

/*
 * The pid, as seen from here, of the live process that wrote the file H, which has device DEV and
 * inode INO: it has the file's number in its own namespace, started at the file's time, and has the
 * file mapped, or the `sockleak run` above it has, which traces it. Where nobody may look at what is
 * mapped, number and time decide. 0: there is none.
 */
pid_t inner_find(const struct state_header *h, uint64_t dev, uint64_t ino);

#endif
