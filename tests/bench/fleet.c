/* SPDX-License-Identifier: MIT */
/*
 * fleet PAIRS STUCK: holds so many healthy connections, both ends of each, and STUCK sockets in
 * CLOSE_WAIT, opened at ten sites; says "ready" and waits for the end of its input.
 */
#include "bench.h"

static int listener;

static void connection(int is_stuck)
{
    char c;
    int client = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(client, (struct sockaddr *)&bench_address, sizeof bench_address));
    int server = (int)MUST(accept(listener, NULL, NULL));
    if (!is_stuck)
        return;
    MUST(close(server));
    MUST(recv(client, &c, 1, 0));
}

/* clang-format off */
#define S(n)                                                     \
    static __attribute__((noinline)) void site_##n(int is_stuck) \
    {                                                            \
        connection(is_stuck);                                    \
        __asm__ volatile("" ::"i"(n));                           \
    }
S(0) S(1) S(2) S(3) S(4) S(5) S(6) S(7) S(8) S(9)
    /* clang-format on */

    int main(int argc, char **argv)
{
    static void (*const sites[])(int) = {site_0, site_1, site_2, site_3, site_4, site_5, site_6, site_7, site_8, site_9};
    int pairs = argc > 2 ? atoi(argv[1]) : 40, stuck = argc > 2 ? atoi(argv[2]) : 20;
    listener = bench_listen();
    for (int i = 0; i < pairs + stuck; i++)
        sites[i % 10](i >= pairs);
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
