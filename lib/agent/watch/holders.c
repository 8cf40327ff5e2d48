/* SPDX-License-Identifier: MIT */
/*
 * holders.c: which processes hold a socket that this one has closed, and whether one of them uses it.
 *
 * Called by held_check.c, with the watch lock held. A process counts as a holder by its inheritance
 * only where it has the socket under the number that this process had; whoever moved it to another
 * one, or to a standard descriptor, did so to use it. What a process does with it is known from its
 * record in the table, if it is a fork, and from what its threads wait for.
 */
#include "holders.h"

#include <string.h>
#include <sys/stat.h>

#include "../../core/judge.h"
#include "../../core/out.h"
#include "../../core/statedir.h"
#include "../base/clocks.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/header.h"
#include "../table/state_dir.h"
#include "proc_call.h"

#define MAX_DESCRIPTORS 4096u
#define MAX_THREADS 512u
#define LISTEN_FIRST 3u /* sd_listen_fds(3) */

static char environment[32768] LARGE_TABLE;

/* ---- one process ----------------------------------------------------------------------------- */

static void path_of(char path[64], uint32_t pid, const char *rest)
{
    struct out o = {.buf = path, .cap = 63};
    out_fmt(&o, "/proc/%u/%s", pid, rest);
    path[o.len] = 0;
}

static bool is_socket(uint32_t pid, unsigned fd, uint64_t inode)
{
    char path[64];
    struct stat st;
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "/proc/%u/fd/%u", pid, fd);
    path[o.len] = 0;
    return sys_stat(path, &st) >= 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode;
}

struct copies {
    uint32_t pid, fd;
    uint64_t inode;
    unsigned left, n;
    bool standard, elsewhere, uring;
};

static bool count_copy(void *arg, unsigned fd)
{
    struct copies *c = arg;
    char path[64], target[64];
    if (!c->left--)
        return false;
    if (is_socket(c->pid, fd, c->inode)) {
        c->n++;
        c->standard |= fd <= 2;
        c->elsewhere |= fd != c->fd;
        return true;
    }
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "/proc/%u/fd/%u", c->pid, fd);
    path[o.len] = 0;
    long n = SYS4(SYS_readlinkat, AT_FDCWD, path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    c->uring |= strcmp(target, "anon_inode:[io_uring]") == 0;
    return true;
}

/* False: they are not all known. */
static bool count_copies(struct copies *c, const struct state_held *h, uint32_t pid, uint32_t fd)
{
    char path[64];
    path_of(path, pid, "fd");
    *c = (struct copies){.pid = pid, .fd = fd, .inode = h->inode, .left = MAX_DESCRIPTORS};
    return proc_each_number(path, count_copy, c);
}

struct number {
    uint32_t pid, fd;
    uint64_t inode;
    bool found;
};

static bool compare_number(void *arg, unsigned fd)
{
    struct number *n = arg;
    n->found = is_socket(n->pid, fd, n->inode);
    n->fd = fd;
    return !n->found;
}

/*
 * The number under which PID has inherited H; -1: none. Where this process had several of it, that
 * may be another one than the last that it closed.
 */
static long held_as(const struct state_held *h, uint32_t pid)
{
    char path[64];
    struct number n = {.pid = pid, .inode = h->inode};
    if (is_socket(pid, h->fd, h->inode))
        return h->fd;
    if (!h->copied)
        return -1;
    path_of(path, pid, "fd");
    proc_each_number(path, compare_number, &n);
    return n.found ? (long)n.fd : -1;
}

/* Handed over as systemd's protocol says, whatever its number was before. */
static bool is_passed_at_start(uint32_t pid, unsigned fd)
{
    static const char name[] = "LISTEN_FDS=";
    long n = proc_read(environment, sizeof environment, "/proc/%u/environ", pid);
    for (const char *p = environment; p < environment + n; p += strlen(p) + 1) {
        if (strncmp(p, name, sizeof name - 1) != 0)
            continue;
        unsigned count = 0;
        for (const char *d = p + sizeof name - 1; *d >= '0' && *d <= '9' && count < 65536; d++)
            count = count * 10 + (unsigned)(*d - '0');
        return fd >= LISTEN_FIRST && fd < LISTEN_FIRST + count;
    }
    return false;
}

/* ---- what its threads wait for --------------------------------------------------------------- */

struct waiting {
    uint32_t pid, fd;
    unsigned left;
    bool waits, unknown;
};

