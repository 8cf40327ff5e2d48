/* SPDX-License-Identifier: MIT */
/*
 * attach_blocked.c: one thread that waits two seconds in the call that is named, or computes for two seconds, and says what came of it.
 *
 * usage: attach_blocked CALL. Prints "ready", then "CALL RESULT ERRNO", where ERRNO was EIO before the call.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pair[2], word;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long call(const char *name)
{
    struct timespec two = {2, 0};
    struct timeval two_tv = {2, 0};
    struct pollfd wanted = {pair[0], POLLIN, 0};
    struct epoll_event ev = {.events = EPOLLIN};
    double end = now() + 2, x = 1;
    char c;
    int status, ep = epoll_create1(0);
    epoll_ctl(ep, EPOLL_CTL_ADD, pair[0], &ev);
    errno = EIO;
    if (!strcmp(name, "read"))
        return read(pair[0], &c, 1);
    if (!strcmp(name, "accept")) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int l = socket(AF_UNIX, SOCK_STREAM, 0);
        bind(l, (struct sockaddr *)&a, sizeof(sa_family_t)); /* a name of the kernel's choice */
        socklen_t n = sizeof a;
        listen(l, 1);
        getsockname(l, (struct sockaddr *)&a, &n);
        if (fork() == 0)
            _exit(sleep(2) || connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, n));
        return accept(l, NULL, NULL) > 2;
    }
    if (!strcmp(name, "timed_read")) {
        setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &two_tv, sizeof two_tv);
        return read(pair[1], &c, 1);
    }
    if (!strcmp(name, "epoll_wait"))
        return epoll_wait(ep, &ev, 1, -1);
    if (!strcmp(name, "poll"))
        return poll(&wanted, 1, 60000);
    if (!strcmp(name, "select"))
        return select(0, NULL, NULL, NULL, &two_tv);
    if (!strcmp(name, "nanosleep"))
        return nanosleep(&two, NULL);
    if (!strcmp(name, "futex"))
        return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &two, NULL, 0);
    if (!strcmp(name, "wait"))
        return waitpid(-1, &status, 0) > 0;
    if (!strcmp(name, "busy"))
        while (now() < end)
            for (int i = 0; i < 1000000; i++)
                x = x * 1.0000001 + 1e-9;
    if (!strcmp(name, "malloc"))
        while (now() < end)
            for (int i = 0; i < 20000; i++) {
                void *volatile p = malloc(100 + (size_t)i);
                free(p);
            }
    return x > 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 1;
    if (fork() == 0)
        _exit(sleep(2) || write(pair[1], "x", 1) != 1);
    puts("ready");
    fflush(stdout);
    long r = call(argv[1]);
    int e = errno;
    printf("%s %ld %s\n", argv[1], r, strerrorname_np(e));
    return 0;
}
