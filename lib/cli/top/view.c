/* SPDX-License-Identifier: MIT */
/*
 * view.c: what `sockleak top` shows, as lines: for the screen and for the snapshot alike.
 *
 * Called by top.c and screen.c for each page. Only reads the model. All texts that come from the
 * target (names, paths, addresses) pass through make_line(), which lets nothing through that could
 * steer a terminal.
 */
#include "view.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "../../core/advice.h"
#include "../../core/group_told.h"
#include "../../core/own_frames.h"
#include "../../core/text.h"
#include "../../core/text_life.h"
#include "../../core/textstack.h"
#include "../base/cli.h"

void top_page_free(struct top_page *p)
{
    free(p->head);
    free(p->body);
    arena_free(&p->arena);
    *p = (struct top_page){0};
}

/* As many whole characters as WIDTH columns take. */
static char *clip(struct arena *a, const char *text, unsigned width)
{
    size_t len = strlen(text), used = 0;
    char *out = arena_take(a, len + 1);
    mbstate_t state = {0};
    unsigned columns = 0;
    for (size_t i = 0; i < len;) {
        wchar_t wide;
        size_t n = mbrtowc(&wide, text + i, len - i, &state);
        int w = n == 0 || n > len - i ? -1 : wcwidth(wide);
        if (n == 0 || n > len - i) {
            memset(&state, 0, sizeof state);
            n = 1;
        }
        if (columns + (w < 0 ? 1 : (unsigned)w) > width)
            break;
        columns += w < 0 ? 1 : (unsigned)w;
        if (w < 0) {
            out[used++] = '?';
        } else {
            memcpy(out + used, text + i, n);
            used += n;
        }
        i += n;
    }
    out[used] = 0;
    return out;
}

__attribute__((format(printf, 4, 5))) static struct top_line make_line(struct top_page *p, unsigned width, bool strong, const char *fmt,
                                                                       ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        exit(cli_fail("out of memory"));
    struct top_line l = {clip(&p->arena, text, width), strong};
    free(text);
    return l;
}

static void add_head(struct top_page *p, struct top_line l)
{
    p->head = cli_grow(p->head, p->n_head, &p->cap_head, sizeof *p->head);
    p->head[p->n_head++] = l;
}

static void add_body(struct top_page *p, struct top_line l)
{
    p->body = cli_grow(p->body, p->n_body, &p->cap_body, sizeof *p->body);
    p->body[p->n_body++] = l;
}

/* ---- words ----------------------------------------------------------------------------------- */

static const char *duration_words(struct top_page *p, uint64_t seconds)
{
    char buf[64];
    struct out o = {.buf = buf, .cap = sizeof buf};
    out_duration(&o, seconds);
    return arena_bytes(&p->arena, buf, o.len);
}

/* Five columns: 812s, 93m, 26h, 12d. */
static const char *short_age(struct top_page *p, uint64_t ns)
{
    unsigned long long s = ns / 1000000000u;
    if (s < 1000)
        return arena_printf(&p->arena, "%llus", s);
    if (s < 1000 * 60)
        return arena_printf(&p->arena, "%llum", s / 60);
    return s < 100 * 3600 ? arena_printf(&p->arena, "%lluh", s / 3600) : arena_printf(&p->arena, "%llud", s / 86400);
}

static const char *rate_words(struct top_page *p, uint32_t milli)
{
    /* too early to say how fast */
    return milli ? arena_printf(&p->arena, "%u.%u/min", milli / 1000, milli % 1000 / 100) : "growing";
}

static const char *life_words(const struct loaded_file *l)
{
    switch (l->life) {
    case LIFE_RUNNING:
        return "running";
    case LIFE_STOPPED:
        return "stopped";
    case LIFE_EXITED:
        return "has exited";
    case LIFE_EXECED:
        return "runs another program now";
    case LIFE_ABORTED:
        return "has aborted";
    default:
        return "was killed";
    }
}

