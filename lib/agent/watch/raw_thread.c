/* SPDX-License-Identifier: MIT */
/*
 * raw_thread.c: a thread that the C library does not know, made by clone(2).
 *
 * Its memory is one mapping: a guard page, the stack, the thread-local storage, and the control
 * block, which libc calls struct pthread. It is kept for the next thread. The flags are those of
 * libc's own threads, so that a filter, an emulator or a tracer takes it for one.
 */
#include "raw_thread.h"

#include <errno.h>
#include <features.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "../../libc/libc.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"

#if ARCH_HAS_RAW_THREAD && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define POSSIBLE 1
#else
#define POSSIBLE 0
#endif

#if POSSIBLE

#define STACK_SIZE (256u * 1024)
/* libc's struct pthread, zero behind it, but for the dtv */
#define CONTROL_SIZE (2 * PAGE_BYTES)
/* More thread-local storage than that below the thread pointer is not believed. */
#define MOST_STORAGE ((size_t)64 << 20)

#define FLAGS                                                                                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
     CLONE_CHILD_CLEARTID)

long raw_thread_clone(unsigned long flags, void *top, void *tid, void *cleared, uintptr_t thread_pointer, void (*run)(void));
ARCH_THREAD(raw_thread_clone);

static struct {
    unsigned char *at; /* NULL: there is none yet */
    size_t size;
    unsigned char *top; /* of the stack; the storage begins there */
    uintptr_t thread_pointer;
} block;
static _Atomic uint32_t alive; /* a futex word, which the kernel clears when the thread has left its stack */
static void (*body)(void);

static size_t whole_pages(size_t size) { return (size + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1); }

/*
 * How far below the thread pointer the lowest variable lies that the thread may use. In whole lines
 * of the cache: the stack begins in the same page, which a forked child then touches once.
 */
static size_t storage_size(void)
{
    uintptr_t own = (uintptr_t)&this_thread, number = (uintptr_t)&errno;
    uintptr_t lowest = own < number ? own : number; /* musl keeps errno in the control block */
    return (arch_thread_pointer() - lowest + 63) & ~(size_t)63;
}

/* libc writes the thread's number there, and a debugger's library reads it; 0: not found. */
static size_t place_of_tid(void)
{
    uintptr_t tp = arch_thread_pointer();
    uint32_t tid = (uint32_t)sys_gettid();
    for (size_t at = LIBC_TID_FROM; at < LIBC_TID_TO; at += sizeof tid)
        if (*(const uint32_t *)(tp + at) == tid)
            return at;
    return 0;
}

static bool map_block(size_t size)
{
    /* refused where the program has locked its memory */
    if (block.at && block.size == size && SYS3(SYS_madvise, block.at + PAGE_BYTES, size - PAGE_BYTES, MADV_DONTNEED) >= 0)
        return true;
    if (block.at)
        sys_munmap(block.at, block.size);
    block.at = NULL;
    unsigned char *p = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (sys_failed(p))
        return false;
    sys_mprotect(p, PAGE_BYTES, PROT_NONE);
    block.at = p;
    block.size = size;
    return true;
}

static bool make_block(void)
{
    size_t storage = storage_size();
    if (storage > MOST_STORAGE || !map_block(PAGE_BYTES + STACK_SIZE + whole_pages(storage) + CONTROL_SIZE))
        return false;
    block.thread_pointer = (uintptr_t)block.at + block.size - CONTROL_SIZE;
    block.top = (unsigned char *)block.thread_pointer - storage;
    return libc_fill_control_block(block.thread_pointer, CONTROL_SIZE, storage);
}

static void begin(void)
{
    sys_block_signals(); /* for good: the creator's mask leaves libc's own two open */
    this_thread.is_raw = true;
    body();
}

bool raw_thread_is_possible(void) { return true; }

bool raw_thread_start(void (*run)(void))
{
    static uint32_t nowhere;
    size_t at = place_of_tid();
    if (atomic_load(&alive) || !make_block())
        return false;
    body = run;
    atomic_store(&alive, 1);
    void *tid = at ? (void *)(block.thread_pointer + at) : (void *)&nowhere;
    if (raw_thread_clone(FLAGS, block.top, tid, (void *)&alive, block.thread_pointer, begin) >= 0)
        return true;
    atomic_store(&alive, 0);
    return false;
}

bool raw_thread_await(uint64_t limit_ns)
{
    struct timespec limit = {(time_t)(limit_ns / NS_PER_S), (long)(limit_ns % NS_PER_S)};
    if (atomic_load(&alive)) /* the kernel wakes whom FUTEX_PRIVATE_FLAG would hide */
        sys_futex((volatile void *)&alive, FUTEX_WAIT, 1, &limit, NULL, 0);
    return !atomic_load(&alive);
}

void raw_thread_forked_child(void) { atomic_store(&alive, 0); }

#else

bool raw_thread_is_possible(void) { return false; }

bool raw_thread_start(void (*run)(void))
{
    (void)run;
    return false;
}

bool raw_thread_await(uint64_t limit_ns)
{
    (void)limit_ns;
    return true;
}

void raw_thread_forked_child(void) {}

#endif
