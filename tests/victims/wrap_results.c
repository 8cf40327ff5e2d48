/* SPDX-License-Identifier: MIT */
/*
 * wrap_results: makes the wrapped calls in good and in failing ways and prints result and errno of each. What it prints must not depend on who is
 * preloaded.
 */
#include "victim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../newer.h"

#define SHOW(call)                                         \
    do {                                                   \
        errno = 12345;                                     \
        long shown = (long)(call);                         \
        int err = errno;                                   \
        printf("%s = %ld, errno %d\n", #call, shown, err); \
    } while (0)

static char buf[32];

int main(void)
{
    struct iovec iov[2] = {{buf, 3}, {buf + 3, 4}};
    void *volatile bad = (void *)8; /* where nothing is mapped */
    struct mmsghdr m = {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}};
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd p = {.events = POLLIN | POLLOUT};
    struct timespec none = {0, 0};
    int v[2], value = 1, listener = listen_loopback();
    socklen_t len = sizeof value;

    SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(socket(-1, SOCK_STREAM, 0));
    SHOW(socketpair(AF_INET, SOCK_STREAM, 0, v));
    SHOW(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, v));
    SHOW(connect(4, (struct sockaddr *)&here, sizeof here));
    SHOW(connect(4, bad, sizeof here));
    SHOW(connect(-1, bad, sizeof here));
    SHOW(accept(4, NULL, NULL));
    SHOW(fcntl(listener, F_SETFL, O_NONBLOCK));
    SHOW(fcntl(listener, F_GETFL) & O_NONBLOCK);
    SHOW(fcntl(listener, F_DUPFD, -1));
    SHOW(fcntl(listener, F_DUPFD, 200));
    SHOW(fcntl(-1, F_GETFD));
    SHOW(fcntl64(listener, F_GETFD));
    SHOW(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    SHOW(accept4(listener, NULL, NULL, 12345));
    SHOW(recv(v[0], buf, 5, 0));
    SHOW(read(v[0], buf, 5));
    SHOW(read(-1, buf, 5));
    SHOW(pread(v[0], buf, 5, 0));
    SHOW(readv(v[0], bad, 2));
    SHOW(recvmsg(v[0], bad, 0));
    SHOW(recvmmsg(v[0], &m, 1, 0, &none));
    SHOW(write(v[1], "0123456789", 10));
    SHOW(read(v[0], bad, 5));
    SHOW(recvfrom(v[0], buf, 2, MSG_PEEK, NULL, NULL));
    SHOW(readv(v[0], iov, 2));
    SHOW(recvmsg(v[0], &m.msg_hdr, 0));
    SHOW(send(v[1], "x", 1, 0));
    SHOW(shutdown(v[1], SHUT_WR));
    SHOW(shutdown(0x7fffffff, SHUT_WR));
    SHOW(recvmmsg(v[0], &m, 1, 0, NULL));
    SHOW(recv(v[0], buf, 5, 0));
    SHOW(send(v[1], "x", 1, MSG_NOSIGNAL));
    SHOW(sendmsg(v[1], bad, 0));
    p.fd = v[0];
    SHOW(poll(&p, 1, 0));
    SHOW(ppoll(&p, 1, &none, NULL));
    SHOW(poll(bad, 1, 0));
    SHOW(getsockopt(v[0], SOL_SOCKET, SO_ERROR, &value, &len));
    SHOW(getsockopt(v[0], SOL_SOCKET, SO_ERROR, NULL, NULL));
    SHOW(dup(v[0]));
    SHOW(dup2(v[0], v[0]));
    SHOW(dup2(v[0], -1));
    SHOW(dup2(v[0], 300));
    SHOW(dup3(v[0], v[0], 0));
    SHOW(syscall(SYS_close, 300));
    SHOW(syscall(SYS_close, 300));
    SHOW(syscall(SYS_getpid) == getpid());
    SHOW(syscall(100000, 1, 2, 3, 4, 5, 6));
    SHOW(close(-1));
    SHOW(close(v[0]));
    SHOW(close(v[0]));
    SHOW(close_range(5, 4, 0));
    SHOW(close_range(200, 300, 0));
    SHOW(fclose(fdopen(v[1], "r")));
    SHOW(pclose(popen("exit 7", "r")));
    /* cppcheck-suppress [leakReturnValNotUsed, leakNoVarFunctionCall] */
    SHOW(freopen("/no/such/file", "r", fopen("/dev/null", "r")) == NULL);
    SHOW(execl("/no/such/file", "x", (char *)NULL));
    SHOW(execvp("no-such-program", (char *[]){buf, NULL}));
    SHOW(dlclose(dlopen("libm.so.6", RTLD_LAZY)));
    for (int way = 0; way < 5; way++) {
        fflush(stdout); /* ThreadSanitizer's abort flushes, but not in a child of a program with threads, and our watcher is one */
        pid_t pid = fork();
        if (pid == 0 && way == 0)
            _exit(3);
        if (pid == 0 && way == 1)
            _Exit(4);
        if (pid == 0 && way == 2)
            quick_exit(5);
        if (pid == 0 && way == 3)
            abort();
        if (pid == 0)
            execlp("sh", "sh", "-c", "exit 6", (char *)NULL);
        int status = 0;
        waitpid(pid, &status, 0);
        printf("way %d: status %x\n", way, (unsigned)status & ~0x80u);
    }
    closefrom(3);
    SHOW(fcntl(4, F_GETFD));
    return 9;
}
