/* SPDX-License-Identifier: MIT */
/*
 * finding.c: one socket that is reported, as a slot of the state file and its detail describe it.
 *
 * Called for each slot when a report is made, by the agent and by the command.
 */
#include "finding.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "judge.h"
#include "textstack.h"
#include "variants.h"

static uint64_t unwatched_ns(const struct state_view *view)
{
    return atomic_load_explicit(&state_head(view)->unwatched_ns, memory_order_relaxed);
}

/* Nobody sees what the program calls now. */
static bool is_dormant(const struct state_view *view) { return !atomic_load_explicit(&state_head(view)->enabled, memory_order_relaxed); }

/* The stack SITE: its name, and the call that was made there. */
static uint64_t name_of(const struct state_view *view, state_ref ref, uint8_t *call)
{
    struct state_site_view site;
    if (!ref || !state_site_at(view, ref, &site))
        return 0;
    *call = (uint8_t)CALL_OF(site.site->call);
    return site.site->siteid;
}

bool finding_counts(const struct state_slot *slot)
{
    uint16_t f = atomic_load(&slot->flags);
    return !(f & SLOT_IGNORED) && (!(f & SLOT_INHERITED) || (f & (SLOT_USED | SLOT_LAST)));
}

/* socket(2) was mostly given 0: then it is the family's default for the type. */
static uint16_t protocol_of(const struct state_slot *slot)
{
    bool ip = slot->family == AF_INET || slot->family == AF_INET6;
    if (atomic_load(&slot->flags) & SLOT_MPTCP)
        return PROTOCOL_MPTCP;
    if (slot->protocol || !ip)
        return ip ? slot->protocol : 0;
    return SLOT_TYPE(slot) == SOCK_STREAM ? IPPROTO_TCP : SLOT_TYPE(slot) == SOCK_DGRAM ? IPPROTO_UDP : 0;
}

void finding_from_slot(struct finding *f, int fd, const struct state_slot *slot, const struct state_view *view)
{
    struct state_site_view site;
    const struct state_share *share = state_share_at(view, slot->share);
    uint16_t flags = atomic_load(&slot->flags) | (share ? (uint16_t)atomic_load(&share->told) : 0);
    *f = (struct finding){.fd = fd,
                          .kind = KIND_OPEN,
                          .origin = SLOT_ORIGIN(slot) < ORIGIN_COUNT ? (uint8_t)SLOT_ORIGIN(slot) : ORIGIN_UNSEEN,
                          .adopted = flags & SLOT_ADOPTED,
                          .used = flags & SLOT_USED,
                          .family = slot->family,
                          .type = (uint8_t)SLOT_TYPE(slot),
                          .protocol = protocol_of(slot),
                          .told_eof = flags & SLOT_TOLD_EOF,
                          .told_error = flags & SLOT_TOLD_ERROR,
                          .unwatched = slot_is_unwatched(slot, flags, unwatched_ns(view)) || is_dormant(view),
                          .tid = slot->tid,
                          .tag_number = slot->tag,
                          .told_site = atomic_load(&slot->told_site),
                          .told_errno = atomic_load(&slot->told_errno),
                          .opened_ns = slot->opened_ns,
                          .since_ns = slot->opened_ns};
    uint32_t refs = share ? atomic_load(&share->refs) : 1;
    f->descriptors = refs ? refs : 1;
    const struct state_family *family = state_family(view);
    if (f->origin == ORIGIN_INHERITED && (atomic_load(&slot->flags) & SLOT_LAST)) {
        f->parent = family->parent;
        f->parent_ended = atomic_load(&family->parent_ended);
    }
    if (slot->site && state_site_at(view, slot->site, &site)) {
        f->site = slot->site;
        f->siteid = site.site->siteid;
        f->call = (uint8_t)CALL_OF(site.site->call);
    }
    if (share && !f->told_site && atomic_load(&share->told)) { /* told by another of its descriptors */
        f->told_site = atomic_load(&share->told_site);
        f->told_errno = (uint8_t)atomic_load(&share->told_errno);
    }
    unsigned call = 0;
    if (f->told_site && state_site_at(view, f->told_site, &site)) {
        call = site.site->call;
        f->told_id = site.site->siteid;
        f->told_call = (uint8_t)CALL_OF(call);
    }
    f->failed = call ? call & CALL_FAILED : f->told_error;
    if (!call && f->told_eof && f->told_error) { /* of 0.1, which did not say of which of the two its stack is */
        f->told_site = 0;
        f->told_id = 0;
    }
}

