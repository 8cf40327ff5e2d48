/* SPDX-License-Identifier: MIT */
/*
 * held_check.c: whether a process that this one started keeps a connection open that this one has
 * closed, and does not use it.
 *
 * Runs under the watch lock, never on a thread that closes. The kernel is asked first: nearly always
 * the connection is over, and its record is free again. /proc is searched only for one on which no
 * byte has moved for half of the grace, and a finding is one that two looks in a row have found idle.
 */
#include "held_check.h"

#include <string.h>

#include "../../core/address.h"
#include "../../core/judge.h"
#include "../base/sys.h"
#include "../report/counts.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../track/held.h"
#include "../track/probe.h"
#include "../track/retract.h"
#include "connection.h"
#include "holders.h"

#define MAX_TRIES 8u

static int due[HOLDERS_AT_ONCE];
static struct holders answers[HOLDERS_AT_ONCE] LARGE_TABLE;
static unsigned n_due;

/* A report that has named it is taken back. */
static void take_back(struct state_held *h)
{
    const struct state_site *s = sites_at(h->site);
    if (h->reported_since_ns)
        retract_unmarked(
            &(struct finding){.fd = (int)h->fd, .kind = KIND_HELD_BY_CHILD, .siteid = s ? s->siteid : 0, .since_ns = h->reported_since_ns});
    h->reported_since_ns = 0;
}

static void over(struct state_held *h, int i)
{
    take_back(h);
    held_free(i);
}

/* It is no finding now, and may be one again. */
static void not_idle(struct state_held *h)
{
    take_back(h);
    atomic_store(&h->phase, HELD_CLOSED);
    h->unused_looks = 0;
}

static void put_addresses(struct state_held *h, const struct endpoints *e)
{
    char text[96];
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    for (unsigned side = 0; side < 2; side++) {
        const unsigned char *a = side ? e->peer : e->local;
        char *to = side ? h->peer : h->local;
        if (e->family == AF_INET) {
            in.sin_port = side ? e->peer_port : e->local_port;
            memcpy(&in.sin_addr, a, 4);
            address_text(text, &in, sizeof in);
        } else {
            in6.sin6_port = side ? e->peer_port : e->local_port;
            memcpy(&in6.sin6_addr, a, 16);
            address_text(text, &in6, sizeof in6);
        }
        memcpy(to, text, sizeof h->local - 1); /* an address with its port has at most 47 bytes */
        to[sizeof h->local - 1] = 0;
    }
}

/* False: the connection is over, or its FIN was sent. */
static bool lives_on(struct state_held *h, const struct connection *c, uint64_t now)
{
    if (!c->inode || (c->state != ST_ESTABLISHED && c->state != ST_CLOSE_WAIT))
        return false;
    if (!h->looked_ns)
        h->since_ns = c->idle_ns < now && now - c->idle_ns > h->closed_ns ? now - c->idle_ns : h->closed_ns;
    else if (h->signature != c->signature)
        h->since_ns = now;
    h->signature = c->signature;
    h->inode = c->inode;
    h->unread = c->unread;
    h->tcp_state = (uint8_t)c->state;
    h->looked_ns = now;
    return true;
}

static void count(const struct state_held *h)
{
    counts_add(&(struct counted){.site = h->site, .kind = KIND_HELD_BY_CHILD, .since_ns = h->since_ns, .lasting = true, .past = true});
}

/* Of a finding: whether it still is one. True: some of its holders are gone; search for the others. */
static bool look_again(struct state_held *h, int i)
{
    switch (holders_again(h)) {
    case HOLDERS_IDLE:
        h->tries = 0;
        count(h);
        return false;
    case HOLDERS_UNKNOWN: /* for a moment, perhaps */
        if (++h->tries < MAX_TRIES) {
            count(h);
            return false;
        }
        break;
    case HOLDERS_NONE: /* a shell holds it as do the programs that it starts, each for a moment */
        if (n_due < HOLDERS_AT_ONCE)
            return true;
        not_idle(h);
        return false;
    case HOLDERS_USE:
        break;
    }
    over(h, i);
    return false;
}

