/* SPDX-License-Identifier: MIT */
/*
 * libc_frames_musl.c: the frames of musl, which is built without unwind tables.
 *
 * Initialized with the walk, by one thread or by several that store the same; then read by all.
 */
#include "libc_frames.h"

#include <stdatomic.h>

#include "../../arch/cpu.h"
#include "../elf/object.h"
#include "../elf/symbol_tables.h"

static _Atomic uintptr_t libc_start, libc_end, of_exit, of_thread_exit;

void libc_frames_init(void)
{
    struct object o;
    uintptr_t at = (uintptr_t)symbol_tables_libcs("exit");
    if (!at || !object_at(at, &o))
        return;
    of_exit = at;
    of_thread_exit = (uintptr_t)symbol_tables_libcs("pthread_exit");
    libc_end = o.end;
    libc_start = o.start;
}

bool libc_frames_hold(uintptr_t pc)
{
    return pc - atomic_load_explicit(&libc_start, memory_order_relaxed) <
           atomic_load_explicit(&libc_end, memory_order_relaxed) - atomic_load_explicit(&libc_start, memory_order_relaxed);
}

bool libc_frames_begin(uintptr_t pc, const unsigned char *code)
{
    uint64_t to;
    return arch_passes_result(code, pc, &to) && to && (to == of_exit || to == of_thread_exit);
}
