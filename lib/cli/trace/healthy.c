/* SPDX-License-Identifier: MIT */
/*
 * healthy.c: one dump of sock_diag(7) for each round of looks.
 *
 * Called by the supervisor before a round, and by look.c for each socket that is known already.
 */
#include "healthy.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../kernel/sockdiag.h"

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

void healthy_read(struct healthy *h)
{
    static const uint32_t states = 1u << TCP_ESTABLISHED | 1u << TCP_LISTEN;
    struct mnl_socket *nl = sockdiag_open();
    h->n = 0;
    h->own_netns = h->own_netns ? h->own_netns : procfs_netns(getpid());
    if (!nl)
        return;
    if (sockdiag_inet(nl, AF_INET, IPPROTO_TCP, states, false, keep, h) != 0 ||
        sockdiag_inet(nl, AF_INET6, IPPROTO_TCP, states, false, keep, h) != 0)
        h->n = 0;
    sockdiag_close(nl);
    if (h->n)
        qsort(h->all, h->n, sizeof *h->all, by_inode);
}

bool healthy_has(const struct healthy *h, uint64_t netns, uint32_t inode, uint64_t cookie)
{
    const struct healthy_socket key = {.inode = inode};
    if (!h->n || !netns || netns != h->own_netns)
        return false;
    const struct healthy_socket *s = bsearch(&key, h->all, h->n, sizeof key, by_inode);
    return s && s->cookie == cookie;
}

void healthy_free(struct healthy *h)
{
    free(h->all);
    *h = (struct healthy){0};
}
