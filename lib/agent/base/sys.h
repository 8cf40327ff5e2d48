/* SPDX-License-Identifier: MIT */
/*
 * sys.h: the agent's own system calls, made directly.
 *
 * The agent never calls libc's wrappers for its own work: they set errno, are cancellation points,
 * and may be interposed (by us too). Each sys_* returns the kernel's value: >= 0, or -errno. All
 * are async-signal-safe. The instruction itself is in lib/arch.
 */
#ifndef SOCKLEAK_AGENT_SYS_H
#define SOCKLEAK_AGENT_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "../../arch/cpu.h"
#include "../../arch/numbers.h"

/*
 * A table that may grow large, or that most processes never touch. The linker orders by alignment
 * (Makefile), so these lie together, apart from the small variables, which share a page or two: a
 * child of fork pays for each page that it writes to.
 */
#define LARGE_TABLE __attribute__((aligned(64)))

#define SYS0(n) arch_syscall((n), 0, 0, 0, 0, 0, 0)
#define SYS1(n, a) arch_syscall((n), (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b) arch_syscall((n), (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c) arch_syscall((n), (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) arch_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e) arch_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f) arch_syscall((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long sys_openat(int dir, const char *path, int flags, unsigned mode) { return SYS4(SYS_openat, dir, path, flags, mode); }
static inline long sys_close(int fd) { return SYS1(SYS_close, fd); }
#ifdef SYS_newfstatat
#define SYS_stat_at SYS_newfstatat
#else
#define SYS_stat_at SYS_fstatat
#endif
/* P: a struct stat. */
static inline long sys_stat_at(int dir, const char *path, void *p, int flags) { return SYS4(SYS_stat_at, dir, path, p, flags); }
static inline long sys_fstat(int fd, void *p) { return SYS2(SYS_fstat, fd, p); }
static inline long sys_stat(const char *path, void *p) { return sys_stat_at(AT_FDCWD, path, p, 0); }
static inline long sys_read(int fd, void *p, size_t n) { return SYS3(SYS_read, fd, p, n); }
static inline long sys_write(int fd, const void *p, size_t n) { return SYS3(SYS_write, fd, p, n); }
/* Returns the address, or -errno as a value above (uintptr_t)-4096. */
static inline void *sys_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
    return (void *)SYS6(SYS_mmap, at, n, prot, flags, fd, off);
}
static inline int sys_failed(const void *p) { return (uintptr_t)p > (uintptr_t)-4096; }
static inline long sys_munmap(void *p, size_t n) { return SYS2(SYS_munmap, p, n); }
static inline long sys_mprotect(void *p, size_t n, int prot) { return SYS3(SYS_mprotect, p, n, prot); }
static inline long sys_getpid(void) { return SYS0(SYS_getpid); }
static inline long sys_gettid(void) { return SYS0(SYS_gettid); }
static inline long sys_getsockopt(int fd, int level, int name, void *val, void *len)
{
    return SYS5(SYS_getsockopt, fd, level, name, val, len);
}
static inline long sys_ioctl(int fd, unsigned long req, void *arg) { return SYS3(SYS_ioctl, fd, req, arg); }
static inline long sys_futex(volatile void *word, int op, uint32_t val, const void *timeout, volatile void *word2, uint32_t val3)
{
    return SYS6(SYS_futex, word, op, val, timeout, word2, val3);
}

/*
 * The program has put a seccomp filter on itself (sshd, Chromium). From then on the filtered
 * threads open no file, make no process or thread, and check no socket. They still record, which
 * needs only the calls that every allocator makes. A watcher that already runs is not filtered. Set
 * for good.
 */
extern _Atomic bool sys_sandboxed;
static inline void sys_enter_sandbox(void) { atomic_store(&sys_sandboxed, true); }
static inline bool sys_in_sandbox(void) { return atomic_load_explicit(&sys_sandboxed, memory_order_relaxed); }
/*
 * Between these two no handler runs and no cancellation acts: for work that other threads wait for,
 * since a thread that is cancelled in it, or whose handler jumps away, would never end it. The first
 * returns the set that was blocked before, for the second. In a sandbox they do nothing.
 */
uint64_t sys_block_signals(void);
void sys_unblock_signals(uint64_t before);

/*
 * One step, number TURN from 0, of a wait for another thread: a pause at first, then sched_yield,
 * since that thread may need this processor (in a sandbox pauses only).
 */
void sys_yield(unsigned turn);

/*
 * The time of CLOCK (clock_gettime(2)) in nanoseconds, from the kernel itself. For the moment at
 * which the library is loaded, when a library that has interposed clock_gettime is not ready yet,
 * and for what is compared with the times of files.
 */
static inline uint64_t sys_clock(int clock)
{
    int64_t t[2] = {0, 0}; /* struct timespec */
    SYS2(SYS_clock_gettime, clock, t);
    return (uint64_t)t[0] * 1000000000u + (uint64_t)t[1];
}

/*
 * True when the page at P (writable mapping) can be written; makes the kernel allocate it. Never
 * SIGBUS, never changes a byte.
 */
int sys_touch(void *p);

#endif
