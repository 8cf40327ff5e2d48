/* SPDX-License-Identifier: MIT */
/*
 * libc_frames.h: frames of a C library that has no unwind tables.
 *
 * Its functions use the frame pointer as any other register, so a chain through them would leave
 * out frames, or lead anywhere. What can be told is where a stack begins: the code that calls main,
 * or the function of a thread, and hands the result to exit or pthread_exit. No lock, no system
 * call; async-signal-safe, but for libc_frames_init.
 */
#ifndef SOCKLEAK_AGENT_LIBC_FRAMES_H
#define SOCKLEAK_AGENT_LIBC_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "../../libc/libc.h"

#if LIBC_HAS_UNWIND_TABLES
static inline void libc_frames_init(void) {}
static inline bool libc_frames_hold(uintptr_t pc) { return (void)pc, false; }
static inline bool libc_frames_begin(uintptr_t pc, const unsigned char *code) { return (void)pc, (void)code, false; }
#else
/* Called once, before the first walk. */
void libc_frames_init(void);
/* PC is code of the C library. */
bool libc_frames_hold(uintptr_t pc);
/* The return address PC, at which there are 16 bytes of CODE, is that of a stack's first call. */
bool libc_frames_begin(uintptr_t pc, const unsigned char *code);
#endif

#endif
