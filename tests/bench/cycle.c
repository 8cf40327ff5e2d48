/* SPDX-License-Identifier: MIT */
/* cycle FRAMES ROUNDS: microseconds for one connection cycle at that depth of stack. */
#include "bench.h"

int main(int argc, char **argv)
{
    int frames = argc > 1 ? atoi(argv[1]) : 20, rounds = argc > 2 ? atoi(argv[2]) : 5000;
    int depth = frames > 5 ? frames - 5 : 0; /* bench_deep itself, main and libc's three are frames too */
    int listener = bench_listen();
    for (int i = 0; i < 50; i++)
        bench_deep(depth, listener);
    double begin = bench_now();
    for (int i = 0; i < rounds; i++)
        bench_deep(depth, listener);
    printf("%.4f\n", (bench_now() - begin) / rounds * 1e6);
    return 0;
}
