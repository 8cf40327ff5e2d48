/* SPDX-License-Identifier: MIT */
/*
 * idle SOCKETS [THREADS]: holds so many healthy connected sockets (and idle threads), says "ready"
 * and waits for the end of its input.
 */
#include <pthread.h>

#include "bench.h"

static void *idle(void *arg)
{
    char c;
    for (int i = 0; i < 3; i++) { /* each has opened a socket */
        int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
        close(fd);
    }
    while (read((int)(long)arg, &c, 1) > 0)
        ;
    return NULL;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 9000, threads = argc > 2 ? atoi(argv[2]) : 0, ends[2], c;
    for (int i = 0; i < n / 2; i++) {
        int pair[2];
        MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    }
    MUST(pipe(ends));
    for (int i = 0; i < threads; i++) {
        pthread_t t;
        pthread_attr_t a;
        pthread_attr_init(&a);
        pthread_attr_setstacksize(&a, 65536);
        if (pthread_create(&t, &a, idle, (void *)(long)ends[0]) != 0)
            return 99;
    }
    puts("ready");
    fflush(stdout);
    do
        c = getchar();
    while (c != EOF);
    _exit(0);
}
