/* SPDX-License-Identifier: MIT */
/*
 * procfs.h: what /proc says of processes and their descriptors.
 *
 * The functions read files; they need no privilege beyond what the file itself asks for.
 */
#ifndef SOCKLEAK_CLI_KERNEL_PROCFS_H
#define SOCKLEAK_CLI_KERNEL_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "procfs_parse.h"

/* Reads at most CAP-1 bytes of PATH and adds a NUL. Returns the length or -errno. */
ssize_t procfs_read(const char *path, char *buf, size_t cap);
/* 0 or -errno (-ENOENT, -ESRCH: no such process). */
int procfs_stat(pid_t pid, struct procfs_stat *out);
/*
 * The number under which /proc shows the descriptors, memory and namespaces of process PID. It is
 * PID itself, or another thread's when the first thread has ended before the others (pthread_exit
 * in main): PID then looks like a zombie.
 */
pid_t procfs_alive(pid_t pid);
/* Inode of the process's network namespace; 0: it may not be seen. */
uint64_t procfs_netns(pid_t pid);
/* Process PID maps a file whose path ends with TAIL. */
bool procfs_maps_file(pid_t pid, const char *tail);
/* The effective user of PID. */
bool procfs_user(pid_t pid, uint32_t *uid);
/* 0: unknown. */
uint64_t procfs_nofile(pid_t pid);
/*
 * Numeric entries of /proc, in its order. Returns 0, or -errno when /proc cannot be read. Stops
 * when EACH returns false.
 */
int procfs_each_pid(bool (*each)(void *arg, pid_t pid), void *arg);
/*
 * The descriptors of PID: EACH is called for those that are sockets. *COUNT (may be NULL) gets the
 * number of all descriptors. Returns 0 or -errno: -EACCES when the process is another user's.
 */
int procfs_each_socket(pid_t pid, void (*each)(void *arg, int fd, uint32_t inode), void *arg, uint64_t *count);
/* Is descriptor FD of PID still (that) socket INODE? */
bool procfs_holds(pid_t pid, int fd, uint32_t inode);
/*
 * The kernel's name of the protocol behind descriptor FD of PID ("TCP", "TCPv6", "UDP",
 * "UNIX-STREAM" ...) without duplicating the descriptor: sockfs gives it as an extended attribute.
 * 0 or -errno.
 */
int procfs_protocol(pid_t pid, int fd, char *name, size_t cap);
/*
 * Each socket of /proc/PID/net/tcp and tcp6: the TCP tables of PID's network namespace, readable
 * without entering it. 0 or -errno.
 */
int procfs_each_tcp(pid_t pid, void (*each)(void *arg, const struct sockdiag_socket *s), void *arg);
/* The same for udp and udp6; the state is TCP's number for what it is not, and means nothing. */
int procfs_each_udp(pid_t pid, void (*each)(void *arg, const struct sockdiag_socket *s), void *arg);

#endif