static void compare(void *arg, uint64_t fd)
{
    struct waiting *w = arg;
    w->waits |= fd == w->fd;
}

/* The call works on its first argument, a descriptor: whoever is in it uses that. */
static bool is_transfer(uint64_t number)
{
    switch (number) {
    case SYS_sendmmsg:
    case SYS_splice:
    case SYS_sendfile:
    case SYS_ioctl:
        return true;
    default:
        return proc_call_transfers(number);
    }
}

static bool ask_thread(void *arg, unsigned tid)
{
    struct waiting *w = arg;
    struct proc_call c;
    const struct proc_watch watch = {compare, w};
    if (!w->left--) {
        w->unknown = true;
        return false;
    }
    switch (proc_call_of(w->pid, tid, &c)) {
    case PROC_CALL_KNOWN:
        if (is_transfer(c.number))
            w->waits |= c.args[0] == w->fd;
        w->unknown |= proc_call_waits_for_epoll(c.number) ? !proc_call_epoll(w->pid, (unsigned)c.args[0], &watch)
                                                          : !proc_call_polls(w->pid, &c, &watch);
        break;
    case PROC_CALL_UNKNOWN:
        w->unknown = true;
        break;
    default: /* it computes: it does not wait for this */
        break;
    }
    return !w->waits;
}

/* ---- the verdict on one process -------------------------------------------------------------- */

/* The record that a child of fork has in our table; NULL: none. */
static const struct state_child *child_of(uint32_t pid)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    const struct state_child *c;
    while ((c = state_next_child(&view, &pos)))
        if (atomic_load(&c->pid) == pid)
            return c;
    return NULL;
}

