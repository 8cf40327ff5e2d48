/* SPDX-License-Identifier: MIT */
/*
 * bench_capture.c: what one stack costs, in a warm thread and as the first in a new one, beside
 * libunwind's unw_backtrace.
 *
 * Prints a line a measurement: name, median, minimum and maximum in ns over interleaved runs.
 * Arguments: [RUNS] [FRAMES]. Linked with the agent's objects, so that the function itself is
 * measured and not the socket call around it.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/stacks/capture.h"

#define BATCH 20000
#define THREADS 60 /* a run of new threads */

static volatile int after;
static unsigned frames = 20;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static unsigned by_capture(void)
{
    uint64_t pcs[64];
    return capture_stack(pcs, 64, NULL);
}
static unsigned by_libunwind(void)
{
    void *pcs[64];
    return (unsigned)unw_backtrace(pcs, 64);
}

struct work {
    unsigned (*take)(void);
    unsigned times, found;
    double ns;
};

/* A call chain whose depth, with what lies above it, makes the wanted number of frames. */
static __attribute__((noinline)) void deep(unsigned depth, struct work *w)
{
    if (depth) {
        deep(depth - 1, w);
    } else {
        double start = now();
        for (unsigned i = 0; i < w->times; i++)
            w->found = w->take();
        w->ns = (now() - start) / w->times;
    }
    after++;
}

static unsigned depth_for(unsigned wanted)
{
    struct work w = {.take = by_capture, .times = 1};
    deep(0, &w);
    return wanted > w.found ? wanted - w.found : 0;
}

static void *thread(void *arg)
{
    static __thread unsigned char touched;
    touched = 1; /* the block of thread variables is there in any thread that runs real code */
    deep(depth_for(frames), arg);
    return (void *)(uintptr_t)touched;
}
static void *cold_thread(void *arg)
{
    struct work *w = arg;
    deep(frames > 4 ? frames - 4 : 0, w);
    return NULL;
}

static double in_new_threads(unsigned (*take)(void))
{
    double sum = 0;
    for (int i = 0; i < THREADS; i++) {
        struct work w = {.take = take, .times = 1};
        pthread_t t;
        if (pthread_create(&t, NULL, cold_thread, &w) != 0)
            exit(1);
        pthread_join(t, NULL);
        sum += w.ns;
    }
    return sum / THREADS;
}
static unsigned nothing(void) { return 0; }

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static void line(const char *name, double *v, unsigned n)
{
    qsort(v, n, sizeof *v, ascending);
    printf("%-34s %9.1f %9.1f %9.1f %9.1f %9.1f\n", name, v[n / 2], v[0], v[n - 1], v[n / 4], v[n - 1 - n / 4]);
}

int main(int argc, char **argv)
{
    unsigned runs = argc > 1 ? (unsigned)atoi(argv[1]) : 21;
    if (argc > 2)
        frames = (unsigned)atoi(argv[2]);
    double *v = calloc(5 * (size_t)runs, sizeof *v);
    struct work w = {.times = 1, .take = by_libunwind};
    pthread_t t;

    if (!v || runs == 0)
        return 1;
    capture_init();
    unsigned depth = depth_for(frames);
    deep(depth, &w);
    if (pthread_create(&t, NULL, thread, &(struct work){.take = by_capture, .times = 1}) == 0)
        pthread_join(t, NULL);
    for (unsigned i = 0; i < runs; i++) {
        w = (struct work){.take = by_capture, .times = BATCH};
        deep(depth, &w);
        v[i] = w.ns;
        w = (struct work){.take = by_libunwind, .times = BATCH};
        deep(depth, &w);
        v[runs + i] = w.ns;
        double bare = in_new_threads(nothing); /* the clock, and the call itself */
        v[2 * runs + i] = in_new_threads(by_capture) - bare;
        v[3 * runs + i] = in_new_threads(by_libunwind) - bare;
    }
    printf("%-34s %9s %9s %9s %9s %9s   %u frames\n", "ns a stack", "median", "min", "max", "quartile1", "quartile3", w.found);
    line("capture_stack, warm", v, runs);
    line("unw_backtrace, warm", v + runs, runs);
    line("capture_stack, first in a thread", v + 2 * (size_t)runs, runs);
    line("unw_backtrace, first in a thread", v + 3 * (size_t)runs, runs);
    free(v);
    return 0;
}