void finding_from_held(struct finding *f, const struct state_held *h, const struct state_view *view)
{
    struct state_slot slot = {.protocol = h->protocol, .family = h->family, .type_origin = h->type_origin};
    *f = (struct finding){.fd = (int)h->fd,
                          .kind = KIND_HELD_BY_CHILD,
                          .origin = SLOT_ORIGIN(h) < ORIGIN_COUNT ? (uint8_t)SLOT_ORIGIN(h) : ORIGIN_UNSEEN,
                          .family = h->family,
                          .tcp_state = h->tcp_state,
                          .type = (uint8_t)SLOT_TYPE(h),
                          .protocol = protocol_of(&slot),
                          .past_grace = true,
                          .tid = h->tid,
                          .tag_number = h->tag,
                          .site = h->site,
                          .told_site = h->started,
                          .opened_ns = h->opened_ns,
                          .since_ns = h->since_ns,
                          .unread = h->unread,
                          .n_holders = h->n_holders,
                          .holders = h->holders,
                          .holder = h->holder,
                          .local = h->local,
                          .peer = h->peer};
    f->siteid = name_of(view, f->site, &f->call);
    f->told_id = name_of(view, f->told_site, &f->told_call);
    if (!f->siteid)
        f->site = 0;
    if (!f->told_id)
        f->told_site = 0;
}

/* ---- its life -------------------------------------------------------------------------------- */

static void add_event(struct finding *f, const struct state_view *view, enum event event, state_ref ref, bool inferred, bool elsewhere)
{
    struct state_site_view site;
    if (!ref || f->n_events == FINDING_EVENTS || !state_site_at(view, ref, &site))
        return;
    f->events[f->n_events++] = (struct finding_event){.siteid = site.site->siteid,
                                                      .site = ref,
                                                      .event = (uint8_t)event,
                                                      .call = (uint8_t)CALL_OF(site.site->call),
                                                      .inferred = inferred,
                                                      .elsewhere = elsewhere};
}

/* With frames of a runtime: many of them share one place of the native stack, and so one pair. */
static bool is_mixed(const struct state_view *view, state_ref ref)
{
    struct state_site_view site;
    unsigned n = state_site_at(view, ref, &site) ? site.nframes : 0;
    for (unsigned i = 0; i < n; i++)
        if (state_is_frame(site.pcs[i]))
            return true;
    return false;
}

/*
 * The use E of the socket GEN by the pair P. Of two stacks that were seen for one pair it was
 * either, unless one of them was walked for this very socket.
 */
static void add_use(struct finding *f, const struct state_view *view, uint32_t gen, const struct state_pair *p,
                    const struct finding_event *e)
{
    bool exact = p && atomic_load(&p->exact), walked[2] = {exact, false};
    for (unsigned i = 0; p && i < 2; i++)
        walked[i] |= atomic_load(&p->stack[i].fd) == (uint32_t)f->fd && atomic_load(&p->stack[i].gen) == gen;
    unsigned before = f->n_events;
    for (unsigned i = 0; p && i < 2; i++) {
        state_ref site = atomic_load(&p->stack[i].site);
        if ((walked[i] || !walked[!i]) && (exact || !is_mixed(view, site)))
            add_event(f, view, e->event, site, !walked[i], e->elsewhere);
    }
    for (unsigned i = before; i < f->n_events; i++) {
        f->events[i].either = f->n_events == before + 2;
        f->events[i].tid = e->tid;
    }
}

static void add_first_use(struct finding *f, const struct state_view *view, struct state_finder *find, uint32_t gen, enum event event,
                          uint64_t use, bool elsewhere)
{
    add_use(f, view, gen, state_pair_of(view, find, LIFE_FIRST(use)),
            &(struct finding_event){.event = (uint8_t)event, .elsewhere = elsewhere});
}

/* Returns the thread. Where it is not known which one opened it, the first thread is no news. */
static uint32_t add_last_use(struct finding *f, const struct state_view *view, struct state_finder *find, uint32_t gen, enum event event,
                             uint64_t use)
{
    const struct state_pair *p = state_pair_of(view, find, LIFE_LAST(use));
    uint32_t tid = p ? state_pair_thread(p, use) : 0, opener = f->tid ? f->tid : state_head(view)->pid;
    add_use(f, view, gen, p, &(struct finding_event){.event = (uint8_t)event, .elsewhere = tid && tid != opener, .tid = tid});
    return tid;
}

