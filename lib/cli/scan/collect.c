/* SPDX-License-Identifier: MIT */
/*
 * collect.c: one scan of the machine: every process's sockets, then the kernel's socket tables of
 * every network namespace.
 *
 * The order matters, since everything changes meanwhile: descriptors first, tables after, and what
 * a process holds but no table lists is checked once more at the end. So a socket that was opened
 * or closed in between is never taken for a dead one.
 */
#include "../../core/kinds.h"
#include "collect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../base/now.h"
#include "../kernel/procfs.h"
#include "dead.h"
#include "helpers.h"
#include "index.h"
#include "marker.h"

/* ---- processes ------------------------------------------------------------------------------- */

struct process_walk {
    struct scan *s;
    uint64_t own; /* inode of our network namespace, 0: unknown */
    int error;    /* of the last process */
};

static void on_socket(void *arg, int fd, uint32_t inode)
{
    struct scan *s = arg;
    s->holds = cli_grow(s->holds, s->n_holds, &s->cap_holds, sizeof *s->holds);
    s->holds[s->n_holds++] = (struct scan_hold){.process = (uint32_t)s->n_processes, .fd = fd, .inode = inode};
}

static uint32_t namespace_index(struct scan *s, uint64_t inode, pid_t pid)
{
    for (size_t i = 0; i < s->n_namespaces; i++)
        if (s->namespaces[i].inode == inode)
            return (uint32_t)i;
    s->namespaces = cli_grow(s->namespaces, s->n_namespaces, &s->cap_namespaces, sizeof *s->namespaces);
    struct scan_namespace *ns = &s->namespaces[s->n_namespaces];
    memset(ns, 0, sizeof *ns);
    ns->inode = inode;
    ns->pid = pid;
    return (uint32_t)s->n_namespaces++;
}

static bool on_pid(void *arg, pid_t pid)
{
    struct process_walk *w = arg;
    struct scan *s = w->s;
    struct procfs_stat st;
    struct stat dir;
    char path[64];
    w->error = procfs_stat(pid, &st);
    if (w->error || st.kernel_thread)
        return true;
    s->processes = cli_grow(s->processes, s->n_processes, &s->cap_processes, sizeof *s->processes);
    struct scan_process *p = &s->processes[s->n_processes];
    memset(p, 0, sizeof *p);
    p->pid = pid;
    p->start_ticks = st.start_ticks;
    memcpy(p->comm, st.comm, sizeof p->comm);
    w->error = procfs_each_socket(pid, on_socket, s, &p->fds);
    if (w->error) {
        if (w->error == -EACCES || w->error == -EPERM)
            s->unseen_processes++;
        return true;
    }
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    p->uid = stat(path, &dir) == 0 ? dir.st_uid : (uid_t)-1;
    p->fd_limit = procfs_nofile(pid);
    p->netns = procfs_netns(pid);
    if (p->netns == 0) /* a zombie has none; a table read twice would count its orphans twice */
        p->netns = w->own;
    namespace_index(s, p->netns, pid);
    s->n_processes++;
    s->scanned_processes++;
    return true;
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct table_read {
    struct scan *s;
    uint32_t ns;
};

/* A new socket of the scan, with what is said of every family. */
static struct scan_socket *add_socket(const struct table_read *u, const struct sockdiag_socket *d)
{
    struct scan *s = u->s;
    s->sockets = cli_grow(s->sockets, s->n_sockets, &s->cap_sockets, sizeof *s->sockets);
    struct scan_socket *t = &s->sockets[s->n_sockets++];
    memset(t, 0, sizeof *t);
    t->inode = d->inode;
    t->uid = d->uid;
    t->ns = u->ns;
    return t;
}

static void on_tcp(void *arg, const struct sockdiag_socket *d)
{
    struct table_read *u = arg;
    struct scan *s = u->s;
    struct scan_namespace *ns = &s->namespaces[u->ns];
    if (d->state == TCP_LISTEN) {
        ns->listeners = cli_grow(ns->listeners, ns->n_listeners, &ns->cap_listeners, sizeof *ns->listeners);
        struct scan_listener *l = &ns->listeners[ns->n_listeners++];
        *l = (struct scan_listener){
            .port = d->local_port, .family = d->family, .inode = d->inode, .waiting = d->unread, .backlog = d->backlog};
        memcpy(l->address, d->local, sizeof l->address);
        if (d->inode == 0)
            return;
    }
    struct scan_socket *t = add_socket(u, d);
    t->unread = d->state == TCP_LISTEN ? 0 : d->unread;
    t->drained = d->state == TCP_CLOSE_WAIT && d->drained;
    t->idle_ms = d->idle_ms;
    t->family = d->family;
    t->state = d->state;
    t->local_port = d->local_port;
    t->peer_port = d->peer_port;
    memcpy(t->local, d->local, sizeof t->local);
    memcpy(t->peer, d->peer, sizeof t->peer);
}

static void on_unix(void *arg, const struct sockdiag_socket *d)
{
    struct table_read *u = arg;
    struct scan *s = u->s;
    if (!sockdiag_is_hung_up(d)) {
        s->others = cli_grow(s->others, s->n_others, &s->cap_others, sizeof *s->others);
        s->others[s->n_others++] = d->inode;
        return;
    }
    struct scan_socket *t = add_socket(u, d);
    t->unread = d->unread;
    t->family = AF_UNIX;
    t->state = d->state;
    t->hangup = true;
    t->nameless = !d->path[0];
    snprintf(t->path, sizeof t->path, "%s", d->path);
}

#define STUCK_STATES (1u << TCP_CLOSE_WAIT | 1u << TCP_FIN_WAIT2)

/*
 * The healthy states first: a socket that becomes stuck between the two requests is then seen twice
 * (the later one wins), never missed.
 */
static int dump_diag(struct table_read *u, struct mnl_socket *nl)
{
    static const int families[] = {AF_INET, AF_INET6};
    int error = -ENOENT;
    for (size_t i = 0; i < 2; i++) {
        int e = sockdiag_inet(nl, families[i], IPPROTO_TCP, ~STUCK_STATES, false, on_tcp, u);
        if (e == 0)
            e = sockdiag_inet(nl, families[i], IPPROTO_TCP, STUCK_STATES, true, on_tcp, u);
        if (e == 0 || families[i] == AF_INET)
            error = e; /* a kernel without IPv6 is no failure */
        /* absent before Linux 5.10 and where not configured */
        sockdiag_inet(nl, families[i], PROTOCOL_MPTCP, ~0u, false, on_tcp, u);
    }
    if (error == 0)
        sockdiag_unix(nl, on_unix, u); /* absent where unix_diag is neither built in nor a module */
    return error;
}

static void read_port_range(struct scan_namespace *ns)
{
    char buf[64];
    ssize_t n = procfs_read("/proc/sys/net/ipv4/ip_local_port_range", buf, sizeof buf);
    if (n > 0)
        procfs_parse_port_range(buf, (size_t)n, &ns->port_low, &ns->port_high);
}

static int open_namespace_of(struct scan_namespace *ns, pid_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)procfs_alive(pid));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_ino != ns->inode)) {
        close(fd);
        errno = ENOENT;
        return -1;
    }
    if (fd >= 0)
        ns->pid = pid;
    return fd;
}

