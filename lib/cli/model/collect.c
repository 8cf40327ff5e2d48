/* SPDX-License-Identifier: MIT */
/*
 * collect.c: which sockets of a state file are findings.
 *
 * Called by model.c. The watcher's details are the judgement. To it this file adds, for a process
 * that is gone, what happened since the last look; for one that lives it takes away what the kernel
 * does not confirm (confirm.c).
 */
#include "collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../core/finding.h"
#include "../../core/hash.h"
#include "../../core/judge.h"
#include "../kernel/procfs.h"
#include "confirm.h"

/*
 * For what happened after the last look, or before the first: the kind of a socket from what the
 * program's own calls returned. If a call returned the end or an error and the socket is still
 * open, it is stuck. Only what is certain without asking the kernel counts.
 */
static bool infer(const struct state_slot *s, struct finding *f)
{
    unsigned type = SLOT_TYPE(s);
    bool tcp = s->family == AF_INET || s->family == AF_INET6;
    if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
        return false;
    f->since_ns = s->told_ns > s->opened_ns ? s->told_ns : s->opened_ns;
    if (s->flags & SLOT_TOLD_ERROR) {
        f->kind = s->flags & SLOT_CONNECTED ? KIND_DEAD : KIND_NEVER_CONNECTED;
        if (f->kind == KIND_NEVER_CONNECTED && s->told_errno != EPIPE) /* of a send on it, which is no connect */
            f->never = NEVER_FAILED;
        if (f->kind == KIND_DEAD)
            f->how = s->told_errno == ETIMEDOUT ? HOW_TIMEOUT : HOW_RESET;
        f->tcp_state = tcp ? ST_CLOSE : ST_NONE;
        return true;
    }
    if (!(s->flags & SLOT_TOLD_EOF))
        return false;
    f->eof = finding_eof(f, EOF_UNREAD);
    if (!tcp) {
        f->kind = KIND_HANGUP;
        return s->family != 0;
    }
    if (s->flags & SLOT_SHUT_WR) {
        f->kind = KIND_DEAD;
        f->how = HOW_FINISHED;
        f->tcp_state = ST_CLOSE;
    } else {
        f->kind = KIND_CLOSE_WAIT;
        f->tcp_state = ST_CLOSE_WAIT;
    }
    return true;
}

/* A text field of a file that may be damaged, with an end; NULL: empty. */
static const char *field(struct model *m, const char *text, size_t room)
{
    char copy[sizeof(((struct state_detail *)NULL)->local)];
    state_string(copy, sizeof copy, text, room);
    return copy[0] ? arena_string(&m->arena, copy) : NULL;
}

struct collection {
    struct model *m;
    const struct loaded_file *l;
    const struct model_options *o;
    struct confirm *confirm; /* NULL: the process is gone, or may not be looked into */
    uint32_t kinds;
    uint64_t min_age_ns;
    size_t cap;
    struct state_finder find;
    uint64_t *seen; /* open addressing; 0: free */
    size_t n_seen, cap_seen;
};

/* The watcher has seen this very socket. */
static bool was_looked_at(const struct state_slot *s) { return s->watch_gen == SLOT_GEN(s->word) && s->cookie; }

static uint64_t *seen_place(uint64_t *seen, size_t cap, uint64_t key)
{
    size_t i = (size_t)(hash_spread(key) >> 32) & (cap - 1);
    while (seen[i] && seen[i] != key)
        i = (i + 1) & (cap - 1);
    return &seen[i];
}

/* Several descriptors of one open socket are one finding, under the first of them. */
static bool is_counted_already(struct collection *c, const struct state_slot *s)
{
    uint64_t key = was_looked_at(s) ? s->cookie : s->share ? (uint64_t)1 << 63 | s->share : 0;
    if (!key)
        return false;
    if (2 * (c->n_seen + 1) > c->cap_seen) {
        size_t cap = c->cap_seen ? c->cap_seen * 2 : 1024;
        uint64_t *more = arena_grow(NULL, cap, sizeof *more);
        memset(more, 0, cap * sizeof *more);
        for (size_t i = 0; i < c->cap_seen; i++)
            if (c->seen[i])
                *seen_place(more, cap, c->seen[i]) = c->seen[i];
        free(c->seen);
        c->seen = more;
        c->cap_seen = cap;
    }
    uint64_t *at = seen_place(c->seen, c->cap_seen, key);
    bool again = *at != 0;
    c->n_seen += !again;
    *at = key;
    return again;
}

