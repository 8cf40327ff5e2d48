/* SPDX-License-Identifier: MIT */
/* eintr.c: a close that is interrupted, as one of a file on a network may be: the descriptor is closed all the same. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int close(int fd)
{
    long r = syscall(SYS_close, fd);
    if (r == 0)
        errno = EINTR;
    return -1;
}
