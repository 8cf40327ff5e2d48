/* SPDX-License-Identifier: MIT */
/*
 * attach_timed.c: waits two seconds in the call that it is told, on a socket with a time limit; prints what the call gave.
 *
 * usage: attach_timed sendmmsg|sendfile|splice|preadv2
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../newer.h"

static int pair[2];

static long call(const char *name)
{
    char c[16] = "x";
    struct iovec v = {c, sizeof c};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    int file = open("/proc/self/exe", O_RDONLY), way[2];
    if (pipe(way) || write(way[1], c, sizeof c) != sizeof c)
        return -2;
    errno = EIO;
    if (!strcmp(name, "sendmmsg"))
        return sendmmsg(pair[0], &m, 1, 0);
    if (!strcmp(name, "sendfile"))
        return sendfile(pair[0], file, NULL, 4096);
    if (!strcmp(name, "splice"))
        return splice(way[0], NULL, pair[0], NULL, sizeof c, 0);
    return preadv2(pair[1], &v, 1, -1, 0);
}

int main(int argc, char **argv)
{
    struct timeval two = {2, 0};
    char block[4096] = "";
    if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 1;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &two, sizeof two);
    setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &two, sizeof two);
    if (strcmp(argv[1], "preadv2") != 0)
        while (send(pair[0], block, sizeof block, MSG_DONTWAIT) > 0)
            ;
    puts("ready");
    fflush(stdout);
    long r = call(argv[1]);
    printf("%s %ld %s\n", argv[1], r, strerrorname_np(errno));
    return 0;
}
