/* SPDX-License-Identifier: MIT */
/*
 * rows.c: from held sockets to rows: one for each process and peer, the culprit first.
 *
 * Called by scan, with a finished struct scan. "Peer" is what the program would name: for a
 * connection that it made the peer's address and port, for one that it accepted its own port and
 * the client's address (the client's port says nothing).
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/cli.h"
#include "index.h"

uint64_t scan_weight(const struct scan_count *c) { return 2 * (c->close_wait + c->dead + c->hangup) + c->fin_wait_2 + c->never; }

void scan_count_add(struct scan_count *to, const struct scan_count *from)
{
    to->close_wait += from->close_wait;
    to->fin_wait_2 += from->fin_wait_2;
    to->dead += from->dead;
    to->never += from->never;
    to->hangup += from->hangup;
    to->drained += from->drained;
    to->unread += from->unread;
}

uint64_t scan_count_stuck(const struct scan_count *c) { return c->close_wait + c->fin_wait_2 + c->dead + c->never + c->hangup; }

bool scan_count_socket(const struct scan_socket *t, struct scan_count *c)
{
    memset(c, 0, sizeof *c);
    if (t->hangup)
        c->hangup = 1;
    else if (t->state == TCP_CLOSE_WAIT)
        c->close_wait = 1;
    else if (t->state == TCP_FIN_WAIT2)
        c->fin_wait_2 = 1;
    else
        return false;
    c->drained = t->drained;
    c->unread = t->unread;
    return true;
}

static bool is_ephemeral(const struct scan_namespace *ns, uint16_t port)
{
    return ns->port_low && port >= ns->port_low && port <= ns->port_high;
}

/*
 * Was it accepted? Something listens on the local address and port; or, if the listener is gone, it
 * is a port that connect() would not have chosen.
 */
bool scan_is_accepted(const struct scan_namespace *ns, const struct scan_socket *t)
{
    if (scan_index_listens(ns, t))
        return true;
    return ns->port_low && !is_ephemeral(ns, t->local_port) && is_ephemeral(ns, t->peer_port);
}

static struct scan_row *new_row(struct scan_rows *r)
{
    r->rows = cli_grow(r->rows, r->n, &r->cap, sizeof *r->rows);
    struct scan_row *row = &r->rows[r->n++];
    memset(row, 0, sizeof *row);
    return row;
}

static void row_of_socket(struct scan_rows *r, const struct scan *s, uint32_t process, const struct scan_socket *t,
                          const struct scan_count *c)
{
    struct scan_row *row = new_row(r);
    row->process = process;
    row->ns = t->ns;
    row->family = t->family;
    row->count = *c;
    row->idle_ms = t->idle_ms;
    if (t->hangup) {
        row->direction = SCAN_UNIX;
        memcpy(row->path, t->path, sizeof row->path);
        return;
    }
    bool accepted = scan_is_accepted(&s->namespaces[t->ns], t);
    row->direction = accepted ? SCAN_IN : SCAN_OUT;
    row->port = accepted ? t->local_port : t->peer_port;
    memcpy(row->peer, t->peer, sizeof row->peer);
}

static void row_of_fate(struct scan_rows *r, const struct scan_hold *h)
{
    struct scan_row *row = new_row(r);
    row->process = h->process;
    row->direction = SCAN_UNCONNECTED;
    row->family = h->family;
    row->fate_unclear = h->fate == FATE_DEAD_OR_NEVER;
    if (h->fate == FATE_NEVER)
        row->count.never = 1;
    else
        row->count.dead = 1;
}

/* ---- merging rows with the same process and peer --------------------------------------------- */

static int compare_ends(const struct scan_row *a, const struct scan_row *b)
{
    if (a->direction != b->direction)
        return a->direction < b->direction ? -1 : 1;
    if (a->direction == SCAN_UNCONNECTED)
        return 0;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    int d = memcmp(a->peer, b->peer, sizeof a->peer);
    return d ? d : strcmp(a->path, b->path);
}

static int compare_peers(const struct scan_row *a, const struct scan_row *b)
{
    if (a->direction == b->direction && a->direction != SCAN_UNCONNECTED && a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    return compare_ends(a, b);
}

static int by_process_and_peer(const void *x, const void *y)
{
    const struct scan_row *a = x, *b = y;
    if (a->process != b->process)
        return a->process < b->process ? -1 : 1;
    return compare_peers(a, b);
}

static void merge(struct scan_rows *r)
{
    if (r->n)
        qsort(r->rows, r->n, sizeof *r->rows, by_process_and_peer);
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct scan_row *row = &r->rows[i];
        if (kept == 0 || by_process_and_peer(&r->rows[kept - 1], row) != 0) {
            r->rows[kept++] = *row;
            continue;
        }
        struct scan_row *into = &r->rows[kept - 1];
        scan_count_add(&into->count, &row->count);
        into->fate_unclear |= row->fate_unclear;
        if (row->idle_ms > into->idle_ms)
            into->idle_ms = row->idle_ms;
    }
    r->n = kept;
}

