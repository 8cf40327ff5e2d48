/* SPDX-License-Identifier: MIT */
/*
 * confirm.c: what the kernel says now of a live process' sockets, from /proc/PID/fd and
 * /proc/PID/net.
 *
 * Called by collect.c. An agent that answered has asked the kernel itself a moment ago; then only
 * the descriptors are compared. If the process is stopped, hangs or has no watcher, and for sockets
 * that are newer than the last look, the kernel's tables decide.
 */
#include "confirm.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/finding.h"
#include "../../core/judge.h"
#include "../kernel/fate.h"
#include "../kernel/procfs.h"
#include "../kernel/sockdiag.h"
#include "../state/load_kernel.h"

struct held_socket {
    int fd;
    uint32_t inode;
    bool recorded;
};

struct tcp_entry {
    uint32_t inode, unread;
    uint8_t state, family;
    uint16_t local_port, peer_port;
    unsigned char local[16], peer[16];
};

struct hung_up {
    uint32_t inode, unread;
};

struct confirm {
    struct arena *arena;
    struct held_socket *held;
    size_t n_held, cap_held;
    struct tcp_entry *entries; /* TCP's, and once it is asked for UDP's */
    size_t n_entries, cap_entries;
    uint64_t descriptors;
    pid_t pid;
    bool fresh; /* the agent has just looked */
    bool tried, tables, tried_udp, tried_unix;
    struct hung_up *hung_up; /* Unix connections whose peer is gone, sorted */
    size_t n_hung_up, cap_hung_up;
    bool unix_known;   /* HUNG_UP has all of them */
    uint64_t unjudged; /* sockets of which nobody has told the state */
    uint64_t last_look_ns;
};

static void keep_descriptor(void *arg, int fd, uint32_t inode)
{
    struct confirm *c = arg;
    if (c->n_held == c->cap_held)
        c->held = arena_grow(c->held, c->cap_held = c->cap_held ? c->cap_held * 2 : 256, sizeof *c->held);
    c->held[c->n_held++] = (struct held_socket){.fd = fd, .inode = inode};
}

