/* SPDX-License-Identifier: MIT */
/*
 * newer.h: what the tests' programs use of glibc 2.32 to 2.34 and of Linux 5.9, for systems whose headers lack it.
 *
 * Included last. Where the C library has no such function no wrapper of ours is in its way either: the kernel's call stands for it.
 */
#ifndef SOCKLEAK_TESTS_NEWER_H
#define SOCKLEAK_TESTS_NEWER_H

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1u << 1)
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

#if defined __GLIBC__ && !__GLIBC_PREREQ(2, 34)
static inline int close_range(unsigned from, unsigned to, int flags) { return (int)syscall(SYS_close_range, from, to, flags); }
static inline void closefrom(int from) { syscall(SYS_close_range, (unsigned)from, ~0u, 0); }
static inline pid_t _Fork(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
#endif
#if defined __GLIBC__ && !__GLIBC_PREREQ(2, 32)
static inline const char *strerrorname_np(int error) { return strerror(error); }
#endif

#endif
