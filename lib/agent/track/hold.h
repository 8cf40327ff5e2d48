/* SPDX-License-Identifier: MIT */
/*
 * hold.h: which of the program's descriptors a check is asking the kernel about at this moment.
 *
 * While a system call works on a descriptor, the kernel holds a reference to its file. A close on
 * another thread then is not the last one: no FIN is sent when it returns, epoll may still report
 * the socket, its port stays taken, SO_LINGER is not waited for. So a check says which numbers it is
 * about to use, and looks at their slots again. Who closes a number has taken it out of its slot by
 * then, or finds it here and waits until the check is done with it: microseconds, 20 ms at most.
 *
 * The search for unseen sockets asks for numbers without a slot, so nothing tells it that one of them
 * is being closed. A close that begins later waits for it; one that has begun at that very moment may
 * still come first.
 *
 * A watcher with a descriptor table of its own asks a copy (descriptors.h), which is a reference too:
 * it lives as long as the hold.
 *
 * Only the thread with the watch lock holds numbers, and never over a call that can block.
 */
#ifndef SOCKLEAK_AGENT_HOLD_H
#define SOCKLEAK_AGENT_HOLD_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/descriptors.h"

/* Out of line, for hold_file. */
int hold_copy(int fd);

/* The first number, and in the high half how many; 0: none. */
extern _Atomic uint64_t hold_numbers __attribute__((visibility("hidden")));

/*
 * From FIRST to LAST. A number without a slot, or whose slot is not LIVE after this, must not be
 * used: it is being closed, or has been.
 */
void hold_range(int first, int last);
/* FD alone; false, and nothing is held: its slot's word is not WORD (any more). */
bool hold_live(int fd, uint64_t word);
void hold_end(void);
/* So many numbers may be asked about in one hold. */
#define HOLD_MOST 32
/*
 * Of the program's descriptor FD, what the calling thread can ask the kernel about until hold_end:
 * FD itself, or in a thread with a descriptor table of its own a copy, which is the hold's and not
 * the caller's. -EBADF: FD is not open. Another -errno: it is not known whether it is.
 */
static inline int hold_file(int fd) { return __builtin_expect(descriptors_are_own(), 0) ? hold_copy(fd) : fd >= 0 ? fd : -EBADF; }
/* So many closes have waited for as long as they may, and went on. */
extern _Atomic uint32_t hold_overdue;
/* In a forked child. */
void hold_reset(void);

/*
 * By who is about to close the numbers from FIRST to LAST, when they have left their slots: waits
 * until a check is done with them. Does nothing in the thread that checks, in a signal handler on
 * it, and in a vfork child.
 */
void hold_await(unsigned first, unsigned last);

static inline void hold_closing(int fd)
{
    uint64_t numbers = atomic_load(&hold_numbers);
    if (__builtin_expect((uint32_t)fd - (uint32_t)numbers < numbers >> 32, 0))
        hold_await((unsigned)fd, (unsigned)fd);
}

#endif
