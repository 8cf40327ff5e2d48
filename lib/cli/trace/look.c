/* SPDX-License-Identifier: MIT */
/*
 * look.c: finds the sockets of a traced process and keeps its table as they are.
 *
 * Called by the supervisor at intervals, before the process exits, and when somebody asks. Each
 * socket is duplicated for the moment in which it is asked (probe.h).
 */
#include "look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/kinds.h"
#include "../base/cli.h"
#include "../base/now.h"
#include "../kernel/procfs.h"
#include "enter.h"
#include "observe.h"
#include "probe.h"

static struct seen *seen_of(struct process *p, int fd)
{
    if ((size_t)fd >= p->n_seen) {
        size_t n = p->n_seen ? p->n_seen : 64;
        while (n <= (size_t)fd)
            n *= 2;
        struct seen *more = realloc(p->seen, n * sizeof *more);
        if (!more)
            exit(cli_fail("out of memory"));
        memset(more + p->n_seen, 0, (n - p->n_seen) * sizeof *more);
        p->seen = more;
        p->n_seen = n;
    }
    return &p->seen[fd];
}

uint64_t look_unseen_cookie(const struct process *p, int fd, int copy)
{
    uint64_t cookie = probe_cookie(copy);
    bool known = fd >= 0 && (size_t)fd < p->n_seen && p->seen[fd].cookie == cookie;
    return known ? 0 : cookie;
}

/* The inode of the socket that the entry NAME of DIR leads to; 0: it is no socket. */
static uint32_t socket_at(DIR *dir, const char *name)
{
    char link[64];
    uint64_t inode;
    ssize_t n = readlinkat(dirfd(dir), name, link, sizeof link);
    return n > 0 && procfs_parse_link(link, (size_t)n, "socket", &inode) ? (uint32_t)inode : 0;
}

static int number_of(const char *name) { return name[0] >= '0' && name[0] <= '9' ? atoi(name) : -1; }

static DIR *open_descriptors(pid_t pid)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)procfs_alive(pid));
    return opendir(path);
}

void look_outside(struct looks *all, pid_t pid, int pidfd)
{
    DIR *dir = open_descriptors(pid);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        int fd = number_of(e->d_name), copy = fd >= 0 && socket_at(dir, e->d_name) ? probe_copy(pidfd, fd) : -1;
        if (copy < 0)
            continue;
        owners_add(&all->owners, &(struct owner){.cookie = probe_cookie(copy), .fd = fd});
        close(copy);
    }
    if (dir)
        closedir(dir);
}

bool look_begin(struct look *l, struct process *p, bool ending)
{
    *l = (struct look){.ending = ending, .dir = p->pidfd >= 0 ? open_descriptors(p->pid) : NULL};
    if (!l->dir)
        return false;
    l->process = p;
    p->look++;
    p->look_began_ns = now_mono_ns();
    p->netns = procfs_netns(p->pid);
    trends_begin(&p->trends);
    return true;
}

void look_stop(struct look *l)
{
    if (l->dir)
        closedir(l->dir);
    l->dir = NULL;
    l->process = NULL;
}

/* ---- one descriptor -------------------------------------------------------------------------- */

/* It is the socket that it was, in no condition, and the kernel's tables say that it still is not: it is left alone. */
static bool is_in_order(struct looks *all, struct process *p, int fd, uint32_t inode)
{
    const struct seen *s = &p->seen[fd];
    const struct state_slot *slot = s->entered && s->inode == inode ? state_writer_slot(p->file, fd, false) : NULL;
    return slot && s->id && !atomic_load(&slot->detail) && (atomic_load(&slot->flags) & SLOT_CONNECTED || s->listens) &&
           !(atomic_load(&p->file->head->kinds) & KIND_BIT(KIND_OPEN)) && healthy_has(&all->healthy, p->netns, inode, s->id);
}

/* By which the next look asks for it, if it is a TCP socket that is in order. */
static void take_id(struct process *p, int fd, int copy)
{
    struct seen *s = &p->seen[fd];
    const struct state_slot *slot = state_writer_slot(p->file, fd, false);
    struct socket_id id = {.cookie = s->cookie};
    if (!slot || atomic_load(&slot->detail) || !probe_id(copy, &id))
        return;
    s->id = s->id ? s->id : malloc(sizeof *s->id);
    if (s->id)
        *s->id = id;
}