/* The frame that names a site: the first with a function, which is the program's own call. */
static const char *site_words(struct top_page *p, const struct group *g)
{
    const struct frame *f = NULL;
    for (size_t i = own_frames_name(g->frames, g->n_frames); i < g->n_frames && !f; i++)
        if (g->frames[i].symbol)
            f = &g->frames[i];
    if (!f && g->n_frames)
        f = &g->frames[0];
    if (!f)
        return "(no stack)";
    const char *module = f->module ? text_base_name(f->module) : "(no module)";
    if (f->symbol && f->file)
        return arena_printf(&p->arena, "%s %s:%u", f->symbol, f->file, f->line);
    if (f->symbol)
        return arena_printf(&p->arena, "%s (%s)", f->symbol, module);
    return arena_printf(&p->arena, "%s+0x%llx", module, (unsigned long long)(f->module ? f->offset : f->pc));
}

/* ---- the head: process, totals, rate, forecast ----------------------------------------------- */

static const char *kinds_words(struct top_page *p, const struct report *r)
{
    const char *text = "";
    for (unsigned k = 0; k < KIND_COUNT; k++)
        if (r->by_kind[k])
            text = arena_printf(&p->arena, "%s%s%llu %s", text, text[0] ? ", " : "", (unsigned long long)r->by_kind[k], kind_name(k));
    return text;
}

static const char *when_words(struct top_page *p, bool reached, uint64_t in_s)
{
    return reached ? "reached" : arena_printf(&p->arena, "in %s", duration_words(p, in_s));
}

struct top_forecast {
    bool growing;
    uint32_t rate_milli;
    uint64_t limit_in_s, ports_in_s; /* 0: never */
    bool limit_reached, ports_reached;
    const char *ports_peer;
};

static struct top_forecast forecast_of(const struct report *r)
{
    struct top_forecast f = {0};
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        f.growing |= g->growing;
        f.rate_milli += g->rate_milli;
        f.limit_reached |= g->fd_limit_reached;
        f.ports_reached |= g->ports_reached;
        if (g->fd_limit_in_s && (!f.limit_in_s || g->fd_limit_in_s < f.limit_in_s))
            f.limit_in_s = g->fd_limit_in_s;
        if (g->ports && (!f.ports_peer || g->ports_reached || (g->ports_in_s && g->ports_in_s < f.ports_in_s))) {
            f.ports_in_s = g->ports_in_s;
            f.ports_peer = g->ports_peer;
        }
    }
    return f;
}

static bool is_dormant(const struct top *t) { return !atomic_load_explicit(&state_head(&t->from->view)->enabled, memory_order_relaxed); }

static void head_process(struct top_page *p, const struct top *t, unsigned width)
{
    if (!t->from) {
        add_head(p, make_line(p, width, true, "%s (PID %d): running", t->command, (int)t->pid));
        add_head(p, make_line(p, width, false, "the agent is loaded; there is no state file, and no socket is open"));
        return;
    }
    const char *look = ", no look yet";
    if (width < 60)
        look = "";
    else if (t->model.looked_ns)
        look = arena_printf(&p->arena, ", looked %s ago",
                            duration_words(p, t->now_ns > t->model.looked_ns ? (t->now_ns - t->model.looked_ns) / 1000000000u : 0));
    const char *asleep = is_dormant(t) ? ", not recording" : "";
    if (load_is_live(t->from))
        add_head(p, make_line(p, width, true, "%s (PID %d): %s%s%s", t->command, (int)t->pid, life_words(t->from), asleep, look));
    else
        add_head(p, make_line(p, width, true, "%s (PID %d) %s%s", t->command, (int)t->pid, life_words(t->from),
                              width < 60 ? "" : "; this is its last state"));
}

