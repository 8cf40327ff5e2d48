/* SPDX-License-Identifier: MIT */
/*
 * marker.c: the half of a socketpair that a Java runtime keeps as a marker.
 *
 * Called by collect.c at the end of a scan. Java's NIO makes a pair, closes one half and keeps the
 * other, to put it with dup2 in the place of a connection that is being closed. Its client sockets
 * have no name either, but their peer, a server, has one, also after its end.
 */
#include "marker.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../kernel/fate.h"
#include "../kernel/procfs.h"
#include "index.h"

static bool is_candidate(const struct scan *s, const struct scan_hold *h)
{
    const struct scan_socket *t = h->fate == FATE_NONE ? scan_index_find(s, h->inode) : NULL;
    return t && t->hangup && t->nameless && !t->unread;
}

/*
 * How many sockets of this sort the process of holds[AT] has, which lie side by side; *END: behind
 * its holds.
 */
static size_t candidates_of(const struct scan *s, size_t at, size_t *end)
{
    uint32_t process = s->holds[at].process, inode = 0;
    size_t n = 0;
    for (*end = at; *end < s->n_holds && s->holds[*end].process == process; ++*end)
        if (is_candidate(s, &s->holds[*end]) && s->holds[*end].inode != inode) {
            inode = s->holds[*end].inode; /* copies by dup2 of one socket mostly follow each other */
            n++;
        }
    return n;
}

static void take_back(struct scan *s, uint32_t inode)
{
    struct scan_socket *t = (struct scan_socket *)(uintptr_t)scan_index_find(s, inode);
    if (t) {
        t->hangup = false;
        t->state = 0;
    }
}

void scan_find_markers(struct scan *s)
{
    size_t end;
    for (size_t at = 0; at < s->n_holds; at = end) {
        pid_t pid = s->processes[s->holds[at].process].pid;
        size_t n = candidates_of(s, at, &end);
        if (!n || !procfs_maps_file(pid, "/libnio.so"))
            continue;
        int process = fate_open(pid);
        for (size_t i = at; i < end; i++) {
            if (!is_candidate(s, &s->holds[i]))
                continue;
            int named = fate_has_named_peer(process, s->holds[i].fd);
            if (procfs_holds(pid, s->holds[i].fd, s->holds[i].inode) && (named == 0 || (named < 0 && n == 1)))
                take_back(s, s->holds[i].inode);
        }
        fate_close(process);
    }
}