static void take_holders(struct state_held *h, const struct holders *a)
{
    h->holders = a->n;
    h->n_holders = (uint8_t)(a->n < STATE_HOLDERS ? a->n : STATE_HOLDERS);
    for (unsigned k = 0; k < h->n_holders; k++)
        h->holder[k] = a->holder[k];
    h->started = a->forked ? a->forked : starts_find(a->first_pid, a->first_start_ns, HOLDERS_TICK_NS);
}

static void settle(int i, const struct holders *a, uint64_t now, uint64_t grace)
{
    struct state_held *h = (struct state_held *)(uintptr_t)a->h; /* ours */
    bool kept = atomic_load(&h->phase) == HELD_KEPT;
    if (a->are == HOLDERS_UNKNOWN && ++h->tries < MAX_TRIES) {
        if (kept)
            count(h);
        return;
    }
    if (a->are != HOLDERS_IDLE) {
        over(h, i);
        return;
    }
    h->tries = 0;
    h->unused_looks += h->unused_looks < 2;
    /* without a watcher there is one look, at the end */
    if ((h->unused_looks < 2 && table_interval_ns()) || now - h->since_ns < grace)
        return;
    take_holders(h, a);
    if (!kept)
        put_addresses(h, held_endpoints(i));
    atomic_store_explicit(&h->phase, HELD_KEPT, memory_order_release);
    count(h);
}

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Returns when it is due next. */
static uint64_t look(struct state_held *h, int i, uint64_t now, uint64_t grace)
{
    uint64_t half = h->since_ns + grace / 2;
    if (atomic_load(&h->phase) == HELD_KEPT && now - h->since_ns < grace)
        not_idle(h);
    if (atomic_load(&h->phase) == HELD_KEPT && !look_again(h, i))
        return UINT64_MAX;
    if (now < half)
        return half;
    if (n_due < HOLDERS_AT_ONCE) {
        due[n_due] = i;
        answers[n_due++].h = h;
    }
    return now < h->since_ns + grace ? h->since_ns + grace : UINT64_MAX;
}

static uint64_t ask_all(int netlink, uint64_t now, uint64_t grace)
{
    uint64_t next = UINT64_MAX;
    struct state_held *h;
    for (int i = -1; (h = held_next(&i));) {
        struct connection c;
        int known = connection_ask(netlink, held_endpoints(i), h->cookie, &c);
        if (known < 0 || (known == 0 || !lives_on(h, &c, now)))
            over(h, i);
        else
            next = earlier(next, look(h, i, now, grace));
    }
    return next;
}

/* Without descriptors or memory what was found stays; where the kernel never answers nothing is said. */
static void cannot_ask(int error)
{
    bool for_now = error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
    struct state_held *h;
    for (int i = -1; (h = held_next(&i));) {
        if (!for_now)
            over(h, i);
        else if (atomic_load(&h->phase) == HELD_KEPT)
            count(h);
    }
}

uint64_t held_check(uint64_t now_ns, uint64_t grace_ns)
{
    int i = -1;
    n_due = 0;
    if (!held_next(&i) || sys_in_sandbox())
        return UINT64_MAX;
    int netlink = connection_open();
    uint64_t next = UINT64_MAX;
    if (netlink >= 0) {
        next = ask_all(netlink, now_ns, grace_ns);
        sys_close(netlink);
    } else {
        cannot_ask(netlink);
    }
    if (n_due)
        holders_search(answers, n_due);
    for (unsigned k = 0; k < n_due; k++)
        settle(due[k], &answers[k], now_ns, grace_ns);
    return next;
}

void held_reported(const struct finding *f)
{
    struct state_held *h;
    for (int i = -1; (h = held_next(&i));)
        if (h->fd == (uint32_t)f->fd && h->opened_ns == f->opened_ns && !h->reported_since_ns)
            h->reported_since_ns = f->since_ns;
}
