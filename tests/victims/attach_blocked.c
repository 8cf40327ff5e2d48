/* SPDX-License-Identifier: MIT */
/*
 * attach_blocked.c: one thread that waits two seconds in the call that is named, or computes, and says what came of it.
 *
 * usage: attach_blocked CALL. "busy" and "malloc" compute until SIGUSR1. Prints "ready", then "CALL RESULT ERRNO", where ERRNO was EIO before the call.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
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

#include "../newer.h"

static int pair[2], word;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static volatile sig_atomic_t enough;

static void stop_computing(int number) { enough = number; }

static void *nothing(void *unused) { return unused; }

/* The same each time, if nobody meddles with the registers. */
static double series(void)
{
    static volatile double start = 1; /* or the compiler would see that once is enough */
    double x = start;
    for (int i = 0; i < 100000; i++)
        x = x * 1.0000001 + 1e-9;
    return x;
}

static long call(const char *name)
{
    struct timespec two = {2, 0};
    struct timeval two_tv = {2, 0};
    struct pollfd wanted = {pair[0], POLLIN, 0};
    struct epoll_event ev = {.events = EPOLLIN};
    double end = now() + 60;
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
        for (double first = series(); !enough && now() < end;)
            if (series() != first)
                return 0;
    if (!strcmp(name, "malloc")) {
        pthread_t other; /* from the second thread on the allocator takes its locks */
        pthread_create(&other, NULL, nothing, NULL);
        pthread_join(other, NULL);
        while (!enough && now() < end)
            for (size_t i = 0; i < 20000; i++) {
                void *volatile p = malloc(2000 + i);
                free(p);
            }
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return 1;
    if (fork() == 0)
        _exit(sleep(2) || write(pair[1], "x", 1) != 1);
    signal(SIGUSR1, stop_computing);
    puts("ready");
    fflush(stdout);
    long r = call(argv[1]);
    int e = errno;
    sigset_t none, blocked;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, &blocked);
    printf("%s %ld %s%s\n", argv[1], r, strerrorname_np(e), memcmp(&none, &blocked, 8) ? " blocked signals" : "");
    return 0;
}
