/* SPDX-License-Identifier: MIT */
/*
 * accept4 ROUNDS: microseconds a connection when four threads accept4 and close on one listener and
 * the main thread connects.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"

static int listener;

static void *serve(void *arg)
{
    for (;;) {
        char c;
        int fd = (int)MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        MUST(send(fd, "x", 1, MSG_NOSIGNAL));
        if (recv(fd, &c, 1, 0) == 0)
            arg = NULL;
        close(fd);
    }
    return arg;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 3000;
    listener = bench_listen();
    for (int i = 0; i < 4; i++) {
        pthread_t t;
        if (pthread_create(&t, NULL, serve, NULL) != 0)
            return 99;
    }
    double begin = bench_now();
    for (int i = 0; i < rounds; i++) {
        static const struct linger reset = {1, 0};
        char c;
        int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
        MUST(connect(fd, (struct sockaddr *)&bench_address, sizeof bench_address));
        MUST(recv(fd, &c, 1, 0));
        MUST(shutdown(fd, SHUT_WR));
        MUST(recv(fd, &c, 1, 0));
        MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
        MUST(close(fd));
    }
    printf("%.4f\n", (bench_now() - begin) / rounds * 1e6);
    fflush(stdout);
    _exit(0);
}
