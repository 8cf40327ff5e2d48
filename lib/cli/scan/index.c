/* SPDX-License-Identifier: MIT */
/*
 * index.c: the sockets of one scan, by inode.
 *
 * Called by collect.c once all tables were read; then dead.c and rows.c look sockets up.
 */
#include "index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/cli.h"

static int by_socket_inode(const void *a, const void *b, void *arg)
{
    const struct scan_socket *sockets = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (sockets[x].inode != sockets[y].inode)
        return sockets[x].inode < sockets[y].inode ? -1 : 1;
    return x > y ? -1 : x < y; /* of the same socket the one that was seen later comes first */
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int by_port(const void *x, const void *y)
{
    const struct scan_listener *a = x, *b = y;
    return a->port < b->port ? -1 : a->port > b->port;
}

static bool is_zero(const unsigned char *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i])
            return false;
    return true;
}

/*
 * Would L accept a connection such as T? What an IPv6 listener on any address accepts from an IPv4
 * client is an IPv6 socket too, with mapped addresses.
 */
static bool takes(const struct scan_listener *l, const struct scan_socket *t)
{
    size_t width = l->family == AF_INET ? 4 : 16;
    return l->family == t->family && (is_zero(l->address, width) || memcmp(l->address, t->local, width) == 0);
}

bool scan_index_listens(const struct scan_namespace *ns, const struct scan_socket *t)
{
    size_t low = 0, high = ns->n_listeners;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (ns->listeners[mid].port < t->local_port)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < ns->n_listeners && ns->listeners[low].port == t->local_port; low++)
        if (takes(&ns->listeners[low], t))
            return true;
    return false;
}

void scan_index_make(struct scan *s)
{
    for (size_t i = 0; i < s->n_namespaces; i++)
        if (s->namespaces[i].n_listeners)
            qsort(s->namespaces[i].listeners, s->namespaces[i].n_listeners, sizeof *s->namespaces[i].listeners, by_port);
    s->by_inode = calloc(s->n_sockets ? s->n_sockets : 1, sizeof *s->by_inode);
    if (!s->by_inode)
        exit(cli_fail("out of memory"));
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < s->n_sockets; i++)
        if (s->sockets[i].inode)
            s->by_inode[n++] = (uint32_t)i;
    qsort_r(s->by_inode, n, sizeof *s->by_inode, by_socket_inode, s->sockets);
    for (size_t i = 0; i < n; i++) {
        struct scan_socket *t = &s->sockets[s->by_inode[i]];
        if (kept && s->sockets[s->by_inode[kept - 1]].inode == t->inode)
            t->state = 0; /* seen again later: this one does not count */
        else
            s->by_inode[kept++] = s->by_inode[i];
    }
    s->n_by_inode = kept;
    if (s->n_others)
        qsort(s->others, s->n_others, sizeof *s->others, by_value);
}

const struct scan_socket *scan_index_find(const struct scan *s, uint32_t inode)
{
    size_t low = 0, high = s->n_by_inode;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct scan_socket *t = &s->sockets[s->by_inode[mid]];
        if (t->inode == inode)
            return t;
        if (t->inode < inode)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool scan_index_is_other(const struct scan *s, uint32_t inode)
{
    size_t low = 0, high = s->n_others;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->others[mid] == inode)
            return true;
        if (s->others[mid] < inode)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}
