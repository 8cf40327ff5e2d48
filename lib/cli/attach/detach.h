/* SPDX-License-Identifier: MIT */
/*
 * detach.h: `sockleak detach`.
 */
#ifndef SOCKLEAK_CLI_ATTACH_DETACH_H
#define SOCKLEAK_CLI_ATTACH_DETACH_H

#include <sys/types.h>

int cmd_detach(int argc, char **argv);
extern const char usage_detach[];

/*
 * Stops recording in process PID and undoes every redirection. An exit status; on failure it has
 * printed an error.
 */
int detach_process(pid_t pid);

#endif