/* The first process that was seen in the namespace may be gone by now: any other one will do. */
static int open_namespace(const struct scan *s, struct scan_namespace *ns)
{
    int fd = open_namespace_of(ns, ns->pid), error = errno;
    for (size_t i = 0; fd < 0 && i < s->n_processes; i++)
        if (s->processes[i].netns == ns->inode)
            fd = open_namespace_of(ns, s->processes[i].pid);
    errno = error;
    return fd;
}

/*
 * Opens sock_diag inside namespace NS: enters it for a moment and comes back. /proc/sys/net shows
 * the namespace of whoever opens it, so the port range is read there too. OWN is our own
 * namespace's file. If we cannot come back, everything that follows would be about the wrong
 * namespace: then the command ends.
 */
static struct mnl_socket *open_inside(const struct scan *s, struct scan_namespace *ns, int own)
{
    int there = own >= 0 ? open_namespace(s, ns) : -1; /* without a way back we do not enter */
    if (there < 0)
        return NULL;
    struct mnl_socket *nl = NULL;
    int e;
    if (setns(there, CLONE_NEWNET) == 0) {
        nl = sockdiag_open();
        e = errno;
        read_port_range(ns);
        if (setns(own, CLONE_NEWNET) != 0)
            exit(cli_fail("cannot return to the own network namespace: %s", strerror(errno)));
    } else {
        e = errno;
    }
    close(there);
    errno = e;
    return nl;
}

static void dump_namespace(struct scan *s, uint32_t index, uint64_t own_inode, int own)
{
    struct scan_namespace *ns = &s->namespaces[index];
    struct table_read u = {s, index};
    struct mnl_socket *nl;
    if (ns->inode == 0 || ns->inode == own_inode) {
        nl = sockdiag_open();
        read_port_range(ns);
    } else {
        nl = open_inside(s, ns, own);
    }
    ns->error = nl ? 0 : -errno;
    if (nl) {
        size_t mark = s->n_sockets;
        ns->error = dump_diag(&u, nl);
        sockdiag_close(nl);
        if (ns->error == 0) {
            ns->source = SCAN_DIAG;
            return;
        }
        s->n_sockets = mark;
    }
    if (procfs_each_tcp(ns->pid, on_tcp, &u) == 0)
        ns->source = SCAN_PROC;
}

/* ---- the whole scan -------------------------------------------------------------------------- */

int scan_collect(struct scan *s, pid_t pid)
{
    memset(s, 0, sizeof *s);
    uint64_t began_ns = now_mono_ns(), own_inode = procfs_netns(getpid());
    struct process_walk w = {s, own_inode, 0};
    if (pid) {
        on_pid(&w, pid);
        if (s->n_processes == 0)
            return w.error ? w.error : -ESRCH;
    } else {
        int e = procfs_each_pid(on_pid, &w);
        if (e)
            return e;
        namespace_index(s, own_inode, getpid());
    }
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int error = 0;
    bool any = false;
    for (uint32_t i = 0; i < s->n_namespaces; i++) {
        dump_namespace(s, i, own_inode, own);
        any |= s->namespaces[i].source != SCAN_NONE;
        error = s->namespaces[i].error;
    }
    if (own >= 0)
        close(own);
    if (!any)
        return error ? error : -ENOENT;
    s->took_ms = (uint32_t)((now_mono_ns() - began_ns) / 1000000u) + 1;
    scan_index_make(s);
    scan_find_dead(s);
    scan_find_markers(s);
    if (pid)
        scan_find_helpers(s);
    return 0;
}

void scan_free(struct scan *s)
{
    for (size_t i = 0; i < s->n_namespaces; i++)
        free(s->namespaces[i].listeners);
    free(s->namespaces);
    free(s->processes);
    free(s->sockets);
    free(s->holds);
    free(s->by_inode);
    free(s->others);
    free(s->helpers);
    memset(s, 0, sizeof *s);
}
