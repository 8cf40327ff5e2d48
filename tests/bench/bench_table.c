/* SPDX-License-Identifier: MIT */
/*
 * bench_table [MAX]: what a descriptor costs in the table and a look at it by the judge, as the
 * number of descriptors grows to MAX (1,000,000): synthetic ones, for a process here may open
 * 20,000. A line each: descriptors, ns to enter one, ns to read and judge one, bytes each.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/table/table.h"
#include "core/judge.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void enter(int fd)
{
    struct state_slot *s = slot_make(fd);
    if (!s)
        exit(99);
    s->opened_ns = 1;
    s->family = AF_INET;
    s->type_origin = SOCK_STREAM;
    atomic_store(&s->flags, SLOT_CONNECTED);
    atomic_store(&s->word, SLOT_WORD(1, SLOT_LIVE));
}

int main(int argc, char **argv)
{
    int max = argc > 1 ? atoi(argv[1]) : 1000000, error, done = 0;
    if (table_open(-1, NULL, &error) < 0)
        return 99;
    for (int n = 1000; n <= max; n *= 10) {
        double begin = now();
        for (int fd = done; fd < n; fd++)
            enter(fd);
        double entered = (now() - begin) / (n - done);
        long stuck = 0, seen = 0;
        begin = now();
        for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
            const struct state_slot *s = slot_of(fd);
            struct observation o = {.family = s->family,
                                    .type = (int)SLOT_TYPE(s),
                                    .protocol = IPPROTO_TCP,
                                    .tcp_state = fd % 10 ? ST_ESTABLISHED : ST_CLOSE_WAIT,
                                    .was_connected = true};
            stuck += judge(&o).kind == KIND_CLOSE_WAIT;
            seen++;
        }
        double judged = (now() - begin) / n;
        if (seen != n || stuck != n / 10)
            return 98;
        done = n;
        printf("%d %.1f %.1f %.1f\n", n, entered, judged, (double)table_view().n_extents * STATE_EXTENT_SIZE / n);
    }
    return 0;
}
