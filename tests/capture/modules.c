/* SPDX-License-Identifier: MIT */
/*
 * modules.c: stacks through libraries that come and go: two of different frames at one address, on
 * one and on several threads, and lazy binding under a timer.
 *
 * modules DIR COUNT: DIR holds module1.so and module2.so, and as many copies of them as there are
 * threads.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define THREADS 4

static const char *dir;
static unsigned long count;
static __thread void *expected[5];

__attribute__((noinline)) void callback(void)
{
    check_functions(expected, 4);
    __asm__ volatile("");
}

__attribute__((noinline)) int one_round(unsigned copy, unsigned shape)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/module%u-%u.so", dir, shape, copy);
    void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    int (*entry)(void (*)(void)) = lib ? (int (*)(void (*)(void)))dlsym(lib, "module_entry") : NULL;

    if (!entry) {
        check_fail(dlerror());
        return 0;
    }
    expected[0] = (void *)callback;
    expected[1] = dlsym(lib, "module_inner");
    expected[2] = (void *)entry;
    expected[3] = (void *)one_round;
    int n = entry(callback);
    n += entry(callback);
    check_dlclose(lib);
    return n;
}

static void *rounds(void *copy)
{
    unsigned long n = 0;
    for (unsigned long i = 0; i < count; i++)
        n += (unsigned long)one_round((unsigned)(unsigned long)copy, 1 + (unsigned)i % 2);
    return (void *)n;
}

static void alarmed(int sig)
{
    (void)sig;
    check_in_handler();
    check_arm();
}

static void lazily(unsigned long times)
{
    struct sigaction a = {.sa_handler = alarmed, .sa_flags = SA_RESTART};
    sigset_t alarm;
    char path[4096];

    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigaction(SIGALRM, &a, NULL);
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    snprintf(path, sizeof path, "%s/module1-0.so", dir);
    check_arm();
    for (unsigned long i = 0; i < times; i++) {
        void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
        long (*lazy)(void) = lib ? (long (*)(void))dlsym(lib, "module_lazy") : NULL;
        if (!lazy) {
            check_fail(dlerror());
            break;
        }
        sigprocmask(SIG_UNBLOCK, &alarm, NULL);
        lazy();
        sigprocmask(SIG_BLOCK, &alarm, NULL);
        check_dlclose(lib);
    }
}

int main(int argc, char **argv)
{
    pthread_t t[THREADS];

    if (argc < 3)
        return 2;
    dir = argv[1];
    count = strtoul(argv[2], NULL, 10);
    rounds(NULL);
    for (unsigned long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, rounds, (void *)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    lazily(count);
    return check_done("modules");
}
