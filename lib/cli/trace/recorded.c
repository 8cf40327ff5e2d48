/* SPDX-License-Identifier: MIT */
/*
 * recorded.c: walks the stack of a call that was let go, and enters it where a look will find it.
 *
 * Called by the supervisor when no call waits, and by stopped.c when the queue is full.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../core/address.h"
#include "../base/now.h"
#include "probe.h"
#include "state_sites.h"
#include "stopped.h"

/* The address of a listener that the last look has seen there, as match_address has it; 0: it has seen none. */
static uint64_t seen_listener(const struct process *p, int fd)
{
    const struct seen *s = (size_t)fd < p->n_seen ? &p->seen[fd] : NULL;
    if (!s || !s->entered || !s->listens || !s->id)
        return 0;
    const struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->id->local_port)}; /* of IPv6 the port counts too */
    return match_address(&a, sizeof a);
}

/* Of a descriptor that the call names: its address, or (COOKIE) which socket it is. 0: it is closed by now. */
static uint64_t of_descriptor(const struct process *p, int fd, bool cookie)
{
    struct sockaddr_storage local;
    uint64_t seen = fd >= 0 && !cookie ? seen_listener(p, fd) : 0;
    if (seen)
        return seen;
    int copy = p->pidfd >= 0 && fd >= 0 ? probe_copy(p->pidfd, fd) : -1;
    if (copy < 0)
        return 0;
    uint64_t found = cookie ? probe_cookie(copy) : match_address(&local, probe_local(copy, &local));
    close(copy);
    return found;
}

#define TYPE_BITS 0xfu /* of socket's second argument; the others are flags */

static struct match_kind kind_of(const struct process *p, const struct sample *s, unsigned call)
{
    struct match_kind k = {.call = CALL_DUP};
    switch (call) {
    case CALL_SOCKET:
    case CALL_SOCKETPAIR:
        k = (struct match_kind){.call = (uint8_t)call, .family = (uint8_t)s->args[0], .type = (uint8_t)(s->args[1] & TYPE_BITS)};
        if (s->args[0] != AF_UNIX && call == CALL_SOCKET)
            k.protocol = (uint16_t)s->args[2];
        break;
    case CALL_ACCEPT:
    case CALL_ACCEPT4:
        k = (struct match_kind){.call = CALL_ACCEPT, .listener = of_descriptor(p, (int)s->args[0], false)};
        break;
    default:
        k.listener = of_descriptor(p, (int)s->args[0], true);
    }
    return k;
}

/* Of Go: at the time of socket nobody may have waited yet; at connect somebody does. */
static void add_waiter(struct supervisor *s, struct process *p, uint64_t cookie)
{
    struct match_exact *e = match_exact_of(&p->match, cookie);
    state_ref with = e ? state_sites_with_waiter(p->file, e->site, &s->walk, s->options.max_frames) : 0;
    if (!with || with == e->site)
        return;
    state_sites_moved(p->file, e->site, with);
    e->site = with;
}

/* Where what is asked of the socket that C connects is kept: with its call, or with its descriptor. NULL: it is not known. */
static struct match_asked *asked_of(struct process *p, const struct queued *c)
{
    struct match_exact *e = c->cookie ? match_exact_of(&p->match, c->cookie) : NULL;
    size_t fd = (size_t)(uint32_t)c->sample.args[0];
    if (e)
        return &e->asked;
    if (c->cookie || fd >= p->n_seen || !p->seen[fd].entered)
        return NULL;
    if (!p->seen[fd].asked)
        p->seen[fd].asked = calloc(1, sizeof *p->seen[fd].asked);
    return p->seen[fd].asked;
}

static void record_connect(struct supervisor *s, struct process *p, const struct queued *c)
{
    struct match_asked *asked = p->file ? asked_of(p, c) : NULL;
    bool walked = asked && c->walkable && p->walker && walker_walk(p->walker, &c->sample, &s->walk) != WALK_NOTHING;
    if (!asked)
        return;
    asked->at_ns = c->let_go_ns;
    address_text(asked->address, &c->to, c->to_size);
    asked->site = walked ? state_sites_intern(p->file, p->pid, &s->walk, CALL_CONNECT | CALL_FAILED, s->options.max_frames) : 0;
    if (walked && p->is_go && c->cookie)
        add_waiter(s, p, c->cookie);
}

/* A call that names its socket: connect, bind, listen. */
static void record_named(struct supervisor *s, struct process *p, const struct queued *c, uint64_t who)
{
    if (c->cookie)
        match_named(&p->match, who, &c->kind, c->cookie, c->let_go_ns);
    match_ended(&p->match, c->sample.tid, c->let_go_ns);
    if (c->sample.nr == SYS_connect)
        record_connect(s, p, c);
}

static void record_call(struct supervisor *s, struct process *p, const struct queued *c, uint64_t who)
{
    unsigned call = stopped_call(c->sample.nr);
    struct state_writer *file = process_file(&s->processes, p);
    struct match_call entry = {.kind = kind_of(p, &c->sample, call), .who = who, .tid = c->sample.tid};
    if (!file)
        return;
    s->walk.n = 0;
    if (c->walkable && p->walker && walker_walk(p->walker, &c->sample, &s->walk) != WALK_NOTHING)
        entry.site = state_sites_intern(file, p->pid, &s->walk, call, s->options.max_frames);
    if (!entry.site)
        atomic_fetch_add(&file->head->dropped[DROP_NO_STACK], 1);
    match_call(&p->match, &entry, c->let_go_ns);
    if (call == CALL_SOCKET || call == CALL_SOCKETPAIR)
        state_sites_opened(file, entry.site, call == CALL_SOCKET ? 1 : 2);
}

/*
 * A thread that is in another call, or in that one from another place, has returned. One that runs
 * does so too, if the call cannot block and was let go before the last look: a thread is not kept
 * from the processor that long.
 */
static bool has_returned(struct threads *threads, const struct match *m, const struct match_call *c)
{
    struct thread_place at;
    struct thread *th = threads_of(threads, c->tid, true);
    if (!th)
        return true;
    if (threads_place(th, &at) == THREAD_IN_CALL)
        return stopped_call((int)at.nr) == CALL_UNKNOWN;
    return c->kind.call != CALL_ACCEPT && c->last_ns < m->looked_ns;
}

void stopped_returned(struct supervisor *s, struct process *p)
{
    uint64_t now = now_mono_ns();
    for (size_t i = 0; i < p->match.n_calls; i++) {
        struct match_call *c = &p->match.calls[i];
        if (!c->ended_ns && has_returned(&s->threads, &p->match, c))
            c->ended_ns = now;
    }
}

bool stopped_walk_one(struct supervisor *s)
{
    const struct queued *c = queue_take(&s->queue);
    if (!c)
        return false;
    struct process *p = processes_find(&s->processes, c->sample.pid);
    if (!p || p->program != c->program) /* it has ended, or is another program by now */
        return true;
    uint64_t who = c->sample.goroutine ? c->sample.goroutine : (uint64_t)c->sample.tid;
    if (stopped_names(c->sample.nr))
        record_named(s, p, c, who);
    else
        record_call(s, p, c, who);
    return true;
}
