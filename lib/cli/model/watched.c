/* SPDX-License-Identifier: MIT */
/*
 * watched.c: what the kernel says now of the sockets of a live process' findings.
 *
 * Called by model.c once the findings are known. Each file is read once, however many sockets there
 * are. Whoever may not read them learns less: a thread's call is for those who may trace it.
 */
#include "watched.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/judge.h"
#include "../../core/watched.h"
#include "../kernel/procfs.h"
#include "../kernel/sockdiag.h"

#define MAX_DESCRIPTORS 65536u
#define MAX_THREADS 4096u
#define MAX_TEXT (16u << 20)

/* ---- epolls ---------------------------------------------------------------------------------- */

/* Calls back for the numbers in the folder PATH, until EACH answers false. False: not for all. */
static bool each_number(const char *path, bool (*each)(void *arg, int dir, const char *name, unsigned number), void *arg)
{
    DIR *d = opendir(path);
    bool all = d != NULL;
    errno = 0;
    for (const struct dirent *e; all && (e = readdir(d)) != NULL; errno = 0) {
        char *end;
        unsigned long number = strtoul(e->d_name, &end, 10);
        if (end != e->d_name && !*end)
            all = each(arg, dirfd(d), e->d_name, (unsigned)number);
    }
    all = all && errno == 0;
    if (d)
        closedir(d);
    return all;
}

struct reading {
    struct watched w;
    pid_t pid;
    struct pieces text; /* of the epoll that is read */
    int file;           /* where that is open, or why it is not */
    unsigned descriptors, threads;
    uint32_t watcher;
};

static long read_file(void *file, char *to, size_t n)
{
    int fd = *(const int *)file;
    ssize_t got = fd < 0 ? fd : read(fd, to, n);
    return fd >= 0 && got < 0 ? -errno : got;
}

static void read_epoll(struct reading *r, unsigned epfd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%u", (int)r->pid, epfd);
    r->file = open(path, O_RDONLY | O_CLOEXEC);
    if (r->file < 0)
        r->file = -errno;
    watched_epoll(&r->w, (int)epfd, &r->text);
    if (r->file >= 0)
        close(r->file);
}

static bool take_descriptor(void *arg, int dir, const char *name, unsigned number)
{
    struct reading *r = arg;
    char target[64];
    if (r->descriptors++ == MAX_DESCRIPTORS)
        return false;
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT;
    target[n] = 0;
    r->w.others |= strcmp(target, "anon_inode:[io_uring]") == 0;
    if (strcmp(target, "anon_inode:[eventpoll]") == 0)
        read_epoll(r, number);
    return true;
}

static bool take_thread(void *arg, int dir, const char *name, unsigned number)
{
    struct reading *r = arg;
    char path[64], text[256];
    (void)dir;
    if (r->threads++ == MAX_THREADS)
        return false;
    if (number == r->watcher)
        return true;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/syscall", (int)r->pid, name);
    ssize_t n = procfs_read(path, text, sizeof text);
    if (n != -ENOENT && n != -ESRCH) /* else it has ended */
        watched_thread(&r->w, text, n > 0 ? (size_t)n : 0);
    return !r->w.others;
}

void watched_find(struct model *m)
{
    const struct loaded_file *l = m->from;
    char path[64];
    size_t n = 0;
    if (!load_is_live(l) || !m->checked || !m->n_findings)
        return;
    struct watched_socket *sockets = arena_array(&m->arena, m->n_findings, sizeof *sockets);
    for (size_t i = 0; i < m->n_findings; i++)
        if (m->findings[i].inode)
            sockets[n++] = (struct watched_socket){m->findings[i].inode, &m->findings[i]};
    if (!n)
        return;
    /* in another pid namespace its threads have other numbers */
    bool same_numbers = state_head(&l->view)->pid == (uint32_t)l->pid;
    static char piece[65536];
    struct reading r = {.pid = procfs_alive(l->pid),
                        .text = {read_file, &r.file, piece, sizeof piece, MAX_TEXT},
                        .watcher = same_numbers ? load_relaxed32(&state_head(&l->view)->watcher_tid) : 0};
    watched_begin(&r.w, sockets, n);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)r.pid);
    if (!each_number(path, take_descriptor, &r) || !r.descriptors)
        r.w.unknown = true;
    snprintf(path, sizeof path, "/proc/%d/task", (int)r.pid);
    bool threads = !r.w.unknown && !r.w.others && each_number(path, take_thread, &r);
    watched_end(&r.w, threads);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
    const struct finding *x = *(const struct finding *const *)a, *y = *(const struct finding *const *)b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

struct asked {
    struct finding **of;
    size_t n;
    uint64_t now_ns;
};

static void take_transfer(void *arg, const struct sockdiag_socket *s)
{
    const struct asked *a = arg;
    struct finding key = {.inode = s->inode}, *at = &key;
    struct finding **f = s->inode ? bsearch(&at, a->of, a->n, sizeof *a->of, by_inode) : NULL;
    if (!f || (*f)->tcp_state != s->state)
        return;
    transfer_from_info(&(*f)->transfer, s->info, s->info_len, transfer_fin(s->state), a->now_ns);
    (*f)->transfer.waits = s->unsent;
}

/* Of a connection that is over nothing has moved since the last look. */
static bool may_have_moved(const struct finding *f)
{
    return f->inode && (f->family == AF_INET || f->family == AF_INET6) && f->type == SOCK_STREAM && f->tcp_state &&
           f->tcp_state != ST_CLOSE;
}

void watched_transfers(struct model *m)
{
    const struct loaded_file *l = m->from;
    uint32_t states = 0;
    struct asked a = {.now_ns = m->report.now_ns};
    if (!load_is_live(l) || l->answered || !m->n_findings)
        return;
    a.of = arena_array(&m->arena, m->n_findings, sizeof(struct finding *));
    for (size_t i = 0; i < m->n_findings; i++) {
        if (!may_have_moved(&m->findings[i]))
            continue;
        m->findings[i].transfer = (struct transfer){.received = 0};
        states |= 1u << m->findings[i].tcp_state;
        a.of[a.n++] = &m->findings[i];
    }
    uint64_t own = a.n ? procfs_netns(getpid()) : 0;
    struct mnl_socket *nl = own && procfs_netns(l->pid) == own ? sockdiag_open() : NULL;
    if (!nl)
        return;
    qsort(a.of, a.n, sizeof *a.of, by_inode);
    sockdiag_inet(nl, AF_INET, IPPROTO_TCP, states, true, take_transfer, &a);
    sockdiag_inet(nl, AF_INET6, IPPROTO_TCP, states, true, take_transfer, &a);
    sockdiag_close(nl);
}
