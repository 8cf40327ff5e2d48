/* SPDX-License-Identifier: MIT */
/*
 * healthy.c: asks sock_diag(7) for single sockets, or for all of them once in a round of looks.
 *
 * Called by the supervisor before a round, and by look.c for each socket that is known already. To
 * read the tables the kernel goes through every place in them, also those of connections in
 * TIME_WAIT, so it is not done for a few sockets.
 */
#include "healthy.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../kernel/sockdiag.h"

#define ASKED_MAX 1024u /* as many questions take about as long as the tables */

void healthy_begin(struct healthy *h)
{
    h->n = h->asked = 0;
    h->read = false;
    h->own_netns = h->own_netns ? h->own_netns : procfs_netns(getpid());
    h->nl = h->nl ? h->nl : sockdiag_open();
}

/* ---- the tables ------------------------------------------------------------------------------ */

static void keep(void *arg, const struct sockdiag_socket *s)
{
    struct healthy *h = arg;
    if (!s->inode)
        return;
    h->all = cli_grow(h->all, h->n, &h->cap, sizeof *h->all);
    h->all[h->n++] = (struct healthy_socket){s->inode, s->cookie};
}

static int by_inode(const void *a, const void *b)
{
    const struct healthy_socket *x = a, *y = b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void read_tables(struct healthy *h)
{
    static const uint32_t states = 1u << TCP_ESTABLISHED | 1u << TCP_LISTEN;
    struct mnl_socket *nl = sockdiag_open(); /* its own: what is left of an answer is of no question */
    h->read = true;
    if (!nl)
        return;
    if (sockdiag_inet(nl, AF_INET, IPPROTO_TCP, states, false, keep, h) != 0 ||
        sockdiag_inet(nl, AF_INET6, IPPROTO_TCP, states, false, keep, h) != 0)
        h->n = 0;
    sockdiag_close(nl);
    if (h->n)
        qsort(h->all, h->n, sizeof *h->all, by_inode);
}

static bool is_in_tables(struct healthy *h, uint32_t inode, uint64_t cookie)
{
    const struct healthy_socket key = {.inode = inode};
    if (!h->read)
        read_tables(h);
    if (!h->n)
        return false;
    const struct healthy_socket *s = bsearch(&key, h->all, h->n, sizeof key, by_inode);
    return s && s->cookie == cookie;
}

/* ---------------------------------------------------------------------------------------------- */

bool healthy_has(struct healthy *h, uint64_t netns, uint32_t inode, const struct socket_id *id)
{
    if (!h->nl || !netns || netns != h->own_netns)
        return false;
    if (h->read || h->asked++ >= ASKED_MAX)
        return is_in_tables(h, inode, id->cookie);
    int state = sockdiag_state(h->nl, id);
    if (state == TCP_ESTABLISHED || state == TCP_LISTEN)
        return true;
    return state < 0 && !id->peer_port && is_in_tables(h, inode, id->cookie); /* SO_REUSEPORT: another one was found */
}

void healthy_free(struct healthy *h)
{
    free(h->all);
    sockdiag_close(h->nl);
    *h = (struct healthy){0};
}
