/* SPDX-License-Identifier: MIT */
/*
 * numbers.h: system calls that older C libraries and kernel headers do not name.
 *
 * Calls since Linux 5.1 have one number on every processor (the kernel's asm-generic/unistd.h). A
 * kernel without the call answers ENOSYS.
 */
#ifndef SOCKLEAK_ARCH_NUMBERS_H
#define SOCKLEAK_ARCH_NUMBERS_H

#include <sys/syscall.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#endif
