/* SPDX-License-Identifier: MIT */
/*
 * opener.h: what /proc says of the thread that opened a socket: its name and the call that it is
 * in.
 *
 * Pure, over the text of the files; async-signal-safe. Whoever has the files reads them.
 */
#ifndef SOCKLEAK_CORE_OPENER_H
#define SOCKLEAK_CORE_OPENER_H

#include "report.h"

/* The text of /proc/PID/task/TID/comm. */
void opener_set_name(struct opener *t, const char *comm, size_t len);
/* The text of /proc/PID/task/TID/syscall, by the system calls' numbers of this machine. */
void opener_set_now(struct opener *t, const char *text, size_t len);
/*
 * Whether the thread of this /proc/PID/task/TID/stat began after a socket that was opened AGE_NS
 * ago, NOW_BOOT_NS being CLOCK_BOOTTIME: then it only has the number of the one that opened it.
 */
bool opener_is_another(const char *stat, size_t len, uint64_t now_boot_ns, uint64_t age_ns);

#endif