static void add_life(struct finding *f, const struct state_view *view, struct state_finder *find, const struct state_life *life)
{
    uint32_t gen = life->gen, rare = life->rare;
    f->told_elsewhere = rare & LIFE_TOLD_ELSEWHERE;
    add_event(f, view, EVENT_EPOLL_ADD, life->epoll_add, false, false);
    add_first_use(f, view, find, gen, EVENT_FIRST_RECEIVE, life->receive, rare & LIFE_RECEIVED_ELSEWHERE);
    add_first_use(f, view, find, gen, EVENT_FIRST_SEND, life->send, rare & LIFE_SENT_ELSEWHERE);
    add_event(f, view, EVENT_SHUTDOWN, rare & LIFE_RARE_REF, false, false);
    f->receive_tid = add_last_use(f, view, find, gen, EVENT_LAST_RECEIVE, life->receive);
    f->send_tid = add_last_use(f, view, find, gen, EVENT_LAST_SEND, life->send);
    if (!(rare & LIFE_ON_EPOLL))
        add_event(f, view, EVENT_EPOLL_DEL, life->epoll_del, rare & LIFE_DELETED_AGAIN, false);
}

void finding_add_life(struct finding *f, const struct state_slot *slot, const struct state_view *view, struct state_finder *find)
{
    struct state_life life;
    const struct state_share *share = state_share_at(view, slot->share);
    for (unsigned i = 0; share && i < STATE_SHARE_DUPS; i++)
        add_event(f, view, EVENT_DUP, atomic_load(&share->dup_site[i]), false, false);
    if (state_life_of(view, find, f->fd, slot, &life))
        add_life(f, view, find, &life);
    variants_ends(f, view, find);
}

void finding_from_closed(struct finding *f, const struct state_closed *c, unsigned kind, const struct state_view *view,
                         struct state_finder *find)
{
    struct state_site_view site;
    bool has_stack = c->told_site && state_site_at(view, c->told_site, &site);
    *f = (struct finding){.fd = (int)c->fd,
                          .kind = (uint8_t)kind,
                          .told_eof = c->told & CLOSED_TOLD_EOF,
                          .told_error = c->told & CLOSED_TOLD_ERROR,
                          .told_errno = c->error,
                          .told_site = has_stack ? c->told_site : 0};
    f->told_id = name_of(view, f->told_site, &f->told_call);
    f->failed = has_stack ? site.site->call & CALL_FAILED : f->told_error;
    add_life(f, view, find, &c->life);
    f->did = (LIFE_WORD(c->life.receive) != LIFE_FRESH ? 1u << EVENT_FIRST_RECEIVE | 1u << EVENT_LAST_RECEIVE : 0) |
             (LIFE_WORD(c->life.send) != LIFE_FRESH ? 1u << EVENT_FIRST_SEND | 1u << EVENT_LAST_SEND : 0) |
             (c->life.epoll_add || (c->life.rare & LIFE_ON_EPOLL) ? 1u << EVENT_EPOLL_ADD : 0) |
             (c->life.epoll_del ? 1u << EVENT_EPOLL_DEL : 0);
}

/* ---- a call after its close ------------------------------------------------------------------- */

static void set_use(struct finding *f, enum event event, state_ref site, unsigned error, const struct state_view *view)
{
    struct use_event *e = &f->uses[event - EVENT_CLOSED];
    struct state_site_view v;
    *e = (struct use_event){.error = (uint8_t)error, .happened = true};
    if (!site || !state_site_at(view, site, &v))
        return;
    e->site = site;
    e->siteid = v.site->siteid;
    e->call = (uint8_t)CALL_OF(v.site->call);
}

void finding_from_use(struct finding *f, const struct state_use *u, const struct state_view *view)
{
    struct state_site_view v;
    *f = (struct finding){.fd = (int)u->fd,
                          .kind = KIND_USE_AFTER_CLOSE,
                          .origin = u->origin < ORIGIN_COUNT ? u->origin : ORIGIN_UNSEEN,
                          .family = u->family,
                          .type = u->type,
                          .protocol = u->flags & USE_MPTCP ? PROTOCOL_MPTCP : u->protocol,
                          .tid = u->opened_tid,
                          .closed_tid = u->closed_tid,
                          .used_tid = u->used_tid,
                          .victim_tid = u->victim_tid,
                          .tag_number = u->tag,
                          .opened_ns = u->opened_ns,
                          .since_ns = u->used_ns,
                          .past_grace = true,
                          .descriptors = 1,
                          .local = u->local,
                          .peer = u->peer};
    if (u->opened && state_site_at(view, u->opened, &v)) {
        f->site = u->opened;
        f->siteid = v.site->siteid;
        f->call = (uint8_t)CALL_OF(v.site->call);
    }
    set_use(f, EVENT_CLOSED, u->closed, 0, view);
    if (u->victim_tid)
        set_use(f, EVENT_REOPENED, u->victim, 0, view);
    if (u->victim_epoll)
        set_use(f, EVENT_REOPENED_EPOLL_ADD, u->victim_epoll, 0, view);
    set_use(f, EVENT_USED, u->used, u->error, view);
    variants_ends(f, view, &(struct state_finder){0});
    if (!f->uses[EVENT_USED - EVENT_CLOSED].call)
        f->uses[EVENT_USED - EVENT_CLOSED].call = u->call < CALL_COUNT ? u->call : 0;
}

