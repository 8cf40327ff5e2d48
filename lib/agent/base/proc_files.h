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
 * Calls back for each number in the folder PATH (threads, processes, another process' descriptors),
 * in its order, until CALL answers false. False: it could not be listed to its end.
 */
bool proc_each_number(const char *path, bool (*call)(void *arg, unsigned number), void *arg);
/*
 * The same for the program's own descriptors, from the number FROM on. The one by which they are
 * listed is left out, where it is in the same table. None: the first thread has ended.
 */
bool proc_each_descriptor(unsigned from, bool (*call)(void *arg, unsigned number), void *arg);

/*
 * Calls back for each of the program's descriptors with the LEN bytes at LINK, what readlink(2) says
 * of it. Where the folder cannot be listed, because no descriptor is left, each number below LIMIT is
 * asked for. False: there is no /proc.
 */
bool proc_each_link(unsigned limit, void (*call)(void *arg, const char *link, size_t len), void *arg);

#endif
