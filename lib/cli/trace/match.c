/* SPDX-License-Identifier: MIT */
/*
 * match.c: keeps the calls whose sockets are not known yet, and finds the one of a socket.
 *
 * Called by the supervisor: for every call that it has let go, and by its looks. Equal calls of one
 * thread are one entry, so a busy program has few.
 */
#include "match.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include "../../core/hash.h"
#include "../base/cli.h"

void match_free(struct match *m)
{
    free(m->calls);
    free(m->places);
    free(m->exact);
    *m = (struct match){0};
}

/* ---- calls ----------------------------------------------------------------------------------- */

static uint64_t key_of(uint64_t who) { return hash_spread(who) >> 32; }

static bool same_kind(const struct match_kind *a, const struct match_kind *b)
{
    return a->call == b->call && a->family == b->family && a->type == b->type && a->protocol == b->protocol && a->listener == b->listener;
}

static void place(struct match *m, size_t nth)
{
    size_t at = key_of(m->calls[nth].who) & (m->n_places - 1);
    while (m->places[at])
        at = (at + 1) & (m->n_places - 1);
    m->places[at] = nth + 1;
}

static void place_all(struct match *m)
{
    size_t want = 256;
    while (want < 2 * (m->n_calls + 1))
        want *= 2;
    if (want > m->n_places) {
        free(m->places);
        m->places = malloc(want * sizeof *m->places);
        if (!m->places)
            exit(cli_fail("out of memory"));
        m->n_places = want;
    }
    memset(m->places, 0, m->n_places * sizeof *m->places);
    for (size_t i = 0; i < m->n_calls; i++)
        place(m, i);
}

/* The next entry of WHO; *AT: SIZE_MAX at first. NULL: no more. */
static struct match_call *next_of(struct match *m, uint64_t who, size_t *at)
{
    if (!m->n_places)
        return NULL;
    *at = *at == SIZE_MAX ? key_of(who) & (m->n_places - 1) : (*at + 1) & (m->n_places - 1);
    for (; m->places[*at]; *at = (*at + 1) & (m->n_places - 1))
        if (m->calls[m->places[*at] - 1].who == who)
            return &m->calls[m->places[*at] - 1];
    return NULL;
}

void match_ended(struct match *m, pid_t tid, uint64_t now_ns)
{
    for (size_t i = 0; i < m->n_calls; i++)
        if (m->calls[i].tid == tid && !m->calls[i].ended_ns)
            m->calls[i].ended_ns = now_ns;
}

void match_call(struct match *m, const struct match_call *c, uint64_t now_ns)
{
    size_t at = SIZE_MAX;
    struct match_call *same;
    match_ended(m, c->tid, now_ns);
    while ((same = next_of(m, c->who, &at)))
        if (same->tid == c->tid && same->site == c->site && same_kind(&same->kind, &c->kind))
            break;
    if (same) {
        if (!same->count)
            same->first_ns = now_ns;
        same->count++;
        same->last_ns = now_ns;
        same->ended_ns = 0;
        return;
    }
    m->calls = cli_grow(m->calls, m->n_calls, &m->cap_calls, sizeof *m->calls);
    m->calls[m->n_calls] = *c;
    same = &m->calls[m->n_calls++];
    same->first_ns = same->last_ns = now_ns;
    same->ended_ns = 0;
    same->count = 1;
    if (2 * (m->n_calls + 1) > m->n_places)
        place_all(m);
    else
        place(m, m->n_calls - 1);
}

/* ---- sockets that are known ------------------------------------------------------------------ */

static struct match_exact *exact_place(struct match_exact *all, size_t cap, uint64_t cookie)
{
    size_t at = (hash_spread(cookie) >> 32) & (cap - 1);
    while (all[at].cookie && all[at].cookie != cookie)
        at = (at + 1) & (cap - 1);
    return &all[at];
}

static void rebuild_exact(struct match *m, size_t cap, uint64_t not_before_ns)
{
    struct match_exact *more = calloc(cap, sizeof *more);
    if (!more)
        exit(cli_fail("out of memory"));
    m->n_exact = 0;
    for (size_t i = 0; i < m->cap_exact; i++) {
        if (!m->exact[i].cookie || m->exact[i].known_ns < not_before_ns)
            continue;
        *exact_place(more, cap, m->exact[i].cookie) = m->exact[i];
        m->n_exact++;
    }
    free(m->exact);
    m->exact = more;
    m->cap_exact = cap;
}

static void add_exact(struct match *m, const struct match_exact *e)
{
    if (2 * (m->n_exact + 1) > m->cap_exact)
        rebuild_exact(m, m->cap_exact ? m->cap_exact * 2 : 256, 0);
    struct match_exact *to = exact_place(m->exact, m->cap_exact, e->cookie);
    m->n_exact += !to->cookie;
    *to = *e;
}

struct match_exact *match_exact_of(struct match *m, uint64_t cookie)
{
    struct match_exact *e = m->cap_exact ? exact_place(m->exact, m->cap_exact, cookie) : NULL;
    return e && e->cookie ? e : NULL;
}

