/* SPDX-License-Identifier: MIT */
/*
 * users.c: the threads that received or sent last on a group's sockets.
 *
 * Called while a report is made, by agent and command, over groups that the caller owns.
 */
#include "users.h"

const struct opener *users_find(const struct group *g, uint32_t tid)
{
    for (unsigned i = 0; tid && i < g->n_users; i++)
        if (g->users[i].tid == tid)
            return &g->users[i];
    return NULL;
}

static void add(struct group *g, const struct opener *user)
{
    if (user->tid && g->n_users < GROUP_USERS && !users_find(g, user->tid))
        g->users[g->n_users++] = *user;
}

void users_want(struct group *g)
{
    g->n_users = 0;
    for (unsigned i = 0; i < g->n_told; i++)
        add(g, &(struct opener){.tid = g->told[i].tid});
}

uint64_t users_since(const struct group *g)
{
    uint64_t since = g->n_findings ? g->findings[0].opened_ns : 0;
    for (size_t i = 1; i < g->n_findings; i++)
        since = g->findings[i].opened_ns < since ? g->findings[i].opened_ns : since;
    return since;
}

void users_add(struct group *g, const struct group *from)
{
    for (unsigned i = 0; i < from->n_users; i++)
        add(g, &from->users[i]);
}
