/* SPDX-License-Identifier: MIT */
/*
 * kernel.c: counts the sockets of every process by state.
 *
 * Called by look.c. Descriptors are read first and tables after, so that a socket which was
 * opened in between is in no list rather than taken for a dead one; what a process holds and no
 * table lists is asked about at the end, and must still be held then.
 */
#include "kernel.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/sort.h"
#include "../../core/kinds.h"
#include "../base/cli.h"
#include "../kernel/fate.h"
#include "../kernel/procfs.h"
#include "../kernel/sockdiag.h"
#include "container.h"

struct hold {
    uint64_t inode;   /* first: sorted_first */
    uint32_t process; /* index */
    int fd;
    uint8_t state; /* 0: in no table yet; KERNEL_STATES: not to be counted */
};

struct reader {
    struct kernel_tables *k;
    struct hold *holds; /* sorted by inode once all are there */
    size_t n, cap;
    uint64_t *namespaces; /* of the processes */
    size_t cap_namespaces;
};

const char *kernel_state_name(unsigned state)
{
    switch (state) {
    case KERNEL_DEAD:
        return "DEAD";
    case KERNEL_NEVER:
        return "NEVER_CONNECTED";
    case KERNEL_HANGUP:
        return "HANGUP";
    default:
        return tcp_state_name(state);
    }
}

static void on_descriptor(void *arg, int fd, uint32_t inode)
{
    struct reader *r = arg;
    r->holds = cli_grow(r->holds, r->n, &r->cap, sizeof *r->holds);
    r->holds[r->n++] = (struct hold){.inode = inode, .process = (uint32_t)r->k->n, .fd = fd};
}

static const char *program_name(struct arena *a, pid_t pid, const char *comm)
{
    char link[64], path[CLI_PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)procfs_alive(pid));
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return arena_string(a, comm);
    path[n] = 0;
    char *deleted = n > 10 ? path + n - 10 : NULL;
    if (deleted && strcmp(deleted, " (deleted)") == 0)
        *deleted = 0;
    return arena_string(a, path);
}

static bool on_process(void *arg, pid_t pid)
{
    struct reader *r = arg;
    struct kernel_tables *k = r->k;
    struct procfs_stat st;
    size_t before = r->n;
    if (procfs_stat(pid, &st) != 0 || st.kernel_thread)
        return true;
    k->processes = cli_grow(k->processes, k->n, &k->cap, sizeof *k->processes);
    r->namespaces = cli_grow(r->namespaces, k->n, &r->cap_namespaces, sizeof *r->namespaces);
    struct kernel_process *p = &k->processes[k->n];
    *p = (struct kernel_process){.pid = pid};
    if (procfs_each_socket(pid, on_descriptor, r, &p->descriptors) != 0) {
        r->n = before;
        return true;
    }
    p->exe = program_name(&k->arena, pid, st.comm);
    p->limit = procfs_nofile(pid);
    container_of(pid, p->container);
    r->namespaces[k->n++] = procfs_netns(pid);
    return true;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
    const struct hold *x = a, *y = b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* All descriptors of socket INODE are in STATE. */
static void mark(struct reader *r, uint32_t inode, uint8_t state)
{
    for (size_t i = sorted_first(r->holds, r->n, sizeof *r->holds, inode); i < r->n && r->holds[i].inode == inode; i++)
        r->holds[i].state = state;
}

static void on_tcp(void *arg, const struct sockdiag_socket *d)
{
    if (d->inode)
        mark(arg, d->inode, d->state < KERNEL_DEAD ? d->state : KERNEL_STATES);
}

static void on_unix(void *arg, const struct sockdiag_socket *d)
{
    mark(arg, d->inode, sockdiag_is_hung_up(d) ? KERNEL_HANGUP : KERNEL_STATES);
}

/* Those of our own namespace. False: sock_diag cannot be used. */
static bool read_own(struct reader *r)
{
    struct mnl_socket *nl = sockdiag_open();
    if (!nl)
        return false;
    bool read = sockdiag_inet(nl, AF_INET, IPPROTO_TCP, ~0u, false, on_tcp, r) == 0;
    sockdiag_inet(nl, AF_INET6, IPPROTO_TCP, ~0u, false, on_tcp, r);
    sockdiag_inet(nl, AF_INET, PROTOCOL_MPTCP, ~0u, false, on_tcp, r);
    sockdiag_inet(nl, AF_INET6, PROTOCOL_MPTCP, ~0u, false, on_tcp, r);
    sockdiag_unix(nl, on_unix, r);
    sockdiag_close(nl);
    return read;
}

/* True: the tables of namespace NS, which process I is in, have been read, now or for another one. */
static bool read_namespace(struct reader *r, size_t i, uint64_t own, bool known[])
{
    for (size_t k = 0; k < i; k++)
        if (r->namespaces[k] == r->namespaces[i])
            return known[k];
    if ((r->namespaces[i] == own || !r->namespaces[i]) && read_own(r))
        return true;
    return procfs_each_tcp(r->k->processes[i].pid, on_tcp, r) == 0;
}

/* ---- what no table lists --------------------------------------------------------------------- */

static int by_process(const void *a, const void *b)
{
    const struct hold *x = a, *y = b;
    return x->process != y->process ? (x->process < y->process ? -1 : 1) : by_inode(a, b);
}

static uint8_t state_of(int process, pid_t pid, const struct hold *h)
{
    char protocol[64];
    if (procfs_protocol(pid, h->fd, protocol, sizeof protocol) != 0 || !fate_family(protocol))
        return KERNEL_STATES;
    enum fate fate = fate_of(process, h->fd);
    if (fate == FATE_NONE || !procfs_holds(pid, h->fd, h->inode))
        return KERNEL_STATES;
    return fate == FATE_NEVER ? KERNEL_NEVER : fate == FATE_DEAD ? KERNEL_DEAD : TCP_CLOSE; /* not permitted to ask which */
}

/* Counts each socket of a process once, however many descriptors it has. */
static void count(struct reader *r, const bool known[])
{
    int pidfd = -1;
    uint32_t process = UINT32_MAX;
    for (size_t i = 0; i < r->n; i++) {
        struct hold *h = &r->holds[i];
        struct kernel_process *p = &r->k->processes[h->process];
        if (i && h[-1].process == h->process && h[-1].inode == h->inode)
            continue;
        if (h->process != process) {
            fate_close(pidfd);
            process = h->process;
            pidfd = fate_open(p->pid);
        }
        uint8_t state = h->state ? h->state : known[h->process] ? state_of(pidfd, p->pid, h) : KERNEL_STATES;
        if (state < KERNEL_STATES) {
            p->by_state[state]++;
            p->sockets++;
        }
    }
    fate_close(pidfd);
}

void kernel_take(struct kernel_tables *k)
{
    struct reader r = {.k = k};
    uint64_t own = procfs_netns(getpid());
    *k = (struct kernel_tables){0};
    procfs_each_pid(on_process, &r);
    if (r.n)
        qsort(r.holds, r.n, sizeof *r.holds, by_inode);
    bool *known = arena_array(&k->arena, k->n + 1, sizeof *known);
    for (size_t i = 0; i < k->n; i++)
        known[i] = read_namespace(&r, i, own, known);
    if (r.n)
        qsort(r.holds, r.n, sizeof *r.holds, by_process);
    count(&r, known);
    free(r.holds);
    free(r.namespaces);
}

void kernel_free(struct kernel_tables *k)
{
    free(k->processes);
    arena_free(&k->arena);
    *k = (struct kernel_tables){0};
}
