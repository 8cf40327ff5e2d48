/* SPDX-License-Identifier: MIT */
/*
 * select.c: which sockets of the live table a report is of.
 *
 * Called with the watch lock held, right after the sockets were checked: the kinds are those of the
 * details. Open sockets alone are asked again.
 */
#include "select.h"

#include <string.h>

#include "../../core/finding.h"
#include "../../core/hash.h"
#include "../../core/judge.h"
#include "../base/clock.h"
#include "../table/table.h"
#include "../track/held.h"
#include "../track/hold.h"
#include "../track/probe.h"
#include "counts.h"
#include "uses.h"

/* Several descriptors of one open socket are one finding, under the lowest number. */
struct seen {
    uint64_t *cookie;
    size_t room;
};

static bool seen_again(struct seen *seen, uint64_t cookie)
{
    if (!cookie || !seen->cookie)
        return false;
    size_t i = (hash_spread(cookie) >> 32) & (seen->room - 1);
    while (seen->cookie[i] && seen->cookie[i] != cookie)
        i = (i + 1) & (seen->room - 1);
    bool again = seen->cookie[i] == cookie;
    seen->cookie[i] = cookie;
    return again;
}

static bool is_selected(const struct selection *s, const struct state_slot *slot)
{
    return (s->all_held || finding_counts(slot)) && slot->opened_ns >= s->since_ns && (!s->tid || slot->tid == s->tid) &&
           (!s->tag || slot->tag == s->tag);
}

static bool due(const struct selection *s, const struct state_slot *slot, const struct state_detail *d)
{
    if (!s->due_only)
        return true;
    const struct counts *t = d->past_grace ? counts_of(slot->site, d->kind) : NULL;
    return t && counts_is_due(t);
}

static bool open_now(struct finding *f, int fd, const struct state_slot *slot, char local[96], char peer[96])
{
    struct observation o;
    if (!hold_live(fd, atomic_load(&slot->word)))
        return false;
    long r = probe(fd, slot, -1, &o);
    if (r >= 0)
        probe_addresses(fd, local, peer);
    hold_end();
    if (r < 0 || judge(&o).kind != KIND_OPEN)
        return false;
    f->family = (uint8_t)o.family;
    f->tcp_state = (uint8_t)o.tcp_state;
    f->unread = o.unread;
    f->transfer = o.transfer;
    /* Nobody saw an adopted socket opened: only how long no byte has moved is known. */
    if (f->adopted && o.idle_ns && o.idle_ns < clock_now())
        f->since_ns = clock_now() - o.idle_ns;
    f->local = local;
    f->peer = peer;
    return true;
}

/*
 * Fills in the kind; false: S does not ask for it now. LOCAL and PEER: room for the addresses of an
 * open socket.
 */
static bool judged(const struct selection *s, struct finding *f, const struct state_slot *slot, const struct state_detail *d, uint64_t now,
                   char local[96], char peer[96])
{
    if (!d)
        return (s->kinds & KIND_BIT(KIND_OPEN)) && !s->due_only && now >= slot->opened_ns + s->min_ns &&
               open_now(f, f->fd, slot, local, peer);
    if (!(s->kinds & KIND_BIT(d->kind)) || now < d->since_ns + s->min_ns || !due(s, slot, d))
        return false;
    finding_from_detail(f, d);
    return true;
}

/* Names the socket, the same for all its descriptors; 0: the kernel does not say. */
static uint64_t cookie_of(int fd, const struct state_slot *slot)
{
    bool stamped = atomic_load(&slot->watch_gen) == SLOT_GEN(atomic_load(&slot->word));
    if (stamped || !hold_live(fd, atomic_load(&slot->word)))
        return stamped ? atomic_load(&slot->cookie) : 0;
    uint64_t cookie = probe_cookie(fd);
    hold_end();
    return cookie;
}

static bool use_selected(const struct selection *s, const struct state_use *u)
{
    bool tid = !s->tid || u->opened_tid == s->tid || u->used_tid == s->tid;
    bool due = !s->due_only || (u->used_ns <= s->used_until_ns && !atomic_load(&u->reported));
    return tid && due && u->used_ns >= s->since_ns && (!s->tag || u->tag == s->tag);
}

