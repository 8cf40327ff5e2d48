/* SPDX-License-Identifier: MIT */
/*
 * life.c: captures across fork, vfork, cancellation, errno and the signal mask.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static _Atomic int stop;
volatile int after;

__attribute__((noinline)) static void deep(int n)
{
    volatile char room[64];
    room[0] = 1;
    if (n)
        deep(n - 1);
    else
        check_here();
    after += room[0];
}

static void *busy(void *arg)
{
    while (!stop)
        deep((int)(long)arg);
    return NULL;
}

/*
 * The child of a process whose other threads are all inside captures takes its own; it must come
 * back.
 */
static void forks(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        check_fork_prepare();
        pid_t pid = fork();
        if (pid == 0) {
            check_fork_child();
            uint64_t pcs[8];
            unsigned flags;
            alarm(10);
            _exit(check_take(pcs, 8, &flags) >= 3 ? 0 : 1);
        }
        check_fork_parent();
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            check_fail("the child of a fork hung or found no stack");
    }
}

static void vforks(unsigned times)
{
    for (volatile unsigned i = 0; i < times; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            deep(3);
            _exit(0);
        }
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            check_fail("the child of a vfork");
        deep(2);
    }
}

static void *cancelled(void *how)
{
    uint64_t pcs[16];
    unsigned flags;

    pthread_setcanceltype(how ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, NULL);
    for (;;) {
        check_take(pcs, 16, &flags);
        pthread_testcancel();
    }
    return NULL;
}

static void cancellations(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        pthread_t t;
        void *result = NULL;
        struct timespec nap = {0, 20000};
        if (pthread_create(&t, NULL, cancelled, (void *)(long)(i & 1)) != 0)
            return;
        nanosleep(&nap, NULL);
        pthread_cancel(t);
        pthread_join(t, &result);
        if (result != PTHREAD_CANCELED)
            check_fail("a cancelled thread ended otherwise");
        deep(4);
    }
}

static void quiet(void)
{
    sigset_t before, now;
    int state, type;

    memset(&before, 0, sizeof before);
    memset(&now, 0, sizeof now);
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    errno = 4711;
    uint64_t pcs[16];
    unsigned flags;
    check_take(pcs, 16, &flags);
    if (errno != 4711)
        check_fail("errno changed");
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    if (memcmp(&before, &now, sizeof now) || state != PTHREAD_CANCEL_ENABLE || type != PTHREAD_CANCEL_DEFERRED)
        check_fail("the signal mask or the cancellation state changed");
}

int main(int argc, char **argv)
{
    unsigned times = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
    pthread_t t[3];

    quiet();
    for (long i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, busy, (void *)(i + 3));
    forks(times);
    vforks(times);
    cancellations(times);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    return check_done("life");
}
