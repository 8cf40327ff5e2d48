/* SPDX-License-Identifier: MIT */
/*
 * raw_thread.h: a thread that the C library does not know, made by clone(2).
 *
 * After the first pthread_create(3) glibc takes a longer way through every call that can be
 * cancelled, through the locks of stdio and malloc, and libstdc++ through its reference counts: for
 * good, in a program that has no other thread. With this one the program keeps the short ways.
 *
 * So libc takes its locks, in other threads, as if there were nobody else, and the thread has no
 * locale, no malloc cache, no robust list. What it runs must reach no function of libc that takes a
 * lock, allocates, or uses thread-local state; scripts/check-watcher follows the calls. Its errno
 * and this library's own thread-local variables are there, zeroed. All its signals are blocked.
 * libc's setuid(2) and its kin do not reach it (rights.h).
 *
 * One at a time. For a thread of the program; not async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_RAW_THREAD_H
#define SOCKLEAK_AGENT_RAW_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* False: not on this processor, with this C library, or in this build. */
bool raw_thread_is_possible(void);
/*
 * Makes the thread, which runs RUN and ends. False: it cannot be made. The one before it must have
 * ended.
 */
bool raw_thread_start(void (*run)(void));
/* Waits for the thread's end, LIMIT_NS at most. True: there is none any more. */
bool raw_thread_await(uint64_t limit_ns);
/* In a forked child, which does not have it. The next one gets its memory. */
void raw_thread_forked_child(void);

#endif
