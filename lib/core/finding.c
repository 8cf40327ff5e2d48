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
