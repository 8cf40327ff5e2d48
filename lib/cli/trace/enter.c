/* SPDX-License-Identifier: MIT */
/*
 * enter.c: from a socket that was found to its slot: whose it is, and where it was opened.
 *
 * Called by look.c, with no stopped call waiting to be walked: all that was let go is in the match.
 */
#include "enter.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/kinds.h"
#include "../base/now.h"
#include "probe.h"
#include "state_sites.h"

#define KIND_OF_ORIGIN(call) \
    ((call) == CALL_SOCKETPAIR ? ORIGIN_SOCKETPAIR : (call) == CALL_ACCEPT || (call) == CALL_ACCEPT4 ? ORIGIN_ACCEPT : ORIGIN_SOCKET)

static unsigned call_at(const struct process *p, state_ref site)
{
    const struct state_site *s = state_writer_at(p->file, site);
    return s ? s->call : CALL_UNKNOWN;
}

/*
 * As what the socket may have been made: accepted, where it has a peer and its connect was not seen;
 * else by socket or socketpair. HEIR: it was found in a child of P.
 */
static void find_call(struct process *p, const struct probe_identity *id, uint64_t cookie, bool heir, struct match_result *r)
{
    struct match_kind made = {.call = CALL_SOCKET,
                              .family = (uint8_t)id->family,
                              .type = (uint8_t)id->type,
                              .protocol = id->family == AF_UNIX ? 0 : (uint16_t)id->protocol};
    struct match_kind accepted = {.call = CALL_ACCEPT, .listener = match_address(&id->local, id->local_size)};
    struct match_kind paired = {.call = CALL_SOCKETPAIR, .family = made.family, .type = made.type};
    bool nameless = id->local_size <= sizeof(sa_family_t), local = id->family == AF_UNIX;
    if (!id->has_peer)
        match_find(&p->match, cookie, &made, local ? &paired : &accepted, heir, r);
    else if (local && nameless)
        match_find(&p->match, cookie, &paired, &accepted, heir, r);
    else
        match_find(&p->match, cookie, &accepted, &made, heir, r);
}

/* The site of a socket that R tells of: one, one of several, or none. */
static state_ref site_of(struct process *p, const struct match_result *r)
{
    if (r->n > 1 && r->n <= MATCH_SITES)
        return state_sites_either(p->file, r->sites, r->n);
    return r->n == 1 ? r->sites[0] : 0;
}

static void describe(struct state_slot *s, const struct probe_identity *id, unsigned origin)
{
    s->family = (uint8_t)id->family;
    s->type_origin = (uint8_t)(id->type | (int)(origin << 4));
    s->protocol = (uint8_t)id->protocol;
    uint16_t bits = atomic_load(&s->flags);
    bits |= id->protocol == PROTOCOL_MPTCP ? SLOT_MPTCP : 0;
    bits |= id->has_peer ? SLOT_CONNECTED : 0;
    atomic_store(&s->flags, bits);
}

static bool put_slot(struct process *p, int fd, uint64_t cookie, struct state_slot *set)
{
    struct state_slot *slot = state_writer_slot(p->file, fd, true);
    if (!slot)
        return false;
    atomic_store(&set->cookie, cookie);
    state_writer_enter(slot, set);
    return true;
}

static bool put(struct looks *all, struct process *p, int fd, uint64_t cookie, struct state_slot *set)
{
    if (!put_slot(p, fd, cookie, set))
        return false;
    owners_add(&all->owners, &(struct owner){.cookie = cookie, .pid = p->pid, .fd = fd, .site = set->site, .opened_ns = set->opened_ns});
    return true;
}

/* ---- a copy by dup --------------------------------------------------------------------------- */

static struct state_share *share_of(struct process *p, struct state_slot *first)
{
    state_ref ref;
    struct state_share *share = state_writer_at(p->file, first->share);
    if (share)
        return share;
    share = state_writer_alloc(p->file, EXTENT_SHARES, 1, &ref);
    if (!share)
        return NULL;
    atomic_store(&share->refs, 1);
    first->share = ref;
    return share;
}

static void add_dup(struct process *p, struct state_share *share, uint64_t cookie)
{
    struct match_result r;
    match_find(&p->match, 0, &(struct match_kind){.call = CALL_DUP, .listener = cookie}, NULL, false, &r);
    state_ref site = r.n == 1 ? r.sites[0] : 0;
    for (unsigned i = 0; site && i < STATE_SHARE_DUPS; i++) {
        state_ref has = atomic_load(&share->dup_site[i]);
        if (has == site)
            return;
        if (!has) {
            atomic_store(&share->dup_site[i], site);
            return;
        }
    }
}

static bool enter_copy(struct process *p, int fd, const struct owner *o)
{
    struct state_slot *first = state_writer_slot(p->file, o->fd, false), set;
    struct state_share *share = first ? share_of(p, first) : NULL;
    if (!share)
        return false;
    add_dup(p, share, o->cookie);
    atomic_fetch_add(&share->refs, 1);
    memcpy(&set, first, sizeof set);
    return put_slot(p, fd, o->cookie, &set);
}

/* ---- from another process -------------------------------------------------------------------- */

