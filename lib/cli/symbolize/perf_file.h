/* SPDX-License-Identifier: MIT */
/*
 * perf_file.h: the perf map of a process, /tmp/perf-PID.map in its own file system and with its own
 * number, if it can only be that process'.
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_PERF_FILE_H
#define SOCKLEAK_CLI_SYMBOLIZE_PERF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_file {
    char path[40];
    char root[32];        /* "/proc/PID/root" of a process in another file system, else "" */
    pid_t pid;            /* of the live process as seen from here; 0: it has ended */
    uint32_t owner;       /* of what a process that has ended left */
    uint64_t begun_ns;    /* CLOCK_REALTIME: the process' start */
    uint64_t start_ticks; /* the same, as its identity */
    pid_t inner_pid;      /* as the process itself knows its number */
};

/*
 * Reads it: *LEN bytes, malloc'ed. NULL: there is none, or *WHY, a sentence, if it may not be
 * taken. It must be a regular file and no link, its owner the process' user or root, and it must
 * have been written to since the process began: an earlier process may have had the same number.
 */
char *perf_file_read(const struct perf_file *f, size_t *len, const char **why);

#endif