static int by_fd(const void *a, const void *b)
{
    const struct held_socket *x = a, *y = b;
    return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static void keep_entry(void *arg, const struct sockdiag_socket *s)
{
    struct confirm *c = arg;
    if (!s->inode)
        return;
    if (c->n_entries == c->cap_entries)
        c->entries = arena_grow(c->entries, c->cap_entries = c->cap_entries ? c->cap_entries * 2 : 256, sizeof *c->entries);
    struct tcp_entry *e = &c->entries[c->n_entries++];
    *e = (struct tcp_entry){.inode = s->inode,
                            .unread = s->unread,
                            .state = s->state,
                            .family = s->family,
                            .local_port = s->local_port,
                            .peer_port = s->peer_port};
    memcpy(e->local, s->local, sizeof e->local);
    memcpy(e->peer, s->peer, sizeof e->peer);
}

static int by_entry_inode(const void *a, const void *b)
{
    const struct tcp_entry *x = a, *y = b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

struct confirm *confirm_begin(const struct loaded_file *l, struct arena *arena)
{
    struct confirm *c = arena_grow(NULL, 1, sizeof *c);
    *c = (struct confirm){
        .arena = arena, .pid = l->pid, .fresh = l->answered, .last_look_ns = atomic_load(&state_head(&l->view)->last_look_ns)};
    if (procfs_each_socket(l->pid, keep_descriptor, c, &c->descriptors) != 0) {
        confirm_end(c);
        return NULL;
    }
    if (c->n_held)
        qsort(c->held, c->n_held, sizeof *c->held, by_fd);
    return c;
}

uint64_t confirm_descriptors(const struct confirm *c) { return c->descriptors; }

/* Reads the TCP tables once. False: they cannot be read. */
static bool has_tables(struct confirm *c)
{
    if (!c->tried) {
        c->tried = true;
        c->tables = procfs_each_tcp(c->pid, keep_entry, c) == 0;
        if (c->n_entries)
            qsort(c->entries, c->n_entries, sizeof *c->entries, by_entry_inode);
    }
    return c->tables;
}

/* Adds the UDP tables, once. */
static void read_udp(struct confirm *c)
{
    if (!c->tried_udp && procfs_each_udp(c->pid, keep_entry, c) == 0 && c->n_entries)
        qsort(c->entries, c->n_entries, sizeof *c->entries, by_entry_inode);
    c->tried_udp = true;
}

void confirm_end(struct confirm *c)
{
    if (!c)
        return;
    free(c->held);
    free(c->entries);
    free(c->hung_up);
    free(c);
}

/*
 * The kernel gives another kind than the last look: the state began after that look, so it is at
 * most that old.
 */
static void set_kind(const struct confirm *c, struct finding *f, uint8_t kind)
{
    if (f->kind == kind)
        return;
    f->kind = kind;
    f->how = HOW_NONE;
    f->past_grace = false;
    f->since_ns = kind != KIND_OPEN && c->last_look_ns > f->opened_ns ? c->last_look_ns : f->opened_ns;
}

static enum fate fate_now(pid_t pid, int fd)
{
    int process = fate_open(pid);
    enum fate fate = fate_of(process, fd);
    fate_close(process);
    return fate;
}

/*
 * The socket is in no table: closed by the protocol, or never bound and connected; or not TCP (UDP,
 * SCTP, and MPTCP, which has tables of its own), in another network namespace, or opened since the
 * tables were read. False: it is no longer that socket.
 */
static bool judge_missing(struct confirm *c, struct finding *f, const struct confirm_slot *s, uint32_t inode)
{
    char protocol[64];
    bool tcp = (!s->type || s->type == SOCK_STREAM) && procfs_protocol(c->pid, f->fd, protocol, sizeof protocol) == 0 &&
               (strcmp(protocol, "TCP") == 0 || strcmp(protocol, "TCPv6") == 0);
    enum fate fate = tcp ? fate_now(c->pid, f->fd) : FATE_NONE;
    if (!procfs_holds(c->pid, f->fd, inode))
        return false;
    bool known = s->looked_at || s->was_connected || fate == FATE_DEAD || fate == FATE_NEVER;
    c->unjudged += !known;
    if (fate == FATE_NONE) /* the last look's kind stays */
        return true;
    f->tcp_state = ST_CLOSE;
    if (f->kind == KIND_CLOSE_WAIT || f->kind == KIND_FIN_WAIT_2 || (f->kind == KIND_OPEN && (s->was_connected || fate == FATE_DEAD))) {
        set_kind(c, f, KIND_DEAD);
    } else if (f->kind == KIND_OPEN && !s->looked_at && fate == FATE_NEVER) {
        set_kind(c, f, KIND_NEVER_CONNECTED);
        f->never = NEVER_UNSEEN;
    }
    return true;
}

static void keep_hung_up(void *arg, const struct sockdiag_socket *s)
{
    struct confirm *c = arg;
    if (!sockdiag_is_hung_up(s))
        return;
    if (c->n_hung_up == c->cap_hung_up)
        c->hung_up = arena_grow(c->hung_up, c->cap_hung_up = c->cap_hung_up ? c->cap_hung_up * 2 : 64, sizeof *c->hung_up);
    c->hung_up[c->n_hung_up++] = (struct hung_up){s->inode, s->unread};
}

static int by_hung_inode(const void *a, const void *b)
{
    const struct hung_up *x = a, *y = b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Once. Only of a process in our own network namespace; a Java runtime keeps such sockets as markers. */
static void read_unix(struct confirm *c)
{
    uint64_t own = procfs_netns(getpid());
    if (c->tried_unix)
        return;
    c->tried_unix = true;
    if (!own || procfs_netns(c->pid) != own || procfs_maps_file(c->pid, "/libnio.so"))
        return;
    struct mnl_socket *nl = sockdiag_open();
    c->unix_known = nl && sockdiag_unix(nl, keep_hung_up, c) == 0;
    if (nl)
        sockdiag_close(nl);
    if (c->n_hung_up)
        qsort(c->hung_up, c->n_hung_up, sizeof *c->hung_up, by_hung_inode);
}

/* A socket of another family that the last look has not covered. */
static void judge_other(struct confirm *c, struct finding *f, const struct confirm_slot *s, uint32_t inode)
{
    if (f->family == AF_UNIX)
        read_unix(c);
    if (f->family != AF_UNIX || !c->unix_known) {
        c->unjudged += s->type != SOCK_DGRAM;
        return;
    }
    const struct hung_up key = {.inode = inode};
    const struct hung_up *gone = c->n_hung_up ? bsearch(&key, c->hung_up, c->n_hung_up, sizeof key, by_hung_inode) : NULL;
    if (!gone)
        return;
    if (f->kind == KIND_OPEN)
        set_kind(c, f, KIND_HANGUP);
    f->unread = gone->unread;
}

uint64_t confirm_unjudged(const struct confirm *c) { return c->unjudged; }

static void judge_again(const struct confirm *c, struct finding *f, const struct tcp_entry *e)
{
    f->tcp_state = e->state;
    f->unread = e->unread;
    switch (e->state) {
    case ST_CLOSE_WAIT:
        if (f->kind != KIND_CLOSE_WAIT) {
            set_kind(c, f, KIND_CLOSE_WAIT);
            /* where all calls were seen, a wrapper would have recorded that the program read EOF */
            f->eof = finding_eof(f, EOF_UNREAD);
        }
        break;
    case ST_FIN_WAIT_2:
        set_kind(c, f, KIND_FIN_WAIT_2);
        break;
    case ST_ESTABLISHED:
    case ST_LISTEN:
    case ST_SYN_RECV:
        set_kind(c, f, KIND_OPEN);
        break;
    case ST_SYN_SENT: /* that nobody waits for it, only the agent knows */
        if (f->kind != KIND_NEVER_CONNECTED || f->never != NEVER_CONNECTING)
            set_kind(c, f, KIND_OPEN);
        break;
    default: /* between two states: the last look's kind stays */
        break;
    }
}

static struct held_socket *held_as(struct confirm *c, int fd)
{
    return c->n_held ? bsearch(&(struct held_socket){.fd = fd}, c->held, c->n_held, sizeof *c->held, by_fd) : NULL;
}

void confirm_recorded(struct confirm *c, int fd)
{
    struct held_socket *h = held_as(c, fd);
    if (h)
        h->recorded = true;
}

bool confirm_socket(struct confirm *c, struct finding *f, const struct confirm_slot *s, bool want_addresses)
{
    struct held_socket *h = held_as(c, f->fd);
    if (!h || (s->inode && s->inode != h->inode))
        return false;
    f->inode = h->inode;
    if (f->family != AF_INET && f->family != AF_INET6) {
        if (!c->fresh || !s->looked_at)
            judge_other(c, f, s, h->inode);
        return true;
    }
    bool datagram = s->type == SOCK_DGRAM;
    bool judge = !datagram && (!c->fresh || !s->looked_at);
    bool nameless = !f->local && !f->peer && (want_addresses || f->kind != KIND_OPEN);
    if ((!judge && !nameless) || !has_tables(c)) {
        c->unjudged += judge;
        return true;
    }
    if (datagram)
        read_udp(c);
    struct tcp_entry *e =
        c->n_entries ? bsearch(&(struct tcp_entry){.inode = h->inode}, c->entries, c->n_entries, sizeof *c->entries, by_entry_inode) : NULL;
    if (judge && !e)
        return judge_missing(c, f, s, h->inode);
    if (judge)
        judge_again(c, f, e);
    if (e && !f->local && !f->peer) {
        char text[SOCKDIAG_ADDRESS];
        f->local = arena_string(c->arena, sockdiag_address(text, e->family, e->local, e->local_port));
        if (e->peer_port)
            f->peer = arena_string(c->arena, sockdiag_address(text, e->family, e->peer, e->peer_port));
        if (!f->tcp_state && !datagram)
            f->tcp_state = e->state;
    }
    return true;
}

uint64_t confirm_unrecorded(struct confirm *c, uint64_t by_kind[KIND_COUNT])
{
    uint64_t n = 0;
    c->fresh = false;
    for (size_t i = 0; i < c->n_held; i++) {
        if (c->held[i].fd <= 2 || c->held[i].recorded) /* whose those three are is not known */
            continue;
        struct finding f = {.fd = c->held[i].fd, .kind = KIND_OPEN};
        struct confirm_slot slot = {0};
        slot.type = load_kernel_type(c->pid, f.fd, &f.family);
        if (!confirm_socket(c, &f, &slot, false))
            continue;
        by_kind[f.kind]++;
        n++;
    }
    return n;
}
