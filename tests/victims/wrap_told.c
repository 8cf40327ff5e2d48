/* SPDX-License-Identifier: MIT */
/*
 * wrap_told CALL: a connection whose peer has closed; the program learns it from CALL, by name as the loader finds it, and keeps the descriptor.
 * The not_* ways are calls that return 0 or fail without having told anything.
 */
#include "victim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char buf[16];

static ssize_t told_by(const char *call, int fd)
{
    struct iovec iov[2] = {{buf, 4}, {buf + 4, 4}};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};
    int pipes[2];
    long (*f)() = (long (*)())dlsym(RTLD_DEFAULT, call);

    if (!strcmp(call, "recv") || !strcmp(call, "__recv"))
        return f(fd, buf, (size_t)16, 0);
    if (!strcmp(call, "__recv_chk"))
        return f(fd, buf, (size_t)16, (size_t)16, 0);
    if (!strcmp(call, "recvfrom"))
        return f(fd, buf, (size_t)16, 0, NULL, NULL);
    if (!strcmp(call, "__recvfrom_chk"))
        return f(fd, buf, (size_t)16, (size_t)16, 0, NULL, NULL);
    if (!strcmp(call, "read") || !strcmp(call, "__read"))
        return f(fd, buf, (size_t)16);
    if (!strcmp(call, "__read_chk"))
        return f(fd, buf, (size_t)16, (size_t)16);
    if (!strcmp(call, "readv"))
        return f(fd, iov, 2);
    if (!strcmp(call, "preadv2") || !strcmp(call, "preadv64v2"))
        return f(fd, iov, 2, (off_t)-1, 0);
    if (!strcmp(call, "recvmsg"))
        return f(fd, &m.msg_hdr, 0);
    if (!strcmp(call, "recvmmsg"))
        return f(fd, &m, 1, 0, NULL) == 1 ? (ssize_t)m.msg_len : -1;
    if (!strcmp(call, "splice"))
        return pipe(pipes) | splice(fd, NULL, pipes[1], NULL, 16, 0);
    if (!strcmp(call, "peek"))
        return recv(fd, buf, 16, MSG_PEEK);
    if (!strcmp(call, "syscall_read"))
        return syscall(SYS_read, fd, buf, 16);
    if (!strcmp(call, "syscall_recvfrom"))
        return syscall(SYS_recvfrom, fd, buf, 16, 0, NULL, NULL);
    if (!strcmp(call, "not_zero_length"))
        return recv(fd, buf, 0, MSG_DONTWAIT);
    if (!strcmp(call, "not_empty_vector"))
        return readv(fd, iov, 0);
    if (!strcmp(call, "not_errqueue"))
        return recv(fd, buf, 16, MSG_ERRQUEUE | MSG_DONTWAIT) == -1 ? 0 : -1;
    errno = ENOSYS;
    return -1;
}

int main(int argc, char **argv)
{
    int listener = listen_loopback();
    int client = connect_loopback();
    int fd = (int)MUST(accept(listener, NULL, NULL));
    MUST(shutdown(client, SHUT_WR));
    MUST(recv(fd, buf, 0, 0)); /* waits for nothing; the FIN is there before close returns on loopback */
    MUST(close(client));
    MUST(close(listener));
    ssize_t r = argc > 1 ? told_by(argv[1], fd) : -1;
    if (r != 0) {
        printf("%s gave %zd (%s)\n", argv[1], r, strerror(errno));
        return 98;
    }
    return 0;
}
