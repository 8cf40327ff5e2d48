/* SPDX-License-Identifier: MIT */
/*
 * usage.c: what one process uses up: descriptors, local ports, and the queues of its listeners.
 *
 * Called by scan with a process id. A process may run out of descriptors or ports though not one of
 * its sockets is stuck.
 */
#include "usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/kinds.h"
#include "../../core/state.h"
#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "index.h"
#include "rows.h"

bool scan_usage_nearly(uint64_t used, uint64_t limit) { return limit && limit != UINT64_MAX && used >= limit - limit / 10; }

bool scan_usage_is_short(const struct scan_usage *u, const struct scan_process *p)
{
    return scan_usage_nearly(p->fds, p->fd_limit) || (u->n_ports && scan_usage_nearly(u->ports[0].used, u->ports[0].total));
}

static uint64_t left(const struct scan_process *p) { return p->fd_limit > p->fds ? p->fd_limit - p->fds : 0; }

const struct scan_process *scan_usage_shortest(const struct scan *s, size_t *n)
{
    const struct scan_process *found = NULL;
    *n = 0;
    for (size_t i = 0; i < s->n_processes; i++) {
        const struct scan_process *p = &s->processes[i];
        if (!p->pid || !scan_usage_nearly(p->fds, p->fd_limit))
            continue;
        ++*n;
        if (!found || left(p) < left(found))
            found = p;
    }
    return found;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static struct scan_use *new_use(struct scan_usage *u, const char *kind)
{
    u->uses = cli_grow(u->uses, u->n_uses, &u->cap_uses, sizeof *u->uses);
    struct scan_use *use = &u->uses[u->n_uses++];
    memset(use, 0, sizeof *use);
    use->count = 1;
    snprintf(use->kind, sizeof use->kind, "%s", kind);
    return use;
}

static void set_tcp(struct scan_use *use, const struct scan *s, const struct scan_socket *t)
{
    char peer[SOCKDIAG_ADDRESS];
    snprintf(use->kind, sizeof use->kind, "tcp");
    const char *state = tcp_state_name(t->state);
    use->state = *state ? state : NULL;
    if (t->state == TCP_LISTEN)
        snprintf(use->target, sizeof use->target, "%s", sockdiag_address(peer, t->family, t->local, t->local_port));
    else if (scan_is_accepted(&s->namespaces[t->ns], t))
        snprintf(use->target, sizeof use->target, ":%u < %s", t->local_port, sockdiag_address(peer, t->family, t->peer, 0));
    else
        snprintf(use->target, sizeof use->target, "%s", sockdiag_address(peer, t->family, t->peer, t->peer_port));
}

/* FD -1: any. The holds are sorted by inode. */
static const struct scan_hold *hold_of(const struct scan *s, int fd, uint32_t inode)
{
    size_t low = 0, high = s->n_holds;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->holds[mid].inode < inode)
            low = mid + 1;
        else
            high = mid;
    }
    while (low < s->n_holds && s->holds[low].inode == inode && fd >= 0 && s->holds[low].fd != fd)
        low++;
    return low < s->n_holds && s->holds[low].inode == inode ? &s->holds[low] : NULL;
}

/* "udp", "unix-stream": the kernel's name of its protocol, in small letters. */
static void set_protocol(struct scan_use *use, pid_t pid, int fd)
{
    char name[64];
    if (procfs_protocol(pid, fd, name, sizeof name) != 0)
        return;
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof use->kind; n++)
        use->kind[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a' : name[n]);
    use->kind[n] = 0;
}

static void add_socket(struct scan_usage *u, const struct scan *s, int fd, uint32_t inode)
{
    struct scan_use *use = new_use(u, "socket");
    const struct scan_hold *h = hold_of(s, fd, inode);
    const struct scan_socket *t = h && h->fate == FATE_NONE ? scan_index_find(s, inode) : NULL;
    use->socket = true;
    u->sockets++;
    if (h && h->fate != FATE_NONE) {
        snprintf(use->kind, sizeof use->kind, "tcp");
        use->state = h->fate == FATE_NEVER ? "never connected" : h->fate == FATE_DEAD ? "dead" : "dead or never connected";
    } else if (t && t->hangup) {
        set_protocol(use, s->processes[0].pid, fd);
        use->state = "hung up";
        snprintf(use->target, sizeof use->target, "%s", t->path);
    } else if (t && t->state) {
        set_tcp(use, s, t);
    } else {
        set_protocol(use, s->processes[0].pid, fd);
    }
}

/* "anon_inode:[eventpoll]", "pipe:[4711]", "/var/log/x": what a link says of a descriptor that is no socket. */
static void add_other(struct scan_usage *u, const char *link, size_t len)
{
    struct scan_use *use = new_use(u, "other");
    u->others++;
    if (link[0] == '/') {
        bool memory = strncmp(link, "/memfd:", 7) == 0, device = strncmp(link, "/dev/", 5) == 0 && strncmp(link, "/dev/shm/", 9) != 0;
        snprintf(use->kind, sizeof use->kind, "%s", memory ? "memfd" : device ? "device" : "file");
        state_string(use->target, sizeof use->target, link + (memory ? 7 : 0), len - (memory ? 7 : 0));
        return;
    }
    char name[32];
    if (strncmp(link, "anon_inode:", 11) == 0) {
        link += 11;
        len -= 11;
    }
    bool bracket = len > 1 && link[0] == '[';
    state_string(name, sizeof name, link + bracket, len - bracket);
    name[strcspn(name, ":]")] = 0;
    snprintf(use->kind, sizeof use->kind, "%.23s", strcmp(name, "eventpoll") == 0 ? "epoll" : name[0] ? name : "other");
}

