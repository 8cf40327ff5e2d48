/* SPDX-License-Identifier: MIT */
/*
 * sites: 10,000 hung up sockets from 1,000 call sites, and kills itself so that the state file
 * stays. "hold": says "ready" and waits instead.
 */
#include <signal.h>
#include <string.h>

#include "bench.h"

static void leak(void)
{
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    MUST(close(pair[1]));
}

/* clang-format off */
#define S(n)                                             \
    static __attribute__((noinline)) void site_##n(void) \
    {                                                    \
        leak();                                          \
        __asm__ volatile("" ::"i"(__COUNTER__));         \
    }
#define S10(n) S(n##0) S(n##1) S(n##2) S(n##3) S(n##4) S(n##5) S(n##6) S(n##7) S(n##8) S(n##9)
#define S100(n) S10(n##0) S10(n##1) S10(n##2) S10(n##3) S10(n##4) S10(n##5) S10(n##6) S10(n##7) S10(n##8) S10(n##9)
#define C(n) site_##n();
#define C10(n) C(n##0) C(n##1) C(n##2) C(n##3) C(n##4) C(n##5) C(n##6) C(n##7) C(n##8) C(n##9)
#define C100(n) C10(n##0) C10(n##1) C10(n##2) C10(n##3) C10(n##4) C10(n##5) C10(n##6) C10(n##7) C10(n##8) C10(n##9)
S100(1)
S100(2)
S100(3) S100(4) S100(5) S100(6) S100(7) S100(8) S100(9) S100(10)
    /* clang-format on */

    int main(int argc, char **argv)
{
    struct timespec t = {1, 200 * 1000 * 1000};
    for (int i = 0; i < 10; i++) {
        C100(1) C100(2) C100(3) C100(4) C100(5) C100(6) C100(7) C100(8) C100(9) C100(10)
    }
    nanosleep(&t, NULL); /* the watcher's look (interval=1s) */
    puts("ready");
    fflush(stdout);
    if (argc > 1 && !strcmp(argv[1], "hold"))
        while (getchar() != EOF)
            ;
    raise(SIGKILL);
    return 0;
}
