/* SPDX-License-Identifier: MIT */
/*
 * asked.c: what the kernel was asked of a group's sockets, as text and JSON.
 *
 * Called by text.c and json.c for each group and each listed socket. Sums over the findings of the
 * group each time: there is no other place where a group keeps this.
 */
#include "asked.h"

#include <sys/epoll.h>

#include "watched.h"

#define SUMS 16u /* different registrations in one group */
#define SHOWN 3u

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool has_sent(const struct finding *f)
{
    for (unsigned i = 0; i < f->n_events; i++)
        if (f->events[i].event == EVENT_FIRST_SEND || f->events[i].event == EVENT_LAST_SEND)
            return true;
    return false;
}

bool asked_is_unanswered(const struct finding *f)
{
    const struct transfer *t = &f->transfer;
    /* a reset drops what waited to be sent: then the calls must be known */
    bool may_have_tried = f->kind == KIND_DEAD && f->unwatched;
    return f->origin == ORIGIN_ACCEPT && t->has_received && t->received && t->has_sent && !t->sent && !t->waits && !may_have_tried &&
           !has_sent(f);
}

bool asked_idle_s(const struct report *r, const struct finding *f, uint64_t *seconds)
{
    uint64_t moved = f->transfer.moved_ns;
    *seconds = moved && r->now_ns > moved ? (r->now_ns - moved) / 1000000000u : 0;
    return moved != 0;
}

struct range {
    uint64_t least, most, n;
};

static void widen(struct range *r, bool known, uint64_t value)
{
    if (!known)
        return;
    r->least = !r->n || value < r->least ? value : r->least;
    r->most = !r->n || value > r->most ? value : r->most;
    r->n++;
}

static void put_range(struct out *o, const char *what, const struct range *r, const struct group *g)
{
    out_fmt(o, "%s %lu", what, (unsigned long)r->least);
    if (r->most != r->least)
        out_fmt(o, " to %lu", (unsigned long)r->most);
    if (what[0] == 'r')
        out_str(o, r->least == r->most && r->most == 1 ? " byte" : " bytes");
    if (r->n != g->n_findings)
        out_fmt(o, " (%lu of %lu)", (unsigned long)r->n, (unsigned long)g->count);
}

static void put_bytes(struct out *o, const struct group *g)
{
    struct range received = {0}, sent = {0};
    size_t unanswered = 0;
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct transfer *t = &g->findings[i].transfer;
        widen(&received, t->has_received, t->received);
        widen(&sent, t->has_sent, t->sent);
        unanswered += asked_is_unanswered(&g->findings[i]);
    }
    if (!received.n || !sent.n)
        return;
    out_str(o, "  ");
    put_range(o, "received", &received, g);
    out_str(o, ", ");
    put_range(o, "sent", &sent, g);
    if (unanswered && unanswered == g->n_findings)
        out_str(o, ": never answered");
    else if (unanswered)
        out_fmt(o, ": %zu of %lu never answered", unanswered, (unsigned long)g->count);
    out_char(o, '\n');
}

/* ---- watched --------------------------------------------------------------------------------- */

/* Equal registrations of a group's sockets. */
struct sum {
    struct watch watch;
    uint32_t pid;
    uint64_t n, others; /* OTHERS: under a number that is not the finding's */
    bool same_data;
};
struct sums {
    struct sum of[SUMS];
    unsigned n;
    bool more, several; /* SEVERAL: of another process than the report's */
    uint64_t known, watched, nobody, none;
};

static void count_watch(struct sums *s, const struct finding *f, const struct watch *w)
{
    unsigned i = 0;
    while (i < s->n && (s->of[i].watch.epfd != w->epfd || s->of[i].watch.events != w->events || s->of[i].pid != f->pid))
        i++;
    if (i == SUMS) {
        s->more = true;
        return;
    }
    if (i == s->n)
        s->of[s->n++] = (struct sum){.watch = *w, .pid = f->pid, .same_data = true};
    s->of[i].n++;
    s->of[i].others += w->fd != (uint32_t)f->fd;
    s->of[i].same_data &= s->of[i].watch.data == w->data;
}

static void count_watches(struct sums *s, const struct report *r, const struct group *g)
{
    *s = (struct sums){.n = 0};
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        s->several |= f->pid && f->pid != r->pid;
        s->known += f->watch != WATCH_UNKNOWN;
        s->watched += f->watch == WATCH_EPOLL;
        s->nobody += f->watch == WATCH_NOBODY;
        s->none += f->watch == WATCH_NONE;
        for (unsigned k = 0; f->watch == WATCH_EPOLL && k < f->n_watches && k < FINDING_WATCHES; k++)
            count_watch(s, f, &f->watches[k]);
        s->more |= f->n_watches > FINDING_WATCHES;
    }
}

/* The commonest first; of equal ones the first that was seen. */
static void sort_sums(struct sums *s)
{
    for (unsigned i = 1; i < s->n; i++)
        for (unsigned k = i; k && s->of[k].n > s->of[k - 1].n; k--) {
            struct sum swap = s->of[k];
            s->of[k] = s->of[k - 1];
            s->of[k - 1] = swap;
        }
}

static const char *remark(struct out *o, const char *before, const char *text)
{
    out_fmt(o, "%s%s", before, text);
    return "; ";
}