static void head_totals(struct top_page *p, const struct top *t, unsigned width)
{
    const struct report *r = &t->model.report;
    struct top_forecast f = forecast_of(r);
    const char *text = arena_printf(&p->arena, "%llu stuck at %llu site%s", (unsigned long long)r->leaks, (unsigned long long)r->sites,
                                    r->sites == 1 ? "" : "s");
    if (r->leaks)
        add_head(p, make_line(p, width, false, "%s: %s", text, kinds_words(p, r)));
    else if (is_dormant(t) && t->model.unrecorded)
        add_head(p, make_line(p, width, false, "nothing stuck of what it has recorded; %llu socket%s not",
                              (unsigned long long)t->model.unrecorded, t->model.unrecorded == 1 ? " is" : "s are"));
    else if (t->fd_limit && t->fd_limit != UINT64_MAX && t->fds >= t->fd_limit - t->fd_limit / 10)
        add_head(p, make_line(p, width, true, "no stuck socket; nearly out of descriptors: %llu of %llu", (unsigned long long)t->fds,
                              (unsigned long long)t->fd_limit));
    else
        add_head(p, make_line(p, width, false, "nothing stuck"));
    bool small = width < 60;
    const char *grow = f.rate_milli ? arena_printf(&p->arena, "%s%s", small ? "+" : "growing ", rate_words(p, f.rate_milli))
                       : f.growing  ? "growing"
                                    : "not growing";
    const char *ends = "";
    if (f.limit_reached)
        ends = small ? "; fds used up" : "; descriptors used up";
    else if (f.limit_in_s)
        ends = arena_printf(&p->arena, "; %s out in %s", small ? "fds" : "descriptors", duration_words(p, f.limit_in_s));
    if (f.ports_reached && !small)
        ends = arena_printf(&p->arena, "%s; ports to %s used up", ends, f.ports_peer);
    else if (f.ports_in_s && !small)
        ends = arena_printf(&p->arena, "%s; ports to %s out in %s", ends, f.ports_peer, duration_words(p, f.ports_in_s));
    add_head(p, make_line(p, width, false, "%s%s", grow, ends));
    if (small)
        return; /* a small window needs its lines for the sites */
    const char *speed = "", *fds = "";
    if (t->before_ns && t->now_ns > t->before_ns && t->opened >= t->opened_before) {
        uint64_t tenths = (t->opened - t->opened_before) * 10000000000u / (t->now_ns - t->before_ns);
        speed = arena_printf(&p->arena, " (%llu.%llu/s)", (unsigned long long)tenths / 10, (unsigned long long)tenths % 10);
    }
    if (t->fds && t->fd_limit)
        fds = arena_printf(&p->arena, "; descriptors %llu of %llu", (unsigned long long)t->fds, (unsigned long long)t->fd_limit);
    add_head(p, make_line(p, width, false, "opened %llu%s, closed %llu%s", (unsigned long long)t->opened, speed,
                          (unsigned long long)t->closed, fds));
    if (r->dropped)
        add_head(p, make_line(p, width, false, "%llu events were not recorded", (unsigned long long)r->dropped));
}

/* ---- the pages ------------------------------------------------------------------------------- */

static char sort_mark(enum model_sort now, enum model_sort column) { return now == column ? '*' : ' '; }

void top_page_list(struct top_page *p, const struct top *t, unsigned width)
{
    top_page_free(p);
    head_process(p, t, width);
    p->foot =
        make_line(p, width, true,
                  width < 60 ? "s/g/a sort  Enter stack  q quit" : "s stuck  g growth  a age  Enter stack and sockets  r look now  q quit");
    if (!t->from)
        return;
    head_totals(p, t, width);
    const struct report *r = &t->model.report;
    bool small = width < 60;
    if (small)
        add_head(p, make_line(p, width, true, "%5s%c%5s%c %s", "STUCK", sort_mark(t->sort, SORT_STUCK), "AGE", sort_mark(t->sort, SORT_AGE),
                              "WHERE"));
    else
        add_head(p, make_line(p, width, true, "%6s%c%10s%c%5s%c%6s %-15s %s", "STUCK", sort_mark(t->sort, SORT_STUCK), "GROWTH",
                              sort_mark(t->sort, SORT_RATE), "AGE", sort_mark(t->sort, SORT_AGE), "LIVE", "KIND", "WHERE"));
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        unsigned long long count = g->count, live = g->live;
        if (small)
            add_body(p, make_line(p, width, false, "%5llu %5s  %s", count, short_age(p, g->oldest_ns), site_words(p, g)));
        else
            add_body(p, make_line(p, width, false, "%6llu %10s %5s %6llu %-15s %s", count,
                                  g->growing  ? rate_words(p, g->rate_milli)
                                  : g->steady ? "steady"
                                              : ".",
                                  short_age(p, g->oldest_ns), live, kind_name(g->kind), site_words(p, g)));
    }
}