/* P has the socket from FROM, which has closed it or has ended: SET and P's file say so. */
static void set_heir(struct process *p, const struct process *from, struct state_slot *set)
{
    struct state_family *family = (struct state_family *)(void *)(p->file->base + STATE_FAMILY_OFFSET);
    /* a program that was executed since has not asked for it: it is nobody's leak while it is young */
    atomic_fetch_or(&set->flags, SLOT_INHERITED | SLOT_LAST | (p->program == from->program ? 0 : SLOT_ADOPTED));
    family->parent = (uint32_t)from->pid;
    family->parent_start = from->start_ticks;
    atomic_store(&family->parent_ended, from->ended);
    atomic_store(&p->file->head->inherited_from, (uint32_t)from->pid);
}

static bool take_over(struct looks *all, struct process *p, int fd, int copy, const struct owner *o)
{
    struct probe_identity id;
    struct state_slot set = {.opened_ns = o->opened_ns};
    const struct process *from = all->processes->first;
    uint64_t cookie = o->cookie;
    while (from && from->pid != o->pid)
        from = from->next;
    if (!from || !process_file(all->processes, p))
        return false;
    set.site = from->file ? state_sites_copy(p->file, from->file, o->site) : 0;
    set_heir(p, from, &set);
    probe_identify(copy, &id);
    describe(&set, &id, ORIGIN_INHERITED);
    if (!put(all, p, fd, cookie, &set))
        return false;
    state_sites_opened(p->file, set.site, 1);
    return true;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* The process whose call has made the socket: P, or the one that has forked it; R: by which calls. NULL: none is known. */
static struct process *find_maker(struct looks *all, struct process *p, const struct probe_identity *id, uint64_t cookie,
                                  struct match_result *r)
{
    find_call(p, id, cookie, false, r);
    struct process *parent = r->n ? NULL : processes_find(all->processes, p->parent);
    if (r->n)
        return p;
    if (parent)
        find_call(parent, id, cookie, true, r);
    return r->n && parent->file ? parent : NULL;
}

static bool enter_new(struct looks *all, struct process *p, int fd, int copy, uint64_t cookie, bool again)
{
    struct probe_identity id;
    struct match_result r;
    struct state_slot set = {.opened_ns = 0};
    probe_identify(copy, &id);
    struct process *maker = find_maker(all, p, &id, cookie, &r);
    bool own = maker && maker == p;
    /* a parent that still has it will be found to have it at the next look, for parents come first */
    if ((!own && !again) || !process_file(all->processes, p))
        return false;
    set.tid = (uint32_t)r.tid;
    set.opened_ns = maker ? r.opened_ns : now_mono_ns();
    unsigned origin = maker ? KIND_OF_ORIGIN(call_at(maker, r.sites[0])) : ORIGIN_UNSEEN;
    set.site = maker ? site_of(maker, &r) : 0;
    if (maker && !own) {
        set.site = state_sites_copy(p->file, maker->file, set.site);
        set_heir(p, maker, &set);
    }
    if (own && r.opened_ns < p->executed_ns)
        origin = ORIGIN_BEFORE_EXEC;
    if (!maker)
        atomic_store(&set.flags, SLOT_ADOPTED);
    describe(&set, &id, own || !maker ? origin : ORIGIN_INHERITED);
    bool connects = r.asked && r.asked->at_ns;
    if (connects)
        atomic_fetch_or(&set.flags, SLOT_CONNECTING);
    if (!put(all, p, fd, cookie, &set))
        return false;
    if (connects && own && (p->seen[fd].asked = malloc(sizeof *r.asked)))
        *p->seen[fd].asked = *r.asked;
    /* calls of socket are counted when they are made, whatever becomes of them; of the others the sockets */
    if (!own || origin == ORIGIN_ACCEPT || r.n != 1)
        state_sites_opened(p->file, set.site, 1);
    return true;
}

bool enter_socket(struct looks *all, struct process *p, int fd, int copy, uint64_t cookie, bool again)
{
    const struct owner *o = owners_find(&all->owners, cookie);
    if (!o || (o->pid == p->pid && o->closed))
        return enter_new(all, p, fd, copy, cookie, again);
    if (o->pid == p->pid)
        return o->fd != fd && p->file ? enter_copy(p, fd, o) : false;
    return o->pid && o->closed ? take_over(all, p, fd, copy, o) : false;
}

void enter_leave(struct looks *all, struct process *p, int fd)
{
    struct state_slot *slot = state_writer_slot(p->file, fd, false);
    process_forget_seen(&p->seen[fd]);
    if (!slot)
        return;
    uint64_t cookie = atomic_load(&slot->cookie);
    struct owner *o = owners_find(&all->owners, cookie);
    struct state_share *share = state_writer_at(p->file, slot->share);
    uint32_t left = share ? atomic_fetch_sub(&share->refs, 1) - 1 : 0;
    state_ref site = slot->site;
    state_writer_leave(p->file, slot);
    if (left) {
        /* another descriptor stands for it from now on */
        for (size_t i = 0; o && o->fd == fd && i < p->n_seen; i++)
            if (i != (size_t)fd && p->seen[i].entered && p->seen[i].cookie == cookie)
                o->fd = (int)i;
        return;
    }
    state_sites_closed(p->file, site);
    if (o && o->pid == p->pid) {
        o->closed = true;
        o->closed_ns = now_mono_ns();
    }
}
