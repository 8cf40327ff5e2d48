/* SPDX-License-Identifier: MIT */
/*
 * thread_pointers.h: the control blocks of a process' threads, from the calls that set them.
 *
 * Nothing outside of a thread tells its thread pointer. But the calls that give a thread one are
 * stopped (clone, clone3, arch_prctl), and in each block stands the number of its thread: in the C
 * library's part, or in that of Go's runtime.
 */
#ifndef SOCKLEAK_CLI_TRACE_THREAD_POINTERS_H
#define SOCKLEAK_CLI_TRACE_THREAD_POINTERS_H

#include <stdint.h>
#include <sys/types.h>

#define THREAD_POINTERS 512u
struct thread_pointers {
    uint32_t n; /* all that were seen; the last of them are kept */
    uint64_t at[THREAD_POINTERS];
};

void thread_pointers_add(struct thread_pointers *p, uint64_t at);
/* The block of the thread TID of the process PID, which is stopped; 0: not known. */
uint64_t thread_pointers_of(const struct thread_pointers *p, pid_t pid, pid_t tid);

#endif