/* ---- ports in use towards each peer ---------------------------------------------------------- */

static int by_target(const void *x, const void *y)
{
    const struct scan_row *a = *(const struct scan_row *const *)x, *b = *(const struct scan_row *const *)y;
    return compare_peers(a, b);
}

static void count_ports(struct scan_rows *r, const struct scan *s)
{
    struct scan_row **targets = calloc(r->n ? r->n : 1, sizeof *targets);
    size_t n = 0;
    if (!targets)
        exit(cli_fail("out of memory"));
    for (size_t i = 0; i < r->n; i++)
        if (r->rows[i].direction == SCAN_OUT)
            targets[n++] = &r->rows[i];
    qsort(targets, n, sizeof *targets, by_target);
    for (size_t i = 0; n && i < s->n_sockets; i++) {
        const struct scan_socket *t = &s->sockets[i];
        if (t->hangup || t->state == 0 || !is_ephemeral(&s->namespaces[t->ns], t->local_port))
            continue;
        struct scan_row key = {.direction = SCAN_OUT, .ns = t->ns, .port = t->peer_port};
        memcpy(key.peer, t->peer, sizeof key.peer);
        /* the first target that is not below the key: several processes may share a peer */
        size_t low = 0, high = n;
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            if (compare_peers(targets[mid], &key) < 0)
                low = mid + 1;
            else
                high = mid;
        }
        for (; low < n && compare_peers(targets[low], &key) == 0; low++)
            targets[low]->ports++;
    }
    free(targets);
}

void scan_rows_ports(struct scan_rows *r, const struct scan *s)
{
    const struct scan_count none = {0};
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < s->n_holds; i++) {
        const struct scan_hold *h = &s->holds[i];
        const struct scan_socket *t = h->fate == FATE_NONE ? scan_index_find(s, h->inode) : NULL;
        if (t && !t->hangup && t->peer_port && !scan_is_accepted(&s->namespaces[t->ns], t))
            row_of_socket(r, s, h->process, t, &none);
    }
    merge(r);
    count_ports(r, s);
}

/* ---- order ----------------------------------------------------------------------------------- */

static int by_weight(const void *x, const void *y, void *arg)
{
    const uint64_t *weight = arg;
    const struct scan_row *a = x, *b = y;
    if (weight[a->process] != weight[b->process])
        return weight[a->process] > weight[b->process] ? -1 : 1;
    if (a->process != b->process)
        return a->process < b->process ? -1 : 1;
    uint64_t wa = scan_weight(&a->count), wb = scan_weight(&b->count);
    if (wa != wb)
        return wa > wb ? -1 : 1;
    return compare_peers(a, b);
}

static void sort_rows(struct scan_rows *r, const struct scan *s)
{
    uint64_t *weight = calloc(s->n_processes ? s->n_processes : 1, sizeof *weight);
    if (!weight)
        exit(cli_fail("out of memory"));
    for (size_t i = 0; i < r->n; i++) {
        uint64_t w = scan_weight(&r->rows[i].count);
        r->processes += weight[r->rows[i].process] == 0 && s->processes[r->rows[i].process].pid != 0;
        weight[r->rows[i].process] += w;
    }
    if (r->n)
        qsort_r(r->rows, r->n, sizeof *r->rows, by_weight, weight);
    free(weight);
}

uint64_t scan_rows_most(const struct scan_rows *r, const struct scan *s)
{
    uint64_t most = 0;
    for (size_t i = 0, end; i < r->n; i = end) { /* those of a process lie side by side */
        uint64_t n = 0;
        for (end = i; end < r->n && r->rows[end].process == r->rows[i].process; end++)
            n += scan_count_stuck(&r->rows[end].count);
        if (s->processes[r->rows[i].process].pid && n > most)
            most = n;
    }
    return most;
}

/* ---- what no descriptor that we saw holds ---------------------------------------------------- */

static int by_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t process_of_user(struct scan *s, uint32_t uid, uint64_t netns)
{
    for (size_t i = s->n_processes; i > 0; i--) {
        if (s->processes[i - 1].pid != 0)
            break; /* made-up ones stand at the end */
        if (s->processes[i - 1].uid == uid)
            return (uint32_t)(i - 1);
    }
    s->processes = cli_grow(s->processes, s->n_processes, &s->cap_processes, sizeof *s->processes);
    s->processes[s->n_processes] = (struct scan_process){.uid = uid, .netns = netns};
    return (uint32_t)s->n_processes++;
}

/*
 * If every process could be seen, a socket that none of them held was made or handed over while we
 * scanned, unless it has been silent for longer than that.
 */
static bool is_newer(const struct scan *s, const struct scan_socket *t)
{
    return s->unseen_processes == 0 && (t->hangup || t->idle_ms <= s->took_ms);
}

