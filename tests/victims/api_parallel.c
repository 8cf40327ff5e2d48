/* SPDX-License-Identifier: MIT */
/*
 * api_parallel.c: eight threads of tests, each with its own leak or none, round after round: every leak must be laid to the right one.
 *
 * usage: api_parallel ROUNDS
 *
 * A test is a thread with a tag and a call site of its own. In every third round it leaks, and hands the socket to a pool thread, which closes it when the
 * test has checked; in the others it closes everything. Says how many leaks were found and how many findings were wrong; ends with 1 if any.
 */
#include <pthread.h>
#include <stdatomic.h>

#include <sockleak.h>

#include "victim.h"

#define TESTS 8

static atomic_int wrong, found;
static int rounds, pool[2];

#define OPENER(n) \
    static int open_##n(void) { return (int)MUST(socket(AF_INET, SOCK_DGRAM, 0)); }
OPENER(0)
OPENER(1)
OPENER(2)
OPENER(3)
OPENER(4)
OPENER(5) OPENER(6) OPENER(7) static int (*const opener[TESTS])(void) = {open_0, open_1, open_2, open_3, open_4, open_5, open_6, open_7};

struct expected {
    int test, fd, seen;
    char tag[32], symbol[32];
};

static int compare(const struct sockleak_finding *f, void *arg)
{
    struct expected *e = arg;
    int right = f->fd == e->fd && f->tag && !strcmp(f->tag, e->tag) && f->n_frames && f->frames[0].symbol &&
                !strcmp(f->frames[0].symbol, e->symbol);
    e->seen++;
    if (!right && !atomic_fetch_add(&wrong, 1))
        fprintf(stderr, "test %d: fd %d (%d), tag %s (%s), by %s (%s)\n", e->test, f->fd, e->fd, f->tag ? f->tag : "none", e->tag,
                f->n_frames && f->frames[0].symbol ? f->frames[0].symbol : "?", e->symbol);
    return 0;
}

static void one_round(struct expected *e, int round)
{
    int leaks = (e->test + round) % 3 == 0, tags = round % 2;
    unsigned mine = SOCKLEAK_ALL | SOCKLEAK_QUIET | (tags ? SOCKLEAK_THIS_TAG : SOCKLEAK_THIS_THREAD);
    snprintf(e->tag, sizeof e->tag, "test %d round %d", e->test, round);
    sockleak_tag(e->tag);
    sockleak_mark_t start = sockleak_mark();
    close(opener[e->test]());
    e->fd = leaks ? opener[e->test]() : -1;
    e->seen = 0;
    if (sockleak_check(start, mine, 0) != leaks || sockleak_each(start, mine, compare, e) != leaks || e->seen != leaks)
        if (!atomic_fetch_add(&wrong, 1))
            fprintf(stderr, "test %d round %d: %d found, %d expected\n", e->test, round, e->seen, leaks);
    found += e->seen;
    if (leaks) {
        MUST(write(pool[1], &e->fd, sizeof e->fd));
        if (round % 10 == 0 && sockleak_check(start, mine, 60000) != 0) /* the pool's close is awaited, whoever makes it */
            wrong++;
    }
}

static void *test(void *arg)
{
    struct expected e = {.test = (int)(intptr_t)arg};
    snprintf(e.symbol, sizeof e.symbol, "open_%d", e.test);
    for (int round = 0; round < rounds; round++)
        one_round(&e, round);
    return NULL;
}

static void *pool_thread(void *arg)
{
    int fd;
    (void)arg;
    while (read(pool[0], &fd, sizeof fd) == sizeof fd)
        close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t tests[TESTS], keeper;
    rounds = argc > 1 ? atoi(argv[1]) : 100;
    MUST(pipe(pool));
    pthread_create(&keeper, NULL, pool_thread, NULL);
    for (int i = 0; i < TESTS; i++)
        pthread_create(&tests[i], NULL, test, (void *)(intptr_t)i);
    for (int i = 0; i < TESTS; i++)
        pthread_join(tests[i], NULL);
    close(pool[1]);
    pthread_join(keeper, NULL);
    printf("active %d, found %d, wrong %d\n", sockleak_active(), found, wrong);
    return wrong != 0;
}
