/* SPDX-License-Identifier: MIT */
/*
 * container.h: the id of the container that a process runs in, from its cgroup.
 */
#ifndef SOCKLEAK_CLI_EXPORT_CONTAINER_H
#define SOCKLEAK_CLI_EXPORT_CONTAINER_H

#include <stddef.h>
#include <sys/types.h>

#define CONTAINER_MAX 65u
/*
 * The id in TEXT, which is as /proc/PID/cgroup: 64 hex digits (Docker, containerd, CRI-O, Podman),
 * or the name of LXC's and systemd's machines. OUT gets "" where there is none.
 */
void container_parse(const char *text, char out[CONTAINER_MAX]);
/* Of the live process PID. */
void container_of(pid_t pid, char out[CONTAINER_MAX]);

#endif
