/* SPDX-License-Identifier: MIT */
/*
 * proc_files.h: reads small files of /proc, and lists its folders of numbers.
 *
 * Each call needs a descriptor for the moment. No allocation; errno is kept; async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_PROC_FILES_H
#define SOCKLEAK_AGENT_PROC_FILES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The first CAP-1 bytes of the file whose path FMT gives (out_fmt's conversions; at most 127 bytes)
 * in BUF, which is NUL-terminated also when there are none. Returns their number, or -errno.
 */
long proc_read(char *buf, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/*
 * Calls back for each number in the folder PATH (descriptors, threads), in its order, until CALL
 * answers false. The descriptor by which a process lists its own is left out. False: it could not
 * be listed to its end.
 */
bool proc_each_number(const char *path, bool (*call)(void *arg, unsigned number), void *arg);

#endif
