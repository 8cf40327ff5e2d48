/* SPDX-License-Identifier: MIT */
/*
 * waiters.c: does anybody in this process wait for a connect that has had no answer yet?
 *
 * Asked by a check, with the watch lock held, only of connects that have hung for longer than the
 * grace, which are rare: it lists /proc/self/task and /proc/self/fd. What cannot be read, a thread
 * that runs at this moment, and io_uring make the answer unknown, which counts as "somebody waits".
 */
#include "waiters.h"

#include <string.h>

#include "../base/descriptors.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/table.h"
#include "proc_call.h"

#define MAX_FD 65536u
#define MAX_THREADS 1024u
#define MAX_DESCRIPTORS 16384u
#define SUSPECTS 256u

static bool asked, unknown;
static unsigned char watched[MAX_FD / 8] LARGE_TABLE;

/* Those that nobody waited for at this check and at the one before. */
struct suspect {
    int fd;
    uint32_t gen;
};
static struct suspect before[SUSPECTS] LARGE_TABLE, now[SUSPECTS] LARGE_TABLE;
static unsigned n_before, n_now;

static void watches(void *arg, uint64_t fd)
{
    (void)arg;
    if (fd < MAX_FD)
        watched[fd / 8] |= (unsigned char)(1u << fd % 8);
}

static const struct proc_watch into_set = {.on = watches};

/* LEFT: how many more may be asked for. */
static bool is_within(void *left)
{
    unsigned *n = left;
    return *n && (*n)--;
}

static bool ask_descriptor(void *left, unsigned fd)
{
    char target[64];
    if (!is_within(left))
        return false;
    long n = descriptors_link(fd, target, sizeof target - 1);
    if (n < 0)
        return n == -ENOENT; /* closed meanwhile */
    target[n] = 0;
    if (!strcmp(target, "anon_inode:[io_uring]"))
        return false;
    return strcmp(target, "anon_inode:[eventpoll]") != 0 || proc_call_epoll(0, fd, &into_set);
}

/* ---- threads --------------------------------------------------------------------------------- */

static bool ask_thread(void *left, unsigned tid)
{
    struct proc_call c;
    if (!is_within(left))
        return false;
    if (tid == (unsigned)sys_gettid())
        return true;
    switch (proc_call_of(0, tid, &c)) {
    case PROC_CALL_ENDED: /* meanwhile */
        return true;
    case PROC_CALL_KNOWN:
        if (c.number == SYS_connect)
            watches(NULL, c.args[0]);
        return proc_call_polls(0, &c, &into_set);
    default:
        return false;
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

void waiters_begin(void)
{
    asked = false;
    memcpy(before, now, n_now * sizeof *now);
    n_before = n_now;
    n_now = 0;
}

bool waiters_none(int fd, uint32_t gen)
{
    const struct state_slot *slot = slot_of(fd);
    /* an epoll names a descriptor, not the socket: with copies by dup the answer is not known */
    if ((unsigned)fd >= MAX_FD || !slot || slot->share || sys_in_sandbox())
        return false;
    if (!asked) {
        asked = true;
        memset(watched, 0, sizeof watched);
        unsigned descriptors = MAX_DESCRIPTORS, threads = MAX_THREADS;
        unknown = !proc_each_descriptor(0, ask_descriptor, &descriptors) || !proc_each_number("/proc/self/task", ask_thread, &threads);
    }
    if (unknown || watched[fd / 8] & (1u << fd % 8) || n_now == SUSPECTS)
        return false;
    now[n_now++] = (struct suspect){fd, gen};
    for (unsigned i = 0; i < n_before; i++)
        if (before[i].fd == fd && before[i].gen == gen)
            return true;
    return false;
}

void waiters_reset(void) { n_before = n_now = 0; }