static bool fits(const struct match_call *c, const struct match_kind *k)
{
    if (!c->count || c->kind.call != k->call)
        return false;
    if (k->call == CALL_ACCEPT || k->call == CALL_DUP)
        return !c->kind.listener || !k->listener || c->kind.listener == k->listener;
    return c->kind.family == k->family && c->kind.type == k->type && (c->kind.protocol == k->protocol || !c->kind.protocol || !k->protocol);
}

bool match_named(struct match *m, uint64_t who, const struct match_kind *kind, uint64_t cookie, uint64_t now_ns)
{
    struct match_call *c, *found = NULL;
    size_t at = SIZE_MAX;
    if (match_exact_of(m, cookie))
        return true; /* a second such call */
    while ((c = next_of(m, who, &at))) {
        /* the last look has not found the socket: it was opened after that */
        if (!fits(c, kind) || c->last_ns < m->looked_ns)
            continue;
        if (found && found->site != c->site) /* it has opened several: which it connects now, nobody knows */
            return false;
        found = c;
    }
    if (!found)
        return false;
    add_exact(m, &(struct match_exact){
                     .cookie = cookie, .site = found->site, .tid = found->tid, .opened_ns = found->last_ns, .known_ns = now_ns});
    found->count--;
    return true;
}

/* ---- a look ---------------------------------------------------------------------------------- */

static void add_site(struct match_result *r, const struct match_call *c)
{
    for (unsigned i = 0; i < r->n && i < MATCH_SITES; i++)
        if (r->sites[i] == c->site) {
            r->tid = r->tid == c->tid ? c->tid : 0;
            r->opened_ns = c->first_ns < r->opened_ns ? c->first_ns : r->opened_ns;
            return;
        }
    if (r->n < MATCH_SITES)
        r->sites[r->n] = c->site;
    r->tid = r->n ? 0 : c->tid;
    r->opened_ns = !r->n || c->first_ns < r->opened_ns ? c->first_ns : r->opened_ns;
    r->n++;
}

/* Of calls that may have returned since SINCE_NS. True: of each of them it is known on what it was made. */
static bool add_sites(const struct match *m, const struct match_kind *kind, uint64_t since_ns, struct match_result *r)
{
    bool known = true;
    for (size_t i = 0; i < m->n_calls; i++) {
        const struct match_call *c = &m->calls[i];
        if (!fits(c, kind) || (c->ended_ns && c->ended_ns < since_ns))
            continue;
        known &= kind->call != CALL_ACCEPT || (kind->listener && c->kind.listener == kind->listener);
        add_site(r, c);
    }
    return known;
}

void match_find(struct match *m, uint64_t cookie, const struct match_kind *first, const struct match_kind *other, bool heir,
                struct match_result *r)
{
    uint64_t since = heir ? 0 : m->looked_ns;
    const struct match_exact *e = match_exact_of(m, cookie);
    *r = (struct match_result){0};
    if (e) {
        *r = (struct match_result){.n = 1, .sites = {e->site}, .exact = true, .asked = &e->asked, .tid = e->tid, .opened_ns = e->opened_ns};
        return;
    }
    bool known = add_sites(m, first, since, r);
    if (other && (!r->n || !known))
        add_sites(m, other, since, r);
}

void match_looked(struct match *m, uint64_t began_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_calls; i++) {
        struct match_call *c = &m->calls[i];
        bool over = !c->count || (c->ended_ns && c->ended_ns < m->looked_before_ns);
        if (over)
            continue;
        /* of those calls only what came after the look may bring a new socket; what it brought is in the table */
        if (c->first_ns < began_ns)
            c->first_ns = c->last_ns < began_ns ? c->last_ns : began_ns;
        m->calls[kept++] = *c;
    }
    m->n_calls = kept;
    place_all(m);
    if (m->n_exact)
        rebuild_exact(m, m->cap_exact, m->looked_before_ns);
    m->looked_before_ns = m->looked_ns;
    m->looked_ns = began_ns;
}

uint64_t match_address(const void *sockaddr, size_t size)
{
    const struct sockaddr *a = sockaddr;
    uint64_t h = 0;
    if (size >= sizeof(struct sockaddr_in) && a->sa_family == AF_INET)
        h = 1u << 16 | ((const struct sockaddr_in *)sockaddr)->sin_port;
    else if (size >= sizeof(struct sockaddr_in6) && a->sa_family == AF_INET6)
        h = 1u << 16 | ((const struct sockaddr_in6 *)sockaddr)->sin6_port; /* it may accept what has an IPv4 address */
    else if (size > offsetof(struct sockaddr_un, sun_path) && a->sa_family == AF_UNIX)
        h = hash_bytes(HASH_START, sockaddr, size);
    else if (size >= sizeof(struct sockaddr_vm) && a->sa_family == AF_VSOCK)
        h = 2ull << 32 | ((const struct sockaddr_vm *)sockaddr)->svm_port;
    return h;
}