static void add_unheld(struct scan_rows *r, struct scan *s)
{
    uint32_t *held = calloc(s->n_holds ? s->n_holds : 1, sizeof *held);
    uint32_t waiting[65536] = {0};
    if (!held)
        exit(cli_fail("out of memory"));
    for (size_t i = 0; i < s->n_holds; i++)
        held[i] = s->holds[i].inode;
    qsort(held, s->n_holds, sizeof *held, by_u32);
    for (size_t i = 0; i < s->n_sockets; i++) {
        const struct scan_socket *t = &s->sockets[i];
        struct scan_count c;
        if (!scan_count_socket(t, &c))
            continue;
        if (t->inode == 0 && t->state == TCP_FIN_WAIT2) {
            r->orphans_fin_wait_2++;
        } else if (t->inode == 0) {
            r->unaccepted++;
            if (++waiting[t->local_port] > waiting[r->unaccepted_port])
                r->unaccepted_port = t->local_port;
        } else if (!is_newer(s, t) && !bsearch(&t->inode, held, s->n_holds, sizeof *held, by_u32)) {
            scan_count_add(&r->total, &c);
            row_of_socket(r, s, process_of_user(s, t->uid, s->namespaces[t->ns].inode), t, &c);
        }
    }
    free(held);
}

/*
 * A process may hold a socket by several descriptors: it counts once for it, and once in the total
 * however many processes hold it.
 */
static int by_inode_then_process(const void *x, const void *y)
{
    const struct scan_hold *a = x, *b = y;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return a->process < b->process ? -1 : a->process > b->process;
}

void scan_rows_make(struct scan_rows *r, struct scan *s, bool unheld)
{
    memset(r, 0, sizeof *r);
    if (s->n_holds) /* there is no array then, and qsort wants one */
        qsort(s->holds, s->n_holds, sizeof *s->holds, by_inode_then_process);
    for (size_t i = 0; i < s->n_holds; i++) {
        const struct scan_hold *h = &s->holds[i], *before = i ? h - 1 : NULL;
        bool again = before && before->inode == h->inode;
        if (again && before->process == h->process)
            continue;
        struct scan_count c = {0};
        const struct scan_socket *t = h->fate == FATE_NONE ? scan_index_find(s, h->inode) : NULL;
        if (h->fate != FATE_NONE) {
            row_of_fate(r, h);
            c = r->rows[r->n - 1].count;
        } else if (t && scan_count_socket(t, &c)) {
            row_of_socket(r, s, h->process, t, &c);
        }
        if (!again)
            scan_count_add(&r->total, &c);
    }
    if (unheld)
        add_unheld(r, s);
    merge(r);
    count_ports(r, s);
    sort_rows(r, s);
}

void scan_rows_free(struct scan_rows *r)
{
    free(r->rows);
    free(r->index);
    memset(r, 0, sizeof *r);
}

/* ---- the same row in an earlier scan --------------------------------------------------------- */

static int compare_processes(const struct scan_process *p, const struct scan_process *q)
{
    if (p->pid != q->pid)
        return p->pid < q->pid ? -1 : 1;
    if (p->start_ticks != q->start_ticks)
        return p->start_ticks < q->start_ticks ? -1 : 1;
    return p->pid || p->uid == q->uid ? 0 : p->uid < q->uid ? -1 : 1;
}

/*
 * Namespaces are numbered anew in each scan, so they are not compared; a process stays in its own.
 */
static int compare_over_scans(const struct scan_row *a, const struct scan_process *p, const struct scan_row *b,
                              const struct scan_process *q)
{
    int d = compare_processes(p, q);
    return d ? d : compare_ends(a, b);
}

static int by_identity(const void *x, const void *y, void *arg)
{
    const struct scan_process *processes = arg;
    const struct scan_row *a = *(const struct scan_row *const *)x, *b = *(const struct scan_row *const *)y;
    return compare_over_scans(a, &processes[a->process], b, &processes[b->process]);
}

void scan_rows_index(struct scan_rows *r, const struct scan *s)
{
    r->index = calloc(r->n ? r->n : 1, sizeof *r->index);
    if (!r->index)
        exit(cli_fail("out of memory"));
    for (size_t i = 0; i < r->n; i++)
        r->index[i] = &r->rows[i];
    if (r->n)
        qsort_r(r->index, r->n, sizeof *r->index, by_identity, s->processes);
}

const struct scan_row *scan_row_before(const struct scan *before, const struct scan_rows *previous, const struct scan *now,
                                       const struct scan_row *row)
{
    const struct scan_process *p = &now->processes[row->process];
    size_t low = 0, high = previous->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct scan_row *old = previous->index[mid];
        int d = compare_over_scans(old, &before->processes[old->process], row, p);
        if (d == 0)
            return old;
        if (d < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
