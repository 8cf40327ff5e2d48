/* SPDX-License-Identifier: MIT */
/*
 * bench.h: what the workloads share: the clock, a listener on a free loopback port, and a fit when
 * anything fails. Each prints one number.
 */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MUST(x) bench_must((long)(x), #x)
static inline long bench_must(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        _exit(99);
    }
    return result;
}

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct sockaddr_in bench_address;

static inline int bench_listen(void)
{
    socklen_t len = sizeof bench_address;
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    bench_address.sin_family = AF_INET;
    bench_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MUST(bind(fd, (struct sockaddr *)&bench_address, len));
    MUST(listen(fd, 1024));
    MUST(getsockname(fd, (struct sockaddr *)&bench_address, &len));
    return fd;
}

/*
 * One connection's whole life: socket, connect, accept, recv that returns 0, two closes. Reset at
 * the end, so that no port is left in TIME_WAIT.
 */
static inline void bench_cycle(int listener)
{
    static const struct linger reset = {1, 0};
    char c;
    int client = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(client, (struct sockaddr *)&bench_address, sizeof bench_address));
    int server = (int)MUST(accept(listener, NULL, NULL));
    MUST(setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
    MUST(shutdown(client, SHUT_WR));
    MUST(recv(server, &c, 1, 0));
    MUST(close(server));
    MUST(close(client));
}

/* Calls bench_cycle with so many frames of this program below it. */
static __attribute__((noinline, unused)) int bench_deep(int depth, int listener)
{
    volatile char frame[48];
    frame[0] = (char)depth;
    if (depth > 0) {
        int r = bench_deep(depth - 1, listener);
        __asm__ volatile("" ::: "memory");
        return r + frame[0];
    }
    bench_cycle(listener);
    return frame[0];
}

#endif