/* What to do about G, as its report says; in words that are not cut: on as many lines as they take. */
static void add_advice(struct top_page *p, const struct group *g, unsigned width)
{
    char text[1024];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    if (width < 20 || !advice_of(&o, "fix: ", g))
        return;
    text[o.len] = 0;
    const char *rest = clip(&p->arena, text, UINT_MAX);
    for (unsigned indent = 0; *rest; indent = 5) {
        size_t n = strlen(clip(&p->arena, rest, width - indent)), words = n;
        while (rest[n] && words > 0 && rest[words] != ' ')
            words--;
        n = words ? words : n;
        add_body(p, make_line(p, width, true, "%*s%.*s", (int)indent, "", (int)n, rest));
        rest += n + (rest[n] == ' ');
    }
}

static void add_stack(struct top_page *p, unsigned width, const char *title, const struct frame *frames, size_t n)
{
    if (n == 0)
        return;
    add_body(p, make_line(p, width, true, "%s", title));
    for (size_t i = 0; i < n; i++) {
        const struct frame *f = &frames[i];
        const char *name = f->symbol ? f->symbol : "??", *module = f->module ? text_base_name(f->module) : "?";
        if (f->on)
            add_body(p, make_line(p, width, false, " #%zu %s  %s:%u  (%s)", i, name, f->file, f->line, f->on));
        else if (f->file)
            add_body(p, make_line(p, width, false, " #%zu %s  %s:%u%s", i, name, f->file, f->line, f->inlined ? " (inlined)" : ""));
        else
            add_body(p, make_line(p, width, false, " #%zu %s  (%s+0x%llx)", i, name, module, (unsigned long long)f->offset));
    }
}

/* Of the stack that opened G's sockets (-1), or of what was told of them. */
static const char *heading(struct top_page *p, const struct group *g, int nth)
{
    char text[256];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    if (nth < 0)
        text_opened(&o, g);
    else
        text_told(&o, g, (unsigned)nth);
    return arena_printf(&p->arena, "%.*s", (int)o.len, text);
}

static const char *variant_words(struct top_page *p, const struct group *g)
{
    char text[32];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    text_variant(&o, g);
    return arena_printf(&p->arena, "%.*s", (int)o.len, text);
}

void top_page_group(struct top_page *p, const struct top *t, const struct group *g, unsigned width)
{
    top_page_free(p);
    head_process(p, t, width);
    p->foot = make_line(p, width, true, width < 60 ? "up/down scroll  q back" : "up/down scroll   r look now   q back to the list");
    add_head(p, make_line(p, width, false, "%llu %s, %s; oldest %s", (unsigned long long)g->count, kind_name(g->kind),
                          g->growing ? rate_words(p, g->rate_milli) : "not growing", short_age(p, g->oldest_ns)));
    add_body(p, make_line(p, width, false, "site %016llx%s: opened %llu, closed %llu", (unsigned long long)g->siteid, variant_words(p, g),
                          (unsigned long long)g->opened, (unsigned long long)g->closed));
    if (g->fd_limit_reached || g->fd_limit_in_s)
        add_body(p, make_line(p, width, false, "descriptor limit %llu %s", (unsigned long long)g->fd_limit,
                              when_words(p, g->fd_limit_reached, g->fd_limit_in_s)));
    if (g->ports_reached || g->ports_in_s)
        add_body(p, make_line(p, width, false, "%llu ports to %s %s", (unsigned long long)g->ports, g->ports_peer,
                              when_words(p, g->ports_reached, g->ports_in_s)));
    add_advice(p, g, width);
    add_stack(p, width, heading(p, g, -1), g->frames, g->n_frames);
    for (unsigned i = 0; i < g->n_told; i++) {
        if (group_told_like(g, i) && !group_told_is_within(g, i))
            add_body(p, make_line(p, width, true, "%s", heading(p, g, (int)i)));
        else if (!group_told_is_within(g, i))
            add_stack(p, width, heading(p, g, (int)i), g->told[i].frames, g->told[i].n_frames);
    }
    add_body(p, make_line(p, width, true, "sockets"));
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        uint64_t now = t->model.report.now_ns;
        add_body(p, make_line(p, width, false, " fd %d  %s -> %s  %s  unread %llu", f->fd, f->local && f->local[0] ? f->local : "?",
                              f->peer && f->peer[0] ? f->peer : "?", short_age(p, now > f->since_ns ? now - f->since_ns : 0),
                              (unsigned long long)f->unread));
    }
}