/* What is said of a registration in brackets. */
static void put_mode(struct out *o, const struct sum *s, const struct group *g)
{
    uint32_t events = s->watch.events;
    const char *before = " (";
    if (events & EPOLLET)
        before = remark(o, before, events & EPOLLRDHUP ? "edge-triggered" : "edge-triggered, no EPOLLRDHUP");
    if (events & EPOLLONESHOT && events & EPOLLHUP)
        before = remark(o, before, "one-shot");
    if (s->others)
        before = remark(o, before, s->others == s->n ? "under another number" : "some under another number");
    if (s->n != g->count) {
        before = remark(o, before, "");
        out_fmt(o, "%lu of %lu", (unsigned long)s->n, (unsigned long)g->count);
    }
    out_str(o, *before == ';' ? ")" : "");
}

static void put_watch(struct out *o, const struct report *r, const struct group *g, const struct sum *s)
{
    out_fmt(o, "by epoll fd %d", s->watch.epfd);
    if (s->pid && s->pid != r->pid)
        out_fmt(o, " of process %u", s->pid);
    uint32_t shown = s->watch.events & ~(uint32_t)(EPOLLERR | EPOLLHUP | EPOLLET | EPOLLONESHOT | 1u << 28 | 1u << 29);
    if (shown) {
        out_str(o, " for ");
        watched_events(o, shown);
    } else if (s->watch.events & EPOLLONESHOT && !(s->watch.events & EPOLLHUP)) {
        out_str(o, " for nothing any more: its one shot was fired"); /* the kernel takes ERR and HUP out, too */
    } else {
        out_str(o, " for ERR and HUP alone");
    }
    put_mode(o, s, g);
}

static void put_watched(struct out *o, const struct report *r, const struct group *g)
{
    struct sums s;
    count_watches(&s, r, g);
    const char *whose = s.several ? "their processes" : "this process";
    if (!s.watched) {
        if (s.nobody && s.nobody == g->n_findings)
            out_fmt(o, "  not watched by anybody in %s\n", whose);
        else if (s.none && s.known == g->n_findings)
            out_fmt(o, "  watched: by no epoll of %s\n", whose);
        return;
    }
    sort_sums(&s);
    out_str(o, "  watched: ");
    for (unsigned i = 0; i < s.n && i < SHOWN; i++) {
        out_str(o, i ? ", " : "");
        put_watch(o, r, g, &s.of[i]);
    }
    if (s.n > SHOWN || s.more)
        out_str(o, " and more");
    if (s.known > s.watched)
        out_fmt(o, "; %lu of %lu by no epoll", (unsigned long)(s.known - s.watched), (unsigned long)g->count);
    out_char(o, '\n');
}

/* ---- all of it ------------------------------------------------------------------------------- */

void asked_text(struct out *o, const struct report *r, const struct group *g)
{
    put_watched(o, r, g);
    put_bytes(o, g);
}

void asked_text_socket(struct out *o, const struct report *r, const struct finding *f)
{
    uint64_t idle, lasts = (r->now_ns > f->since_ns ? r->now_ns - f->since_ns : 0) / 1000000000u;
    if (!asked_idle_s(r, f, &idle) || (idle <= lasts + 1 && lasts <= idle + 1))
        return;
    out_str(o, "  idle ");
    out_duration(o, idle);
}

static void put_registration(struct out *o, const struct watch *w, bool data)
{
    out_fmt(o, "{\"epfd\":%d,\"events\":\"", w->epfd);
    watched_events(o, w->events);
    out_str(o, "\",\"data\":");
    if (data) {
        out_str(o, "\"0x");
        out_hex(o, w->data, 1);
        out_char(o, '"');
    } else {
        out_str(o, "null");
    }
}

void asked_json(struct out *o, const struct report *r, const struct group *g)
{
    struct sums s;
    count_watches(&s, r, g);
    out_str(o, ",\"watched\":");
    if (!s.known) {
        out_str(o, "null");
        return;
    }
    sort_sums(&s);
    for (unsigned i = 0; i < s.n; i++) {
        out_char(o, i ? ',' : '[');
        put_registration(o, &s.of[i].watch, s.of[i].same_data);
        out_fmt(o, ",\"count\":%lu", (unsigned long)s.of[i].n);
        if (s.of[i].pid && s.of[i].pid != r->pid)
            out_fmt(o, ",\"pid\":%u", s.of[i].pid);
        out_char(o, '}');
    }
    out_str(o, s.n ? "]" : "[]");
}

static void put_count(struct out *o, const char *key, bool known, uint64_t value)
{
    out_fmt(o, ",\"%s\":", key);
    if (known)
        out_u64(o, value);
    else
        out_str(o, "null");
}

void asked_json_socket(struct out *o, const struct report *r, const struct finding *f)
{
    const struct transfer *t = &f->transfer;
    put_count(o, "received", t->has_received, t->received);
    put_count(o, "sent", t->has_sent, t->sent);
    out_str(o, ",\"idle_s\":");
    if (t->moved_ns)
        out_seconds(o, r->now_ns > t->moved_ns ? r->now_ns - t->moved_ns : 0);
    else
        out_str(o, "null");
    out_str(o, ",\"watched\":");
    if (f->watch == WATCH_UNKNOWN) {
        out_str(o, "null");
        return;
    }
    out_char(o, '[');
    for (unsigned i = 0; f->watch == WATCH_EPOLL && i < f->n_watches && i < FINDING_WATCHES; i++) {
        out_str(o, i ? "," : "");
        put_registration(o, &f->watches[i], true);
        if (f->watches[i].fd != (uint32_t)f->fd)
            out_fmt(o, ",\"fd\":%u", f->watches[i].fd);
        out_char(o, '}');
    }
    out_char(o, ']');
}