static void read_descriptors(struct scan_usage *u, const struct scan *s)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)procfs_alive(s->processes[0].pid));
    DIR *d = opendir(path);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        char link[512];
        uint64_t inode, fd;
        if (!cli_digits(entry->d_name, strlen(entry->d_name), INT32_MAX, &fd))
            continue;
        ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof link - 1);
        if (n <= 0)
            continue; /* closed meanwhile */
        link[n] = 0;
        if (procfs_parse_link(link, (size_t)n, "socket", &inode))
            add_socket(u, s, (int)fd, (uint32_t)inode);
        else
            add_other(u, link, (size_t)n);
    }
    if (d)
        closedir(d);
}

static int by_what(const void *a, const void *b)
{
    const struct scan_use *x = a, *y = b;
    int d = strcmp(x->kind, y->kind);
    if (!d)
        d = strcmp(x->state ? x->state : "", y->state ? y->state : "");
    return d ? d : strcmp(x->target, y->target);
}

/* The kind that has the most first, and of it what there is most of. */
static int by_count(const void *a, const void *b)
{
    const struct scan_use *x = a, *y = b;
    if (x->of_kind != y->of_kind)
        return x->of_kind > y->of_kind ? -1 : 1;
    int d = strcmp(x->kind, y->kind);
    if (!d && x->count != y->count)
        d = x->count > y->count ? -1 : 1;
    return d ? d : by_what(a, b);
}

static void sort_uses(struct scan_usage *u)
{
    size_t kept = 0;
    if (u->n_uses)
        qsort(u->uses, u->n_uses, sizeof *u->uses, by_what);
    for (size_t i = 0; i < u->n_uses; i++) {
        if (kept && by_what(&u->uses[kept - 1], &u->uses[i]) == 0)
            u->uses[kept - 1].count += u->uses[i].count;
        else
            u->uses[kept++] = u->uses[i];
    }
    u->n_uses = kept;
    for (size_t i = 0, end; i < kept; i = end) {
        uint64_t n = 0;
        for (end = i; end < kept && strcmp(u->uses[end].kind, u->uses[i].kind) == 0; end++)
            n += u->uses[end].count;
        for (size_t k = i; k < end; k++)
            u->uses[k].of_kind = n;
    }
    if (kept)
        qsort(u->uses, kept, sizeof *u->uses, by_count);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static int by_used(const void *a, const void *b)
{
    const struct scan_ports *x = a, *y = b;
    return x->used != y->used ? (x->used > y->used ? -1 : 1) : strcmp(x->peer, y->peer);
}

static void find_ports(struct scan_usage *u, const struct scan *s)
{
    struct scan_rows r;
    scan_rows_ports(&r, s);
    for (size_t i = 0; i < r.n; i++) {
        const struct scan_row *row = &r.rows[i];
        const struct scan_namespace *ns = &s->namespaces[row->ns];
        if (row->direction != SCAN_OUT || !row->ports || !ns->port_low)
            continue;
        u->ports = cli_grow(u->ports, u->n_ports, &u->cap_ports, sizeof *u->ports);
        struct scan_ports *p = &u->ports[u->n_ports++];
        *p = (struct scan_ports){.used = row->ports, .total = (uint64_t)ns->port_high - ns->port_low + 1};
        sockdiag_address(p->peer, row->family, row->peer, row->port);
    }
    scan_rows_free(&r);
    if (u->n_ports)
        qsort(u->ports, u->n_ports, sizeof *u->ports, by_used);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static bool is_unaccepted(const struct scan_socket *t, const struct scan_listener *l)
{
    return !t->inode && !t->hangup && t->state == TCP_CLOSE_WAIT && t->local_port == l->port && t->family == l->family;
}

static void find_queues(struct scan_usage *u, const struct scan *s)
{
    const struct scan_namespace *ns = &s->namespaces[0];
    for (size_t i = 0; i < ns->n_listeners; i++) {
        const struct scan_listener *l = &ns->listeners[i];
        if (!l->waiting || !l->inode || !hold_of(s, -1, l->inode))
            continue;
        u->queues = cli_grow(u->queues, u->n_queues, &u->cap_queues, sizeof *u->queues);
        struct scan_queue *q = &u->queues[u->n_queues++];
        *q = (struct scan_queue){.port = l->port, .waiting = l->waiting, .backlog = l->backlog};
        for (size_t k = 0; k < ns->n_listeners; k++)
            q->shared |= k != i && ns->listeners[k].port == l->port && ns->listeners[k].family == l->family;
        for (size_t k = 0; k < s->n_sockets; k++)
            q->closed += is_unaccepted(&s->sockets[k], l);
    }
}

void scan_usage_make(struct scan_usage *u, const struct scan *s)
{
    memset(u, 0, sizeof *u);
    read_descriptors(u, s);
    sort_uses(u);
    find_ports(u, s);
    find_queues(u, s);
}

void scan_usage_free(struct scan_usage *u)
{
    free(u->uses);
    free(u->ports);
    free(u->queues);
    memset(u, 0, sizeof *u);
}
