/* SPDX-License-Identifier: MIT */
/*
 * watcher_thread.c: makes the watcher's thread, and waits for its end.
 *
 * Called by who begins or ends the watcher, one thread at a time.
 */
#include "watcher_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "../libc/libdl.h"
#include "raw_thread.h"

/* The thread's static TLS is on its stack too. Pages that are never touched cost nothing. */
#define STACK_SIZE (256u * 1024)

static pthread_t thread;
static _Atomic bool libcs;
static void (*body)(void);

static void *libc_thread(void *arg)
{
    (void)arg;
    body();
    return NULL;
}

/* A program with much static TLS needs a larger stack than we do. */
static size_t stack_size(unsigned attempt) { return (size_t)STACK_SIZE << (attempt * 2); }

/* Not imported: libc/libdl.h. */
static struct {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int (*set_stack_size)(pthread_attr_t *, size_t);
    int (*join)(pthread_t, void **, const struct timespec *);
} pthread;

static bool find_pthread(void)
{
    const struct {
        const char *name;
        void *to;
    } wanted[] = {{"pthread_create", &pthread.create},
                  {"pthread_attr_setstacksize", &pthread.set_stack_size},
                  {"pthread_timedjoin_np", &pthread.join}};
    int saved = errno;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *found = libpthread_function(wanted[i].name);
        if (!found)
            return false;
        memcpy(wanted[i].to, &found, sizeof found);
    }
    errno = saved;
    return true;
}

static bool make_libc_thread(void)
{
    pthread_attr_t attr;
    bool ok = false;
    if (!pthread.join && !find_pthread())
        return false;
    pthread_attr_init(&attr);
    for (unsigned attempt = 0; attempt < 4 && !ok; attempt++)
        ok = pthread.set_stack_size(&attr, stack_size(attempt)) == 0 && pthread.create(&thread, &attr, libc_thread, NULL) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

bool watcher_thread_make(void (*run)(void), bool libc)
{
    body = run;
    atomic_store(&libcs, libc); /* the thread may ask at once */
    return libc ? make_libc_thread() : raw_thread_start(run);
}

static bool join(uint64_t limit_ns)
{
    int before;
    uint64_t until = clock_now_real() + limit_ns;
    struct timespec soon = {(time_t)(until / NS_PER_S), (long)(until % NS_PER_S)};
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    bool ended = pthread.join(thread, NULL, &soon) != ETIMEDOUT;
    pthread_setcancelstate(before, NULL);
    return ended;
}

bool watcher_thread_await(uint64_t limit_ns) { return atomic_load(&libcs) ? join(limit_ns) : raw_thread_await(limit_ns); }

bool watcher_thread_is_libcs(void) { return atomic_load(&libcs); }

void watcher_thread_forked_child(void) { raw_thread_forked_child(); }