static uint64_t age_of(uint64_t now, uint64_t then) { return now > then ? now - then : 0; }

/*
 * Its kind and all that goes with it: from the watcher's detail, else from the program's own calls.
 * *INODE is as the last look saw it, 0 unknown. False: the slot was given to another socket while
 * we copied.
 */
static bool fill_state(struct collection *c, struct finding *f, const struct state_slot *s, uint64_t *inode)
{
    const struct state_detail *live = state_slot_detail(&c->l->view, s);
    *inode = 0;
    if (live) {
        struct state_detail d;
        memcpy(&d, live, sizeof d);
        if (!state_slot_detail(&c->l->view, s))
            return false;
        *inode = d.inode;
        if (d.kind < KIND_COUNT) {
            finding_from_detail(f, &d);
            f->local = field(c->m, d.local, sizeof d.local);
            f->peer = field(c->m, d.peer, sizeof d.peer);
        }
        /* of one that was open at the last look, its calls tell what came after */
        if (d.kind == KIND_OPEN && !load_is_live(c->l) && s->flags & (SLOT_TOLD_EOF | SLOT_TOLD_ERROR))
            infer(s, f);
    } else if (!load_is_live(c->l) || (!was_looked_at(s) && s->family != AF_UNIX)) {
        infer(s, f); /* of a live one the kernel is asked below */
    }
    return true;
}

static void add_attempt(struct collection *c, struct finding *f, const struct state_slot *s)
{
    const struct state_attempt *live = f->kind == KIND_NEVER_CONNECTED ? state_attempt_of(&c->l->view, f->fd, s) : NULL;
    if (!live)
        return;
    struct state_attempt a;
    memcpy(&a, live, sizeof a);
    finding_from_attempt(f, &a);
    f->asked = field(c->m, a.address, sizeof a.address);
    if (f->peer == a.address)
        f->peer = f->asked;
}

/* Counts F where a rule for single sockets leaves it out. */
static bool is_suppressed(struct collection *c, const struct finding *f)
{
    struct suppression *rule = suppress_socket(c->o->rules, c->o->n_rules, f);
    if (!rule)
        rule = suppress_socket(c->o->own, c->o->n_own, f);
    if (!rule)
        return false;
    rule->sockets++;
    c->m->report.suppressed += !rule->builtin;
    return true;
}

static void add_finding(struct collection *c, const struct finding *f)
{
    struct model *m = c->m;
    if (m->n_findings == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        m->findings = arena_grow(m->findings, c->cap, sizeof *m->findings);
    }
    m->findings[m->n_findings++] = *f;
}

static const char *tag_of(const struct collection *c, unsigned number)
{
    char tag[64];
    state_tag_at(&c->l->view, number, tag);
    return tag[0] ? arena_string(&c->m->arena, tag) : NULL;
}

static bool is_wanted(const struct collection *c, int fd) { return !c->o->only_fd || *c->o->only_fd == fd; }

static void collect_slot(struct collection *c, int fd, const struct state_slot *s)
{
    struct model *m = c->m;
    struct finding f;
    struct confirm_slot slot = {.looked_at = was_looked_at(s), .was_connected = s->flags & SLOT_CONNECTED, .type = SLOT_TYPE(s)};
    if (c->l->life == LIFE_EXECED && s->flags & SLOT_CLOEXEC) /* exec has closed it */
        return;
    m->tracked++;
    if (c->confirm)
        confirm_recorded(c->confirm, fd);
    if (!is_wanted(c, fd))
        return;
    if (!finding_counts(s)) {
        const struct state_detail *d = state_slot_detail(&c->l->view, s);
        m->of_others += !(s->flags & SLOT_IGNORED) && d && d->kind < KIND_COUNT && c->kinds & KIND_BIT(d->kind);
        return;
    }
    finding_from_slot(&f, fd, s, &c->l->view);
    if (!fill_state(c, &f, s, &slot.inode))
        return;
    f.tag = tag_of(c, s->tag);
    f.inode = slot.inode;
    uint8_t seen = f.kind;
    bool held = !c->confirm || confirm_socket(c->confirm, &f, &slot, c->kinds & KIND_BIT(KIND_OPEN));
    if (seen != KIND_OPEN && c->kinds & KIND_BIT(seen) && (!held || f.kind == KIND_OPEN))
        m->unconfirmed++;
    /* Standard descriptors that came from outside are not this program's to close. */
    if (!load_is_live(c->l) && finding_is_from_outside(&f))
        return;
    if (!held || !(c->kinds & KIND_BIT(f.kind)))
        return;
    bool young = age_of(m->report.now_ns, f.since_ns) < c->min_age_ns;
    if ((young && f.kind == KIND_OPEN) || is_counted_already(c, s))
        return;
    if (young) {
        young_add(&m->young, &f);
        return;
    }
    add_attempt(c, &f, s);
    finding_add_life(&f, s, &c->l->view, &c->find);
    if (!is_suppressed(c, &f))
        add_finding(c, &f);
}

