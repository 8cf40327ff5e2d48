/* SPDX-License-Identifier: MIT */
/*
 * view.c: what `sockleak top` shows, as lines: for the screen and for the snapshot alike.
 *
 * Called by top.c and screen.c for each page. Only reads the model. All texts that come from the
 * target (names, paths, addresses) pass through line_make(), which lets nothing through that could
 * steer a terminal.
 */
#include "view.h"

#include <string.h>

#include "../../core/advice.h"
#include "../../core/group_told.h"
#include "../../core/frame_role.h"
#include "../../core/own_frames.h"
#include "../../core/text.h"
#include "../../core/text_life.h"
#include "../../core/textstack.h"
#include "changes.h"
#include "line.h"

/* Columns of the list: a small window has few of them, and only a wide one the live sockets. */
#define SMALL 60u
#define WIDE 100u

/* A name of fewer columns says nothing. */
#define LEAST_NAME 4u

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
static const struct frame *frame_of(const struct group *g)
{
    for (size_t i = own_frames_name(g->frames, g->n_frames); i < g->n_frames; i++)
        if (g->frames[i].symbol)
            return &g->frames[i];
    return g->n_frames ? &g->frames[0] : NULL;
}

/*
 * "login src/web.c:88" in ROOM columns: the folders are cut first, then the name, both from the left,
 * so that file and line stay. A ROOM of 0 is without limit.
 */
static const char *place_words(struct top_page *p, const char *name, const char *file, uint32_t line, size_t room)
{
    const char *symbol = line_clean(&p->arena, name);
    const char *place = line_clean(&p->arena, arena_printf(&p->arena, "%s:%u", file, line)), *base = text_base_name(place);
    size_t columns = line_columns(symbol);
    if (!room || columns + 1 + line_columns(place) <= room)
        return arena_printf(&p->arena, "%s %s", symbol, place);
    size_t least = line_columns(base) + (base > place ? 1 : 0); /* the mark of the cut */
    if (columns + 1 + least <= room)
        return arena_printf(&p->arena, "%s %s", symbol, line_tail(&p->arena, place, room - columns - 1));
    if (least + 1 + LEAST_NAME > room)
        return line_tail(&p->arena, place, room);
    return arena_printf(&p->arena, "%s %s", line_tail(&p->arena, symbol, room - least - 1), line_tail(&p->arena, place, least));
}

