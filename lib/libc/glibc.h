/* SPDX-License-Identifier: MIT */
/*
 * glibc.h: the GNU C library.
 *
 * Included by libc.h alone, which explains the names.
 */
#ifndef SOCKLEAK_LIBC_GLIBC_H
#define SOCKLEAK_LIBC_GLIBC_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../arch/cpu.h"

#define LIBC_TLS_MODEL "initial-exec"
#define LIBC_THREAD_OFFSET ARCH_OFFSET_STATIC

/* PTHREAD_STACK_MIN is 16 KiB; the control block is part of the thread's stack (about 2.3 KiB). */
#define LIBC_SMALLEST_STACK (12u << 10)
static inline bool libc_stack_reaches(uintptr_t below) { return below < LIBC_SMALLEST_STACK; }

#define LIBC_HAS_UNWIND_TABLES 1

/* struct pthread, which has 2,304 to 2,500 bytes. */
#define LIBC_TID_FROM 0x80u
#define LIBC_TID_TO 0x800u

#define LIBC_OWN_NAME "gnu_get_libc_version"

static inline const struct link_map *libc_first_object(void) { return _r_debug.r_map; }

#if ARCH_HAS_RAW_THREAD
#define LIBC_DTV_AT (4096u - 64) /* in struct pthread's own page, which a forked child then touches once */

static inline bool libc_fill_control_block(uintptr_t block, size_t size, size_t storage)
{
    (void)size;
    (void)storage;
    arch_fill_control_block(block, block + LIBC_DTV_AT);
    return true;
}
#endif

#endif
