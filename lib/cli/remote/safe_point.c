/* SPDX-License-Identifier: MIT */
/*
 * safe_point.c: which thread may run a call of ours: one whose stack shows that it is not inside
 * something that must not be entered twice.
 *
 * Called by agent.c. One thread after the other is stopped, checked (unsafe.c) and let go, until
 * one is at a safe point.
 */
#include "safe_point.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "call.h"
#include "unsafe.h"

#define MAX_TRIED_THREADS 64

/*
 * Which threads to try first, by what /proc says without disturbing them: 0 sleeps in a call that
 * goes on after a stop as if nothing had been; 1 sleeps in one whose timeout begins anew; 2 runs; 3
 * unknown.
 */
static int rank_of(pid_t pid, pid_t tid)
{
    char name[64], text[256];
    long nr;
    unsigned long a[6];
    snprintf(name, sizeof(name), "/proc/%d/task/%d/syscall", pid, tid);
    FILE *f = fopen(name, "re");
    if (!f)
        return 3;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    if (sscanf(text, "%ld %lx %lx %lx %lx %lx %lx", &nr, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) < 7)
        return 2; /* it runs */
    bool epoll = nr == SYS_epoll_pwait;
#ifdef SYS_epoll_wait
    epoll |= nr == SYS_epoll_wait;
#endif
    return epoll && (int)a[3] >= 0 ? 1 : 0;
}

struct candidate {
    pid_t tid;
    int rank;
};

static int by_rank(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->rank != y->rank ? x->rank - y->rank : x->tid - y->tid;
}

/* The agent's own thread is never used. */
static bool is_agent_thread(pid_t pid, pid_t tid)
{
    char name[64], comm[32] = "";
    snprintf(name, sizeof(name), "/proc/%d/task/%d/comm", pid, tid);
    FILE *f = fopen(name, "re");
    if (f) {
        if (!fgets(comm, sizeof(comm), f))
            comm[0] = '\0';
        fclose(f);
    }
    return strcmp(comm, "sockleak\n") == 0;
}

static size_t list_threads(pid_t pid, struct candidate *out, size_t cap)
{
    char name[64];
    size_t n = 0;
    snprintf(name, sizeof(name), "/proc/%d/task", pid);
    DIR *d = opendir(name);
    if (!d)
        return 0;
    for (struct dirent *e; n < cap && (e = readdir(d));) {
        pid_t tid = (pid_t)atoi(e->d_name);
        if (tid > 0 && !is_agent_thread(pid, tid))
            out[n++] = (struct candidate){tid, rank_of(pid, tid)};
    }
    closedir(d);
    qsort(out, n, sizeof(*out), by_rank);
    return n;
}

int safe_point_hold(struct tracee *t, const struct remote *r, int limit_ms, char *where, size_t cap)
{
    struct timespec start, now, nap = {.tv_nsec = 300000};
    struct unsafe_ranges *u = unsafe_open(r);
    if (!u)
        return -ENOMEM;
    snprintf(where, cap, "an uninterruptible system call");
    clock_gettime(CLOCK_MONOTONIC, &start);
    int err;
    do {
        struct candidate c[MAX_TRIED_THREADS];
        size_t n = list_threads(r->pid, c, MAX_TRIED_THREADS);
        size_t denied = 0;
        err = n ? -EAGAIN : -ESRCH;
        for (size_t i = 0; i < n && err == -EAGAIN; i++) {
            int e = ptrace_hold(t, r, c[i].tid, 100);
            if (e == 0 && !unsafe_here(u, t, where, cap))
                err = 0;
            else if (e == 0)
                call_release(t);
            else if (e == -EPERM) /* a thread that has just ended gives this too */
                denied++;
        }
        if (n && denied == n)
            err = -EPERM;
        if (err != -EAGAIN)
            break;
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 2000000)
            nap.tv_nsec = nap.tv_nsec * 3 / 2;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < limit_ms);
    unsafe_close(u);
    return err;
}
