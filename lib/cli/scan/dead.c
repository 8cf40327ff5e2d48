/* SPDX-License-Identifier: MIT */
/*
 * dead.c: finds the dead: descriptors on TCP sockets that the kernel has taken out of its tables.
 *
 * Called by scan_collect after the tables were read. What such a descriptor is the kernel tells by an attribute of the file, without
 * touching it. Whether it was ever connected only TCP_INFO tells: where pidfd_getfd(2) is permitted the descriptor is duplicated for one
 * getsockopt and closed at once. While the duplicate lives a close in the target would not end the connection; a socket in state CLOSE
 * has none, which is why only sockets that no table lists are ever duplicated.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "dead.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static bool in_others(const struct scan *s, uint32_t inode)
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

/* The family of a TCP socket by the name of its protocol; 0: it is something else. */
static uint8_t family_of(const char *protocol)
{
    if (strcmp(protocol, "TCP") == 0 || strcmp(protocol, "MPTCP") == 0)
        return AF_INET;
    if (strcmp(protocol, "TCPv6") == 0 || strcmp(protocol, "MPTCPv6") == 0)
        return AF_INET6;
    return 0;
}

/* bytes_acked counts the peer's answer to our SYN; an accepted connection has measured a round trip or received something. */
static enum scan_fate fate_of(int fd)
{
    struct {
        struct tcp_info base;
        unsigned char rest[256];
    } info;
    socklen_t len = sizeof info;
    uint64_t acked = 0, received = 0;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return FATE_DEAD_OR_NEVER;
    if (info.base.tcpi_state != TCP_CLOSE)
        return FATE_NONE;
    /* Linux 4.1's additions, which glibc's struct ends before: <linux/tcp.h> has them at 120 and 128. */
    if (len >= 136) {
        memcpy(&acked, (unsigned char *)&info + 120, sizeof acked);
        memcpy(&received, (unsigned char *)&info + 128, sizeof received);
    }
    return acked || received || info.base.tcpi_rtt ? FATE_DEAD : FATE_NEVER;
}

/* One PIDFD serves a run of descriptors of the same process; -1: not permitted. */
static enum scan_fate ask(int pidfd, int fd)
{
    if (pidfd < 0)
        return FATE_DEAD_OR_NEVER;
    int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (copy < 0)
        return FATE_DEAD_OR_NEVER;
    enum scan_fate fate = fate_of(copy);
    close(copy);
    return fate;
}

enum scan_fate scan_fate(pid_t pid, int fd)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    enum scan_fate fate = ask(pidfd, fd);
    if (pidfd >= 0)
        close(pidfd);
    return fate;
}

static bool source_is_whole(const struct scan *s, const struct scan_process *p)
{
    for (size_t i = 0; i < s->n_namespaces; i++)
        if (s->namespaces[i].inode == p->netns)
            return s->namespaces[i].source != SCAN_NONE;
    return false;
}

void scan_find_dead(struct scan *s)
{
    size_t candidates = 0;
    for (size_t i = 0; i < s->n_holds; i++) {
        struct scan_hold *h = &s->holds[i];
        const struct scan_process *p = &s->processes[h->process];
        char protocol[64];
        if (scan_find(s, h->inode) || in_others(s, h->inode) || !source_is_whole(s, p))
            continue;
        if (procfs_protocol(p->pid, h->fd, protocol, sizeof protocol) != 0)
            continue; /* closed meanwhile, or a kernel that does not tell */
        h->family = family_of(protocol);
        if (h->family) {
            h->fate = FATE_DEAD_OR_NEVER;
            candidates++;
        }
    }
    if (candidates == 0)
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
            if (pidfd >= 0)
                close(pidfd);
            process = h->process;
            pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        }
        h->fate = ask(pidfd, h->fd);
        if (!procfs_holds(pid, h->fd, h->inode))
            h->fate = FATE_NONE;
    }
    if (pidfd >= 0)
        close(pidfd);
}