static size_t each_use(const struct selection *s, const struct state_view *view, select_fn *call, void *arg)
{
    size_t n = 0;
    uint64_t pos = 0;
    const struct state_use *u;
    while (s->kinds & KIND_BIT(KIND_USE_AFTER_CLOSE) && (u = state_next_use(view, &pos)) != NULL) {
        struct finding f;
        char tag[64];
        if (!use_selected(s, u))
            continue;
        finding_from_use(&f, u, view);
        state_tag_at(view, u->tag, tag);
        f.tag = tag[0] ? tag : NULL;
        n++;
        if (call)
            call(arg, &f);
    }
    return n;
}

/* Calls back for each socket that S selects, in the order of descriptors. */
static size_t each(const struct selection *s, struct seen *seen, uint64_t *young, select_fn *call, void *arg)
{
    struct state_view view = table_view();
    struct state_finder find = {0};
    uint64_t now = clock_now();
    size_t n = 0;
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
        struct state_slot slot;
        struct finding f;
        char local[96], peer[96], tag[64];
        if (!state_copy_slot(slot_of(fd), &slot) || !is_selected(s, &slot))
            continue;
        finding_from_slot(&f, fd, &slot, &view);
        if (!judged(s, &f, &slot, state_slot_detail(&view, &slot), now, local, peer) || (s->at_exit && finding_is_from_outside(&f)) ||
            seen_again(seen, cookie_of(fd, &slot)))
            continue;
        if (s->peer && (!f.peer || strcmp(f.peer, s->peer) != 0))
            continue;
        if (f.kind != KIND_OPEN && now < f.since_ns + s->young_ns) {
            *young += 1;
            continue;
        }
        if (!f.family) {
            struct identity id;
            bool held = hold_live(fd, atomic_load(&slot.word));
            if (held && probe_identity(fd, &id) == 0) {
                f.family = (uint8_t)id.family;
                f.type = (uint8_t)id.type;
                f.protocol = (uint16_t)id.protocol;
            }
            if (held)
                hold_end();
        }
        state_tag_at(&view, slot.tag, tag);
        f.tag = tag[0] ? tag : NULL;
        const struct state_attempt *a = f.kind == KIND_NEVER_CONNECTED ? state_attempt_of(&view, fd, &slot) : NULL;
        if (a)
            finding_from_attempt(&f, a);
        n++;
        if (!call)
            continue;
        finding_add_life(&f, &slot, &view, &find);
        call(arg, &f);
    }
    return n + each_use(s, &view, call, arg);
}

/* As each, for those that this process has closed and another one keeps open. */
static size_t each_held(const struct selection *s, select_fn *call, void *arg)
{
    struct state_view view = table_view();
    uint64_t now = clock_now();
    size_t n = 0;
    const struct state_held *h;
    if (!(s->kinds & KIND_BIT(KIND_HELD_BY_CHILD)))
        return 0;
    for (int i = -1; (h = held_next(&i));) {
        struct finding f;
        char tag[64];
        if (atomic_load(&h->phase) != HELD_KEPT || h->opened_ns < s->since_ns || (s->tid && h->tid != s->tid) ||
            (s->tag && h->tag != s->tag) || now < h->since_ns + s->min_ns)
            continue;
        const struct counts *t = counts_of(h->site, KIND_HELD_BY_CHILD);
        if (s->due_only && !(t && counts_is_due(t)))
            continue;
        finding_from_held(&f, h, &view);
        state_tag_at(&view, h->tag, tag);
        f.tag = tag[0] ? tag : NULL;
        n++;
        if (call)
            call(arg, &f);
    }
    return n;
}

static bool make_seen(struct scratch **scratch, struct seen *seen, size_t slots)
{
    for (seen->room = 64; seen->room < slots * 2 + 64;)
        seen->room *= 2;
    seen->cookie = scratch_get(scratch, seen->room * sizeof *seen->cookie);
    return seen->cookie != NULL;
}

size_t select_most(void)
{
    size_t n = uses_count() + HELD_MAX + 64; /* and what is opened meanwhile */
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1))
        n++;
    return n;
}

bool select_each(const struct selection *s, struct scratch **scratch, struct selected *found, select_fn *call, void *arg)
{
    struct seen seen;
    bool ok = make_seen(scratch, &seen, select_most());
    *found = (struct selected){.n = 0};
    found->n = each(s, &seen, &found->young, call, arg) + each_held(s, call, arg);
    return ok;
}

bool select_count(const struct selection *s, size_t *n)
{
    struct scratch *scratch = NULL;
    struct selected found;
    bool ok = select_each(s, &scratch, &found, NULL, NULL);
    *n = found.n;
    scratch_free(&scratch);
    return ok || !*n;
}
