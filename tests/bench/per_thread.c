/* SPDX-License-Identifier: MIT */
/* per_thread FRAMES ROUNDS: microseconds for one connection cycle, each in a thread of its own. */
#include <pthread.h>

#include "bench.h"

static int listener, depth;

static void *one(void *arg)
{
    bench_deep(depth, listener);
    return arg;
}

int main(int argc, char **argv)
{
    int frames = argc > 1 ? atoi(argv[1]) : 20, rounds = argc > 2 ? atoi(argv[2]) : 2000;
    double begin = 0;
    depth = frames > 4 ? frames - 4 : 0;
    listener = bench_listen();
    for (int i = -50; i < rounds; i++) {
        pthread_t t;
        if (i == 0)
            begin = bench_now();
        if (pthread_create(&t, NULL, one, NULL) != 0)
            return 99;
        pthread_join(t, NULL);
    }
    printf("%.4f\n", (bench_now() - begin) / rounds * 1e6);
    return 0;
}
