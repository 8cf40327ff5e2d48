/* SPDX-License-Identifier: MIT */
/* wrap_sockets KIND: one socket, made in one of the ways that there are, whose peer has gone. */
#include "victim.h"

#include <sys/syscall.h>
#include <sys/un.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* A connection over TO, a listener's socket; its far end closes. */
static int kept_of(int listener, int fd, int (*take)(int))
{
    MUST(connect(fd, (struct sockaddr *)&victim_address, sizeof victim_address));
    int kept = (int)MUST(take(listener));
    MUST(close(fd));
    MUST(close(listener));
    return kept;
}

static int by_accept4(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }
static int by_number(int fd) { return (int)syscall(SYS_accept4, fd, NULL, NULL, 0); }

static int one_of_pair(int type)
{
    int v[2];
    MUST(socketpair(AF_UNIX, type, 0, v));
    MUST(close(v[1]));
    return v[0];
}

/* Sent over a Unix socket; the sender's own copy is closed. */
static int received(int use_recvmmsg)
{
    int v[2], fd = one_of_pair(SOCK_STREAM);
    char c = 'x', room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec one = {&c, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room}};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m.msg_hdr);
    *cmsg = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
    MUST(sendmsg(v[0], &m.msg_hdr, 0));
    MUST(close(fd));
    MUST(use_recvmmsg ? recvmmsg(v[1], &m, 1, 0, NULL) : recvmsg(v[1], &m.msg_hdr, 0));
    MUST((cmsg = CMSG_FIRSTHDR(&m.msg_hdr)) ? 0 : -1);
    memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
    MUST(close(v[0]) | close(v[1]));
    return fd;
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    int fd = -1;
    if (!strcmp(kind, "accept4"))
        fd = kept_of(listen_loopback(), (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), by_accept4);
    else if (!strcmp(kind, "syscall_accept4"))
        fd = kept_of(listen_loopback(), (int)MUST(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)), by_number);
    else if (!strcmp(kind, "socketpair"))
        fd = one_of_pair(SOCK_STREAM);
    else if (!strcmp(kind, "seqpacket"))
        fd = one_of_pair(SOCK_SEQPACKET | SOCK_CLOEXEC);
    else if (!strcmp(kind, "recvmsg") || !strcmp(kind, "recvmmsg"))
        fd = received(kind[4] == 'm' && kind[5] == 'm');
    else if (!strcmp(kind, "mptcp")) {
        if ((fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP)) < 0)
            return 77;
        struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        connect(fd, (struct sockaddr *)&nobody, sizeof nobody);
    } else
        return 98;
    return fd < 3;
}
