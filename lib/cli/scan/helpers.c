/* SPDX-License-Identifier: MIT */
/*
 * helpers.c: the processes that a scanned one has started, and the sockets that they alone hold.
 *
 * Called by collect.c at the end of a scan of one process. A connection that a server has closed
 * stays open as long as a program that it started has a copy: then the server holds nothing, and its
 * peer waits all the same.
 */
#include "helpers.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "index.h"
#include "rows.h"

struct relative {
    pid_t pid, parent;
    char comm[64];
};

struct relatives {
    struct relative *all;
    size_t n, cap;
};

static bool on_pid(void *arg, pid_t pid)
{
    struct relatives *r = arg;
    struct procfs_stat st;
    if (procfs_stat(pid, &st) != 0 || st.kernel_thread)
        return true;
    r->all = cli_grow(r->all, r->n, &r->cap, sizeof *r->all);
    r->all[r->n] = (struct relative){.pid = pid, .parent = st.ppid};
    memcpy(r->all[r->n++].comm, st.comm, sizeof st.comm);
    return true;
}

/* Moves those below ANCESTOR to the front; returns how many. Each is compared with those found so far. */
static size_t descendants(struct relatives *r, pid_t ancestor)
{
    size_t found = 0;
    for (size_t done = 0; done <= found; done++) {
        pid_t parent = done ? r->all[done - 1].pid : ancestor;
        for (size_t i = found; i < r->n; i++) {
            if (r->all[i].parent != parent)
                continue;
            struct relative moved = r->all[i];
            r->all[i] = r->all[found];
            r->all[found++] = moved;
        }
    }
    return found;
}

struct search {
    const struct scan *s;
    const uint32_t *own; /* what the scanned process holds, sorted */
    uint32_t last;       /* copies by dup mostly follow each other */
    uint64_t stuck;
};

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void on_socket(void *arg, int fd, uint32_t inode)
{
    struct search *h = arg;
    struct scan_count c;
    const struct scan_socket *t = inode == h->last ? NULL : scan_index_find(h->s, inode);
    (void)fd;
    if (t && scan_count_socket(t, &c) && !bsearch(&inode, h->own, h->s->n_holds, sizeof *h->own, by_value)) {
        h->last = inode;
        h->stuck++;
    }
}

static int by_stuck(const void *a, const void *b)
{
    const struct scan_helper *x = a, *y = b;
    if (x->stuck != y->stuck)
        return x->stuck > y->stuck ? -1 : 1;
    return x->pid < y->pid ? -1 : x->pid > y->pid;
}

void scan_find_helpers(struct scan *s)
{
    struct relatives r = {0};
    uint32_t *own = calloc(s->n_holds + 1, sizeof *own);
    if (!own)
        exit(cli_fail("out of memory"));
    for (size_t i = 0; i < s->n_holds; i++)
        own[i] = s->holds[i].inode;
    qsort(own, s->n_holds, sizeof *own, by_value);
    procfs_each_pid(on_pid, &r);
    size_t n = descendants(&r, s->processes[0].pid);
    for (size_t i = 0; i < n; i++) {
        struct search h = {.s = s, .own = own};
        if (procfs_each_socket(r.all[i].pid, on_socket, &h, NULL) != 0 || !h.stuck)
            continue;
        s->helpers = cli_grow(s->helpers, s->n_helpers, &s->cap_helpers, sizeof *s->helpers);
        struct scan_helper *helper = &s->helpers[s->n_helpers++];
        *helper = (struct scan_helper){.pid = r.all[i].pid, .stuck = h.stuck};
        memcpy(helper->comm, r.all[i].comm, sizeof helper->comm);
    }
    if (s->n_helpers)
        qsort(s->helpers, s->n_helpers, sizeof *s->helpers, by_stuck);
    free(r.all);
    free(own);
}