static const char *site_words(struct top_page *p, const struct group *g, size_t room)
{
    const struct frame *f = frame_of(g);
    if (!f)
        return "(no stack)";
    const char *module = f->module ? text_base_name(f->module) : "(no module)";
    if (f->symbol && f->file)
        return place_words(p, f->symbol, f->file, f->line, room);
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

/* Descriptors or ports are used up, or will be within ten minutes at this rate. */
#define SOON_S 600u
static bool is_soon(bool reached, uint64_t in_s) { return reached || (in_s && in_s < SOON_S); }

static struct top_line tinted(struct top_line l, enum top_tint tint)
{
    l.tint = (uint8_t)tint;
    return l;
}

static bool is_dormant(const struct top *t) { return !atomic_load_explicit(&state_head(&t->from->view)->enabled, memory_order_relaxed); }

static void head_process(struct top_page *p, const struct top *t, unsigned width)
{
    if (!t->from) {
        line_add_head(p, line_make(p, true, "%s (PID %d): running", t->command, (int)t->pid));
        line_add_head(p, line_make(p, false, "the agent is loaded; there is no state file, and no socket is open"));
        return;
    }
    const char *look = ", no look yet";
    if (width < SMALL)
        look = "";
    else if (t->model.looked_ns)
        look = arena_printf(&p->arena, ", looked %s ago",
                            duration_words(p, t->now_ns > t->model.looked_ns ? (t->now_ns - t->model.looked_ns) / 1000000000u : 0));
    const char *asleep = is_dormant(t) ? ", not recording" : "";
    if (load_is_live(t->from))
        line_add_head(p, line_make(p, true, "%s (PID %d): %s%s%s", t->command, (int)t->pid, life_words(t->from), asleep, look));
    else
        line_add_head(p, line_make(p, true, "%s (PID %d) %s%s", t->command, (int)t->pid, life_words(t->from),
                                   width < SMALL ? "" : "; this is its last state"));
}

static void head_changes(struct top_page *p, const struct top *t)
{
    const struct top_changes *c = &t->changes;
    const char *sites = "";
    if (!c->known)
        return;
    if (c->fresh)
        sites = arena_printf(&p->arena, ", %zu site%s new", c->fresh, c->fresh == 1 ? "" : "s");
    if (c->gone)
        sites = arena_printf(&p->arena, "%s, %zu gone", sites, c->gone);
    if (c->more || c->fewer || c->fresh || c->gone)
        line_add_head(p, line_make(p, false, "since the last look: +%llu -%llu stuck%s", (unsigned long long)c->more,
                                   (unsigned long long)c->fewer, sites));
    else
        line_add_head(p, line_make(p, false, "since the last look: no change"));
    if (t->took_ns > TOP_LONG_LOOK_NS)
        line_add_head(p, line_make(p, false, "a look takes %llu ms, so they are further apart than asked for",
                                   (unsigned long long)t->took_ns / 1000000u));
}

static void head_totals(struct top_page *p, const struct top *t, unsigned width)
{
    const struct report *r = &t->model.report;
    struct top_forecast f = forecast_of(r);
    const char *text = arena_printf(&p->arena, "%llu stuck at %llu site%s", (unsigned long long)r->leaks, (unsigned long long)r->sites,
                                    r->sites == 1 ? "" : "s");
    if (r->leaks)
        line_add_head(p, line_make(p, false, "%s: %s", text, kinds_words(p, r)));
    else if (is_dormant(t) && t->model.unrecorded)
        line_add_head(p, line_make(p, false, "nothing stuck of what it has recorded; %llu socket%s not",
                                   (unsigned long long)t->model.unrecorded, t->model.unrecorded == 1 ? " is" : "s are"));
    else if (t->fd_limit && t->fd_limit != UINT64_MAX && t->fds >= t->fd_limit - t->fd_limit / 10)
        line_add_head(p, line_make(p, true, "no stuck socket; nearly out of descriptors: %llu of %llu", (unsigned long long)t->fds,
                                   (unsigned long long)t->fd_limit));
    else
        line_add_head(p, line_make(p, false, "nothing stuck"));
    bool small = width < SMALL;
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
    bool soon = is_soon(f.limit_reached, f.limit_in_s) || is_soon(f.ports_reached, f.ports_in_s);
    line_add_head(p, tinted(line_make(p, false, "%s%s", grow, ends), soon ? TINT_ALARM : f.growing ? TINT_GROWING : TINT_NONE));
    if (small)
        return; /* a small window needs its lines for the sites */
    const char *speed = "", *fds = "";
    if (t->before_ns && t->now_ns > t->before_ns && t->opened >= t->opened_before) {
        uint64_t tenths = (t->opened - t->opened_before) * 10000000000u / (t->now_ns - t->before_ns);
        speed = arena_printf(&p->arena, " (%llu.%llu/s)", (unsigned long long)tenths / 10, (unsigned long long)tenths % 10);
    }
    if (t->fds && t->fd_limit)
        fds = arena_printf(&p->arena, "; descriptors %llu of %llu", (unsigned long long)t->fds, (unsigned long long)t->fd_limit);
    line_add_head(p, tinted(line_make(p, false, "opened %llu%s, closed %llu%s", (unsigned long long)t->opened, speed,
                                      (unsigned long long)t->closed, fds),
                            t->fd_limit && t->fds >= t->fd_limit - t->fd_limit / 10 ? TINT_ALARM : TINT_NONE));
    head_changes(p, t);
    if (r->dropped)
        line_add_head(p, line_make(p, false, "%llu events were not recorded", (unsigned long long)r->dropped));
}

/* ---- the list ------------------------------------------------------------------------------- */

static char sort_mark(enum model_sort now, enum model_sort column) { return now == column ? '*' : ' '; }

void top_page_list(struct top_page *p, const struct top *t, const struct top_window *w)
{
    line_free(p);
    head_process(p, t, w->width);
    p->foot = line_make(p, true,
                        w->width < SMALL ? "? help  s/g/a sort  Enter stack  q quit"
                                         : "? help  s stuck  g growth  a age  Enter stack and sockets  r look now  q quit");
    if (!t->from)
        return;
    head_totals(p, t, w->width);
    if (w->width < SMALL)
        line_add_head(
            p, line_make(p, true, "%5s%c%5s%c %s", "STUCK", sort_mark(t->sort, SORT_STUCK), "AGE", sort_mark(t->sort, SORT_AGE), "WHERE"));
    else
        line_add_head(p, line_make(p, true, "%6s%c%6s %9s%c%5s%c%s%-15s %s", "STUCK", sort_mark(t->sort, SORT_STUCK), "CHANGE", "GROWTH",
                                   sort_mark(t->sort, SORT_RATE), "AGE", sort_mark(t->sort, SORT_AGE), w->width < WIDE ? "" : "  LIVE ",
                                   "KIND", "WHERE"));
    size_t n = t->model.report.n_groups;
    p->n_rows = n + (t->n_with_stack < n && t->n_with_stack);
}

size_t top_row_of_group(const struct top *t, size_t index) { return index + (index >= t->n_with_stack && t->n_with_stack); }

static const char *growth_words(struct top_page *p, const struct group *g)
{
    return g->growing ? rate_words(p, g->rate_milli) : g->steady ? "steady" : ".";
}

static struct top_line row_of_group(struct top_page *p, const struct top *t, const struct group *g, const struct top_window *w)
{
    unsigned long long count = g->count, live = g->live;
    bool fresh;
    long long more = (long long)changes_of(t, g, &fresh);
    const char *age = short_age(p, g->oldest_ns);
    const char *change = fresh ? "new" : more ? arena_printf(&p->arena, "%+lld", more) : ".";
    const char *before;
    if (w->width < SMALL)
        before = arena_printf(&p->arena, "%5llu%c%5s  ", count, fresh ? '*' : more > 0 ? '+' : more < 0 ? '-' : ' ', age);
    else if (w->width < WIDE)
        before = arena_printf(&p->arena, "%6llu %6s %9s %5s %-15s ", count, change, growth_words(p, g), age, kind_name(g->kind));
    else
        before =
            arena_printf(&p->arena, "%6llu %6s %9s %5s %6llu %-15s ", count, change, growth_words(p, g), age, live, kind_name(g->kind));
    size_t taken = line_columns(before);
    /* scrolled to the side, the whole of it is there to be seen */
    const char *where = site_words(p, g, w->left || w->width <= taken ? 0 : w->width - taken);
    bool soon = is_soon(g->fd_limit_reached, g->fd_limit_in_s) || is_soon(g->ports_reached, g->ports_in_s);
    return tinted(line_make(p, false, "%s%s", before, where), soon ? TINT_ALARM : g->growing ? TINT_GROWING : TINT_NONE);
}

static struct top_line row_of_list(struct top_page *p, const struct top *t, size_t row, const struct top_window *w)
{
    if (t->n_with_stack && row == t->n_with_stack)
        return line_make(p, true, "%s", w->width < SMALL ? "without a stack:" : "without a stack that opened them:");
    return row_of_group(p, t, &t->model.report.groups[row - (t->n_with_stack && row > t->n_with_stack)], w);
}

/* ---- one group ------------------------------------------------------------------------------- */

/* What to do about G, as its report says; in words that are not cut: on as many lines as they take. */
static void add_advice(struct top_page *p, const struct group *g, unsigned width)
{
    char text[1024];
    struct out o = {.buf = text, .cap = sizeof text - 1};
    if (width < 20 || !advice_of(&o, "fix: ", g))
        return;
    text[o.len] = 0;
    const char *rest = line_clean(&p->arena, text);
    for (unsigned indent = 0; *rest; indent = 5) {
        size_t n = line_fit(rest, width - indent), words = n;
        while (rest[n] && words > 0 && rest[words] != ' ')
            words--;
        n = words ? words : n;
        line_add_body(p, line_make(p, true, "%*s%.*s", (int)indent, "", (int)n, rest));
        rest += n + (rest[n] == ' ');
    }
}

static void add_stack(struct top_page *p, const char *title, const struct frame *frames, size_t n)
{
    if (n == 0)
        return;
    line_add_body(p, line_make(p, true, "%s", title));
    for (size_t i = 0; i < n; i++) {
        const struct frame *f = &frames[i];
        if (frame_role_heading(f))
            line_add_body(p, line_make(p, true, "%s", frame_role_heading(f)));
        const char *name = f->symbol ? f->symbol : "??", *module = f->module ? text_base_name(f->module) : "?";
        if (f->on)
            line_add_body(p, line_make(p, false, " #%zu %s  %s:%u  (%s)", i, name, f->file, f->line, f->on));
        else if (f->file)
            line_add_body(p, line_make(p, false, " #%zu %s  %s:%u%s", i, name, f->file, f->line, f->inlined ? " (inlined)" : ""));
        else
            line_add_body(p, line_make(p, false, " #%zu %s  (%s+0x%llx)", i, name, module, (unsigned long long)f->offset));
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

void top_page_group(struct top_page *p, const struct top *t, const struct group *g, const struct top_window *w)
{
    line_free(p);
    head_process(p, t, w->width);
    p->foot =
        line_make(p, true, w->width < SMALL ? "? help  arrows scroll  q back" : "? help  arrows scroll   r look now   q back to the list");
    line_add_head(p, line_make(p, false, "%llu %s, %s; oldest %s", (unsigned long long)g->count, kind_name(g->kind),
                               g->growing ? rate_words(p, g->rate_milli) : "not growing", short_age(p, g->oldest_ns)));
    line_add_body(p, line_make(p, false, "site %016llx%s: opened %llu, closed %llu", (unsigned long long)g->siteid, variant_words(p, g),
                               (unsigned long long)g->opened, (unsigned long long)g->closed));
    if (g->fd_limit_reached || g->fd_limit_in_s)
        line_add_body(p, tinted(line_make(p, false, "descriptor limit %llu %s", (unsigned long long)g->fd_limit,
                                          when_words(p, g->fd_limit_reached, g->fd_limit_in_s)),
                                is_soon(g->fd_limit_reached, g->fd_limit_in_s) ? TINT_ALARM : TINT_NONE));
    if (g->ports_reached || g->ports_in_s)
        line_add_body(p, line_make(p, false, "%llu ports to %s %s", (unsigned long long)g->ports, g->ports_peer,
                                   when_words(p, g->ports_reached, g->ports_in_s)));
    add_advice(p, g, w->width);
    add_stack(p, heading(p, g, -1), g->frames, g->n_frames);
    for (unsigned i = 0; i < g->n_told; i++) {
        if (group_told_like(g, i) && !group_told_is_within(g, i))
            line_add_body(p, line_make(p, true, "%s", heading(p, g, (int)i)));
        else if (!group_told_is_within(g, i))
            add_stack(p, heading(p, g, (int)i), g->told[i].frames, g->told[i].n_frames);
    }
    line_add_body(p, line_make(p, true, "sockets"));
    p->n_rows = g->n_findings;
}

static struct top_line row_of_socket(struct top_page *p, const struct top *t, const struct finding *f)
{
    uint64_t now = t->model.report.now_ns;
    return line_make(p, false, " fd %d  %s -> %s  %s  unread %llu", f->fd, f->local && f->local[0] ? f->local : "?",
                     f->peer && f->peer[0] ? f->peer : "?", short_age(p, now > f->since_ns ? now - f->since_ns : 0),
                     (unsigned long long)f->unread);
}

struct top_line top_row(struct top_page *p, const struct top *t, const struct group *g, size_t row, const struct top_window *w)
{
    if (row < p->n_body)
        return p->body[row];
    return g ? row_of_socket(p, t, &g->findings[row - p->n_body]) : row_of_list(p, t, row - p->n_body, w);
}
