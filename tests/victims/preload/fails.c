/* SPDX-License-Identifier: MIT */
/* fails.c: the call FAIL_CALL, socket or connect, fails with the error FAIL_ERRNO; socket from its third call on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(const char *call)
{
    const char *wanted = getenv("FAIL_CALL");
    if (!wanted || strcmp(wanted, call) != 0)
        return 0;
    errno = atoi(getenv("FAIL_ERRNO"));
    return 1;
}

int socket(int family, int type, int protocol)
{
    static int calls;
    if (++calls > 2 && fails("socket"))
        return -1;
    return (int)syscall(SYS_socket, family, type, protocol);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    if (fails("connect"))
        return -1;
    return (int)syscall(SYS_connect, fd, to, len);
}
