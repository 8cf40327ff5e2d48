/* SPDX-License-Identifier: MIT */
/*
 * procfs_parse.h: what the texts of /proc say of processes and sockets.
 *
 * Pure functions that take any bytes (length given, no NUL needed): they never read past LEN, and
 * return false for what is not in the kernel's format (proc(5)).
 */
#ifndef SOCKLEAK_CLI_KERNEL_PROCFS_PARSE_H
#define SOCKLEAK_CLI_KERNEL_PROCFS_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sockdiag_socket;

struct procfs_stat {
    char comm[64];              /* what is not printable is '?': it goes to a terminal */
    char state;                 /* R S D Z T ... */
    bool kernel_thread, ending; /* ending: on its way out, its descriptors may be closed already */
    pid_t ppid;
    uint64_t start_ticks; /* with the pid, the identity of a process */
};

bool procfs_parse_stat(const char *text, size_t len, struct procfs_stat *out);
/* "socket:[4711]" and "net:[4026531992]": PREFIX is "socket" or "net". */
bool procfs_parse_link(const char *text, size_t len, const char *prefix, uint64_t *inode);
/* The soft "Max open files" of /proc/PID/limits; UINT64_MAX for unlimited. */
bool procfs_parse_nofile(const char *text, size_t len, uint64_t *soft);
/* The effective user in /proc/PID/status. */
bool procfs_parse_user(const char *text, size_t len, uint32_t *uid);
/* ip_local_port_range: two ports, low <= high. */
bool procfs_parse_port_range(const char *text, size_t len, uint16_t *low, uint16_t *high);
/* One line of /proc/net/tcp (FAMILY AF_INET) or tcp6 (AF_INET6); false for the heading too. */
bool procfs_parse_tcp_line(const char *line, size_t len, int family, struct sockdiag_socket *out);

#endif