static void look_at(struct looks *all, struct look *l, int fd, uint32_t inode)
{
    struct process *p = l->process;
    struct seen *known = seen_of(p, fd);
    if (is_in_order(all, p, fd, inode)) {
        known->look = p->look;
        return;
    }
    int copy = probe_copy(p->pidfd, fd);
    if (copy < 0) {
        /* no right, or no descriptor of our own left: nothing is known of it, not even that it is closed */
        if (copy != -EBADF && known->entered)
            known->look = p->look;
        return;
    }
    uint64_t cookie = probe_cookie(copy);
    struct seen *s = seen_of(p, fd);
    if (cookie && s->cookie != cookie) {
        if (s->entered)
            enter_leave(all, p, fd);
        *s = (struct seen){.cookie = cookie, .inode = inode};
    }
    if (cookie) {
        /* what a forked child has and never opened is mostly its parent's, of which the next look tells */
        bool again = s->look != 0 || l->again || (l->ending && !processes_find(all->processes, p->parent));
        s->look = p->look;
        if (!s->entered)
            s->entered = enter_socket(all, p, fd, copy, cookie, again);
        if (s->entered) {
            observe_socket(p, fd, copy, inode, l->ending);
            take_id(p, fd, copy);
        } else {
            l->unknown += !owners_find(&all->owners, cookie);
        }
    }
    close(copy);
}

static void leave_gone(struct looks *all, struct process *p)
{
    for (size_t fd = 0; fd < p->n_seen; fd++) {
        struct seen *s = &p->seen[fd];
        if (!s->cookie || s->look == p->look)
            continue;
        if (s->entered)
            enter_leave(all, p, (int)fd);
        *s = (struct seen){0};
    }
}

/* It is on its way out: its descriptors are being closed, and what it had is what the last look saw. */
static bool is_leaving(pid_t pid)
{
    struct procfs_stat st;
    return procfs_stat(procfs_alive(pid), &st) != 0 || st.ending || st.state == 'Z' || st.state == 'X';
}

static void end_look(struct looks *all, struct look *l)
{
    struct process *p = l->process;
    if (is_leaving(p->pid)) {
        look_stop(l);
        return;
    }
    uint64_t limit = procfs_nofile(p->pid);
    leave_gone(all, p);
    match_looked(&p->match, p->look_began_ns);
    owners_sweep(&all->owners, p->look_began_ns - 4 * all->processes->options->interval_ns, -1);
    if (p->file) {
        trends_end(&p->trends, p->file, p->look_began_ns, all->processes->options->interval_ns);
        if (limit)
            atomic_store(&p->file->head->nofile_limit, limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit);
        atomic_store(&p->file->head->last_look_ns, p->look_began_ns);
        atomic_fetch_add(&p->file->head->looks, 1);
    }
    look_stop(l);
}

bool look_step(struct looks *all, struct look *l, unsigned descriptors)
{
    for (unsigned i = 0; i < descriptors; i++) {
        errno = 0;
        struct dirent *e = readdir(l->dir);
        if (!e && errno) { /* it has ended meanwhile: its table stays as it was */
            look_stop(l);
            return true;
        }
        if (!e) {
            end_look(all, l);
            return true;
        }
        int fd = number_of(e->d_name);
        uint32_t inode = fd >= 0 ? socket_at(l->dir, e->d_name) : 0;
        if (inode)
            look_at(all, l, fd, inode);
    }
    return false;
}

static unsigned look_through(struct looks *all, struct process *p, bool ending, bool again)
{
    struct look l;
    if (!look_begin(&l, p, ending))
        return 0;
    l.again = again;
    while (!look_step(all, &l, LOOK_PIECE))
        ;
    return l.unknown;
}

void look_last(struct looks *all, struct process *p)
{
    struct process *parent = processes_find(all->processes, p->parent);
    healthy_begin(&all->healthy); /* what was in order at the last round may not be any more */
    if (!look_through(all, p, true, false) || !parent)
        return;
    look_through(all, parent, false, false);
    look_through(all, p, true, true);
}

/* ---- exec and exit --------------------------------------------------------------------------- */

void look_after_exec(struct process *p)
{
    for (size_t fd = 0; p->file && fd < p->n_seen; fd++) {
        struct state_slot *slot = p->seen[fd].entered ? state_writer_slot(p->file, (int)fd, false) : NULL;
        if (slot)
            slot->type_origin = (uint8_t)(SLOT_TYPE(slot) | ORIGIN_BEFORE_EXEC << 4);
    }
}

void look_hand_over(struct looks *all, struct process *p)
{
    for (struct process *q = all->processes->first; q; q = q->next) {
        for (size_t fd = 0; !q->ended && q != p && fd < q->n_seen; fd++) {
            struct seen *s = &q->seen[fd];
            struct owner *o = s->cookie && !s->entered ? owners_find(&all->owners, s->cookie) : NULL;
            if (!o || o->pid != p->pid)
                continue;
            int copy = probe_copy(q->pidfd, (int)fd);
            o->closed = true;
            if (copy >= 0 && probe_cookie(copy) == s->cookie)
                s->entered = enter_socket(all, q, (int)fd, copy, s->cookie, true);
            if (copy >= 0)
                close(copy);
        }
    }
    owners_sweep(&all->owners, 0, p->pid);
}
