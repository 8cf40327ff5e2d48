/* SPDX-License-Identifier: MIT */
/*
 * restart.c: which system calls can simply be made again, if only our stop has ended them with
 * EINTR.
 */
#include "restart.h"

#include <stddef.h>
#include <sys/syscall.h>

/*
 * Calls that the kernel ends with EINTR when a thread is stopped, though no handler runs, and that
 * have done nothing by then: they may simply be made again.
 */
bool restart_may_repeat(long nr)
{
    static const long calls[] = {
        SYS_read,           SYS_readv,   SYS_write,    SYS_writev,  SYS_recvfrom,    SYS_recvmsg,  SYS_recvmmsg,   SYS_sendto,
        SYS_sendmsg,        SYS_accept,  SYS_accept4,  SYS_connect, SYS_epoll_pwait, SYS_semop,    SYS_semtimedop, SYS_rt_sigtimedwait,
        SYS_io_getevents,   SYS_msgrcv,  SYS_msgsnd,   SYS_futex,   SYS_ppoll,       SYS_pselect6, SYS_sendmmsg,   SYS_sendfile,
        SYS_splice,         SYS_pread64, SYS_pwrite64, SYS_preadv,  SYS_pwritev,     SYS_preadv2,  SYS_pwritev2,
#ifdef SYS_epoll_wait
        SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
        SYS_epoll_pwait2,
#endif
#ifdef SYS_io_uring_enter
        SYS_io_uring_enter,
#endif
#ifdef SYS_io_pgetevents
        SYS_io_pgetevents,
#endif
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i] == nr)
            return true;
    return false;
}
