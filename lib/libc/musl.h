/* SPDX-License-Identifier: MIT */
/*
 * musl.h: musl, 1.2 and later.
 *
 * Included by libc.h alone, which explains the names. The layout of struct pthread is that of musl's
 * src/internal/pthread_impl.h; its first part is an ABI that musl keeps.
 */
#ifndef SOCKLEAK_LIBC_MUSL_H
#define SOCKLEAK_LIBC_MUSL_H

/* They define names of 64-bit calls as macros for the plain ones, until musl 1.2.3. */
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../arch/cpu.h"

#undef freopen64
#undef pread64
#undef preadv64
#undef sendfile64

/* What glibc's headers have, and musl's have not or only later. */
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* there is no such mode */
#endif
extern const ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

/*
 * musl loads no library later that has variables of the initial-exec model. Of the dynamic ones it
 * allocates what every thread needs inside dlopen, so an access is a load or two.
 */
#define LIBC_TLS_MODEL "global-dynamic"
#define LIBC_THREAD_OFFSET ARCH_OFFSET_DYNAMIC

/* PTHREAD_STACK_MIN is 2 KiB, and the control block may be elsewhere. */
#define LIBC_SMALLEST_STACK 0u
static inline bool libc_stack_reaches(uintptr_t below) { return (void)below, false; }

/* musl is built without .eh_frame, but for a few functions. */
#define LIBC_HAS_UNWIND_TABLES 0

/* struct pthread begins with what the processor's ABI asks for, 6 words, then has the number. */
#define LIBC_TID_FROM 0x30u
#define LIBC_TID_TO 0x80u

#define LIBC_OWN_NAME "_dlstart"

struct libc_debug {
    int version;
    const struct link_map *first;
};
extern const struct libc_debug *_dl_debug_addr __attribute__((weak));
static inline const struct link_map *libc_first_object(void) { return &_dl_debug_addr && _dl_debug_addr ? _dl_debug_addr->first : NULL; }

#if ARCH_HAS_RAW_THREAD
#define LIBC_DTV_AT 1024u /* behind struct pthread, which has about 200 bytes */

/*
 * The variables lie as far below the new control block as below the calling thread's, so its dtv is
 * this thread's, moved. What was loaded later lies elsewhere, and is not there.
 */
static inline bool libc_fill_control_block(uintptr_t block, size_t size, size_t storage)
{
    const uintptr_t own = arch_thread_pointer(), *from = (const uintptr_t *)arch_thread_word(8);
    uintptr_t *b = (uintptr_t *)block, *dtv = (uintptr_t *)(block + LIBC_DTV_AT);
    if (from[0] >= (size - LIBC_DTV_AT) / sizeof *dtv)
        return false;
    dtv[0] = from[0];
    for (uintptr_t i = 1; i <= from[0]; i++)
        dtv[i] = from[i] < own && own - from[i] <= storage ? block - (own - from[i]) : 0;
    b[0] = block; /* self */
    b[1] = (uintptr_t)dtv;
    b[2] = b[3] = block;           /* the list of threads: it is alone in its own */
    b[4] = arch_thread_word(0x20); /* sysinfo */
    b[5] = arch_thread_word(0x28); /* what the stack protector compares with */
    return true;
}
#endif

#endif
