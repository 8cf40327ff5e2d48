/* SPDX-License-Identifier: MIT */
/*
 * dead.c: finds the dead: descriptors on TCP sockets that the kernel has taken out of its tables.
 *
 * Called by collect.c after the tables were read. The kernel tells by an attribute of the file that
 * such a descriptor is a TCP socket, without touching it; kernel/fate.c says what became of it.
 */
#include "dead.h"

#include <stddef.h>
#include <time.h>

#include "../kernel/fate.h"
#include "../kernel/procfs.h"
#include "index.h"

static bool is_namespace_read(const struct scan *s, const struct scan_process *p)
{
    for (size_t i = 0; i < s->n_namespaces; i++)
        if (s->namespaces[i].inode == p->netns)
            return s->namespaces[i].source != SCAN_NONE;
    return false;
}

/* Marks the TCP sockets that no table lists. Returns how many there are. */
static size_t mark_candidates(struct scan *s)
{
    size_t candidates = 0;
    for (size_t i = 0; i < s->n_holds; i++) {
        struct scan_hold *h = &s->holds[i];
        const struct scan_process *p = &s->processes[h->process];
        char protocol[64];
        if (scan_index_find(s, h->inode) || scan_index_is_other(s, h->inode) || !is_namespace_read(s, p))
            continue;
        if (procfs_protocol(p->pid, h->fd, protocol, sizeof protocol) != 0)
            continue; /* closed meanwhile, or a kernel that does not tell */
        h->family = fate_family(protocol);
        if (h->family) {
            h->fate = FATE_DEAD_OR_NEVER;
            candidates++;
        }
    }
    return candidates;
}

void scan_find_dead(struct scan *s)
{
    if (mark_candidates(s) == 0)
        return;
    const struct timespec tenth = {0, 100000000};
    nanosleep(&tenth, NULL);
    int pidfd = -1;
    uint32_t process = UINT32_MAX;
    for (size_t i = 0; i < s->n_holds; i++) {
        struct scan_hold *h = &s->holds[i];
        pid_t pid = s->processes[h->process].pid;
        if (h->fate == FATE_NONE)
            continue;
        if (h->process != process) {
            fate_close(pidfd);
            process = h->process;
            pidfd = fate_open(pid);
        }
        h->fate = fate_of(pidfd, h->fd);
        if (!procfs_holds(pid, h->fd, h->inode))
            h->fate = FATE_NONE;
    }
    fate_close(pidfd);
}
