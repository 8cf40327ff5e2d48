/* SPDX-License-Identifier: MIT */
/*
 * load_kernel.h: a live process that has no state file, as the kernel alone knows it.
 */
#ifndef SOCKLEAK_CLI_STATE_LOAD_KERNEL_H
#define SOCKLEAK_CLI_STATE_LOAD_KERNEL_H

#include "load.h"

/*
 * For a process that carries the agent, but none of whose calls came by it (io_uring, raw system
 * calls, Go with cgo). Its sockets are those of /proc/PID/fd, of origin unseen, first seen now.
 * NULL, and L filled, or a sentence. *N: how many sockets there are; with 0, L is untouched.
 */
const char *load_kernel(struct loaded_file *l, pid_t pid, size_t *n);
/*
 * SOCK_STREAM or SOCK_DGRAM of the socket behind descriptor FD of PID, by the name of its protocol;
 * 0: unknown, it may be connected and stuck. *FAMILY: AF_INET, AF_INET6, AF_UNIX, else 0.
 */
unsigned load_kernel_type(pid_t pid, int fd, uint8_t *family);

#endif