/* One that the process has closed, and that another one kept open at the last look. */
static void collect_held(struct collection *c, const struct state_held *h)
{
    struct model *m = c->m;
    struct finding f;
    finding_from_held(&f, h, &c->l->view);
    f.tag = tag_of(c, h->tag);
    /* in another pid namespace its holders have other numbers */
    bool confirms = c->confirm && state_head(&c->l->view)->pid == (uint32_t)c->l->pid;
    f.local = field(m, h->local, sizeof h->local);
    f.peer = field(m, h->peer, sizeof h->peer);
    struct state_holder *holder = arena_array(&m->arena, STATE_HOLDERS, sizeof *holder);
    unsigned n = 0;
    for (unsigned i = 0; i < h->n_holders; i++) {
        if (confirms && !procfs_holds((pid_t)h->holder[i].pid, h->holder[i].fd, (uint32_t)h->inode))
            continue;
        holder[n] = h->holder[i];
        state_string(holder[n].exe, sizeof holder[n].exe, h->holder[i].exe, sizeof h->holder[i].exe);
        n++;
    }
    f.holder = holder;
    f.n_holders = (uint8_t)n;
    f.holders -= f.holders > h->n_holders - n ? h->n_holders - n : f.holders;
    if (!n) {
        m->unconfirmed++;
        return;
    }
    if (age_of(m->report.now_ns, f.since_ns) < c->min_age_ns)
        young_add(&m->young, &f);
    else if (!is_suppressed(c, &f))
        add_finding(c, &f);
}

static void collect_use(struct collection *c, const struct state_use *live)
{
    struct state_use u;
    struct finding f;
    memcpy(&u, live, sizeof u);
    finding_from_use(&f, &u, &c->l->view);
    f.local = field(c->m, u.local, sizeof u.local);
    f.peer = field(c->m, u.peer, sizeof u.peer);
    f.tag = tag_of(c, u.tag);
    if (!is_suppressed(c, &f))
        add_finding(c, &f);
}

void collect_findings(struct model *m, const struct loaded_file *l, const struct model_options *o)
{
    const struct state_header *h = state_head(&l->view);
    bool live = load_is_live(l);
    struct collection c = {.m = m, .l = l, .o = o, .kinds = o->kinds ? o->kinds : load_relaxed32(&h->kinds) & KINDS_ALL};
    if (!c.kinds)
        c.kinds = KINDS_DEFAULT;
    m->kinds = c.kinds;
    c.min_age_ns = o->min_age_set ? o->min_age_ns : live ? load_relaxed64(&h->grace_ns) : 0;
    if (live)
        c.confirm = confirm_begin(l, &m->arena);
    m->checked = c.confirm != NULL;
    m->min_age_ns = c.min_age_ns;
    m->descriptors = c.confirm ? confirm_descriptors(c.confirm) : 0;
    uint64_t pos = 0;
    struct state_slot slot;
    for (int fd; state_next_slot(&l->view, &pos, &fd, &slot);)
        collect_slot(&c, fd, &slot);
    struct state_held held;
    pos = 0;
    while (c.kinds & KIND_BIT(KIND_HELD_BY_CHILD) && state_next_held(&l->view, &pos, &held))
        if (is_wanted(&c, (int)held.fd))
            collect_held(&c, &held);
    pos = 0;
    for (const struct state_use *u; c.kinds & KIND_BIT(KIND_USE_AFTER_CLOSE) && (u = state_next_use(&l->view, &pos)) != NULL;)
        if (is_wanted(&c, (int)u->fd))
            collect_use(&c, u);
    m->unjudged = c.confirm ? confirm_unjudged(c.confirm) : 0;
    m->unrecorded = c.confirm && !l->answered ? confirm_unrecorded(c.confirm, m->unrecorded_by_kind) : 0;
    m->unrecorded_untold = c.confirm ? confirm_unjudged(c.confirm) - m->unjudged : 0;
    young_end(&m->young);
    confirm_end(c.confirm);
    free(c.seen);
}