static bool is_this_program(uint32_t pid)
{
    char path[64];
    struct stat own, its;
    path_of(path, pid, "exe");
    return sys_stat("/proc/self/exe", &own) >= 0 && sys_stat(path, &its) >= 0 && own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

static bool has_used(const struct state_child *c, uint32_t fd) { return atomic_load(&c->used[fd / 64]) >> fd % 64 & 1; }

/* A child of fork writes into its record what it has called on. */
static enum holders_are told_by_child(uint32_t fd, uint32_t pid, bool same_program)
{
    const struct state_child *c = child_of(pid);
    if (!c || fd >= STATE_CHILD_FDS)
        return same_program ? HOLDERS_UNKNOWN : HOLDERS_IDLE;
    return has_used(c, fd) ? HOLDERS_USE : HOLDERS_IDLE;
}

/* A server that forks for each connection: its children tell it, and /proc need not be searched. */
static bool is_used_by_fork(const struct state_held *h)
{
    struct state_view view = table_view();
    uint64_t pos = 0;
    const struct state_child *c;
    while (h->fd < STATE_CHILD_FDS && (c = state_next_child(&view, &pos))) {
        uint32_t pid = atomic_load(&c->pid);
        if (pid && pid != STATE_CHILD_UNBORN && has_used(c, h->fd) && is_socket(pid, h->fd, h->inode))
            return true;
    }
    return false;
}

/* Process times are of the clock that goes on in a suspended machine. */
static uint64_t to_monotonic(uint64_t ticks)
{
    uint64_t t = ticks * HOLDERS_TICK_NS, asleep = clock_ahead(CLOCK_BOOTTIME, CLOCK_MONOTONIC);
    return t > asleep ? t - asleep : 0;
}

/* What T does with its copy of H. */
static enum holders_are does(const struct state_held *h, const struct state_holder *t)
{
    uint32_t pid = t->pid, fd = (uint32_t)t->fd;
    uint64_t start_ns = to_monotonic(t->start_ticks);
    struct copies copies;
    /* it began before the socket was there: this process has passed it on */
    if (pid == table_pid() || start_ns + HOLDERS_TICK_NS < h->opened_ns)
        return HOLDERS_USE;
    if (!count_copies(&copies, h, pid, fd))
        return HOLDERS_UNKNOWN;
    if (copies.standard || copies.uring || (copies.elsewhere && !h->copied) || is_passed_at_start(pid, fd))
        return HOLDERS_USE;
    /* what has ended is a finding of the holder, if it carries the agent: a child has no file in a chroot */
    bool carries = (t->flags & HOLDER_SAME_PROGRAM && child_of(pid)) || state_dir_has_file_of(pid, t->start_ticks);
    if (h->tcp_state != ST_ESTABLISHED && carries)
        return HOLDERS_USE;
    enum holders_are told = told_by_child(fd, pid, t->flags & HOLDER_SAME_PROGRAM);
    if (told != HOLDERS_IDLE)
        return told;
    char path[64];
    struct waiting w = {.pid = pid, .fd = fd, .left = MAX_THREADS};
    path_of(path, pid, "task");
    bool listed = proc_each_number(path, ask_thread, &w);
    return w.waits ? HOLDERS_USE : w.unknown || !listed ? HOLDERS_UNKNOWN : HOLDERS_IDLE;
}

static uint64_t start_of(uint32_t pid)
{
    char text[1024];
    return proc_read(text, sizeof text, "/proc/%u/stat", pid) > 0 ? statedir_start_ticks(text) : 0;
}

static void describe(struct state_holder *to, uint32_t pid, unsigned fd, uint64_t start_ticks)
{
    char path[64], target[512];
    *to = (struct state_holder){.pid = pid, .fd = (int32_t)fd, .start_ticks = start_ticks};
    to->flags = is_this_program(pid) ? HOLDER_SAME_PROGRAM : 0;
    path_of(path, pid, "exe");
    long n = SYS4(SYS_readlinkat, AT_FDCWD, path, target, sizeof target);
    size_t room = sizeof to->exe - 1, len = n > 0 ? (size_t)n : 0;
    memcpy(to->exe, target + (len > room ? len - room : 0), len > room ? room : len);
}

/* Adds the holder PID to the answer of Q. */
static void add(struct holders *q, uint32_t pid, uint32_t fd)
{
    const struct state_held *h = q->h;
    uint64_t ticks = start_of(pid);
    struct state_holder t;
    if (!ticks) /* it has ended */
        return;
    describe(&t, pid, fd, ticks);
    enum holders_are are = does(h, &t);
    if (q->n < STATE_HOLDERS)
        q->holder[q->n] = t;
    if (!q->n || ticks < q->first_ticks) { /* of several in one tick the lowest pid */
        q->first_ticks = ticks;
        q->first_start_ns = to_monotonic(ticks);
        q->first_pid = pid;
        const struct state_child *c = child_of(pid);
        q->forked = c ? c->started : 0;
    }
    q->n++;
    if (are == HOLDERS_USE || q->are == HOLDERS_NONE || (are == HOLDERS_UNKNOWN && q->are != HOLDERS_USE))
        q->are = are;
}

/* ---- the search ------------------------------------------------------------------------------ */

struct search {
    struct holders *q;
    unsigned n;
};

static bool ask_process(void *arg, unsigned pid)
{
    const struct search *s = arg;
    for (unsigned i = 0; i < s->n; i++) {
        long fd = s->q[i].are != HOLDERS_USE ? held_as(s->q[i].h, pid) : -1;
        if (fd >= 0)
            add(&s->q[i], pid, (uint32_t)fd);
    }
    return true;
}

/* Under any number: it was not closed after all, or a copy was made where no wrapper saw that. */
static bool is_held_here(const struct state_held *h)
{
    struct copies copies;
    return !count_copies(&copies, h, table_pid(), h->fd) || copies.n;
}

void holders_search(struct holders *q, unsigned n)
{
    struct search s = {q, n};
    bool any = false;
    for (unsigned i = 0; i < n; i++) {
        q[i] = (struct holders){.h = q[i].h, .are = is_used_by_fork(q[i].h) ? HOLDERS_USE : HOLDERS_NONE};
        any |= q[i].are != HOLDERS_USE;
    }
    bool listed = any && proc_each_number("/proc", ask_process, &s);
    for (unsigned i = 0; i < n; i++) {
        if (!listed && q[i].are != HOLDERS_USE)
            q[i].are = HOLDERS_UNKNOWN;
        if (q[i].are == HOLDERS_IDLE && is_held_here(q[i].h))
            q[i].are = HOLDERS_USE;
    }
}

enum holders_are holders_again(const struct state_held *h)
{
    enum holders_are are = HOLDERS_NONE;
    for (unsigned i = 0; i < h->n_holders; i++) {
        const struct state_holder *t = &h->holder[i];
        if (!is_socket(t->pid, (unsigned)t->fd, h->inode))
            return HOLDERS_NONE;
        are = does(h, t);
        if (are != HOLDERS_IDLE)
            return are;
    }
    return are;
}