enum eof finding_eof(const struct finding *f, unsigned eof)
{
    if (f->told_eof)
        return EOF_READ;
    return eof == EOF_UNREAD && f->unwatched && !f->unread ? EOF_NONE : (enum eof)eof;
}

enum event finding_event(const struct finding *f)
{
    if (f->kind == KIND_HELD_BY_CHILD)
        return f->told_site ? EVENT_FORKED : EVENT_NONE;
    if (!f->told_eof && !f->told_error)
        return EVENT_NONE;
    if (!f->failed)
        return EVENT_EOF;
    /* EPIPE: of a send on a socket without a connection, which says nothing of a connect */
    bool of_connect = f->kind == KIND_NEVER_CONNECTED && f->told_errno != EPIPE;
    return f->told_call == CALL_CONNECT || of_connect ? EVENT_CONNECT_FAILED : EVENT_ERROR;
}

void finding_transfer_from(struct transfer *t, const struct state_detail *d)
{
    *t = (struct transfer){.received = 0};
    if (!d->tcp_state)
        return;
    struct state_transfer s = d->transfer;
    t->has_received = s.received != 0;
    t->received = s.received - t->has_received;
    t->has_sent = s.sent != 0;
    t->sent = s.sent - t->has_sent;
    t->moved_ns = s.moved_ns;
    t->waits = s.waits != 0;
}

void finding_transfer_to(struct state_detail *d, const struct transfer *t)
{
    if (!d->tcp_state)
        return;
    d->transfer = (struct state_transfer){.received = t->has_received ? t->received + 1 : 0,
                                          .sent = t->has_sent ? t->sent + 1 : 0,
                                          .moved_ns = t->moved_ns,
                                          .waits = t->waits};
}

static bool is_any_address(const char *text) { return strncmp(text, "0.0.0.0:", 8) == 0 || strncmp(text, "[::]:", 5) == 0; }

void finding_from_detail(struct finding *f, const struct state_detail *d)
{
    f->kind = d->kind;
    f->how = d->how;
    f->tcp_state = d->tcp_state;
    f->past_grace = d->past_grace;
    f->never = d->kind == KIND_NEVER_CONNECTED && detail_never(d) < NEVER_COUNT ? (uint8_t)detail_never(d) : NEVER_NONE;
    if (f->never == NEVER_REFUSED) {
        f->never = NEVER_FAILED;
        f->asked_errno = ECONNREFUSED;
        f->error_inferred = true;
    }
    /* a connect that fails leaves the port that it was given, and no address */
    if (f->never == NEVER_BOUND && f->unwatched && is_any_address(d->local))
        f->never = NEVER_ADDRESS;
    f->until_exit = detail_is_until_exit(d);
    f->since_ns = d->since_ns;
    f->unread = d->unread;
    finding_transfer_from(&f->transfer, d);
    f->eof = (uint8_t)(d->eof == EOF_NONE ? EOF_NONE : finding_eof(f, d->eof));
    f->local = d->local;
    f->peer = d->peer;
}

void finding_from_attempt(struct finding *f, const struct state_attempt *a)
{
    if (a->call == ATTEMPT_DISCONNECT)
        return;
    f->asked_errno = a->error;
    if (a->error && !f->told_error)
        f->told_errno = a->error;
    f->asked = a->address;
    if (a->call == ATTEMPT_CONNECT && !(f->peer && *f->peer))
        f->peer = f->asked;
}

void finding_put_target(struct out *o, const struct finding *f)
{
    bool local = f->never == NEVER_BIND_FAILED || f->never == NEVER_LISTEN_FAILED;
    unsigned error = finding_error(f);
    const char *address = local ? f->asked : f->peer;
    if (address && *address) {
        out_str(o, local ? " " : " to ");
        text_clean(o, address);
    }
    if (!error)
        return;
    const char *name = errno_name(error);
    if (name)
        out_fmt(o, " (%s)", name);
    else
        out_fmt(o, " (error %u)", error);
}

bool finding_is_from_outside(const struct finding *f)
{
    bool strange = f->adopted && !f->used;
    bool never_used = f->parent && f->kind == KIND_NEVER_CONNECTED;
    return f->origin == ORIGIN_INHERITED && (f->fd <= 2 || strange || never_used) && !f->past_grace;
}

const char *finding_state(const struct finding *f)
{
    if (f->kind == KIND_CLOSE_WAIT)
        return tcp_state_name(ST_CLOSE_WAIT);
    if (f->kind == KIND_FIN_WAIT_2 && f->tcp_state != ST_FIN_WAIT_1)
        return tcp_state_name(ST_FIN_WAIT_2);
    return tcp_state_name(f->tcp_state);
}
