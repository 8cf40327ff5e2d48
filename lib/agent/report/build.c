/* SPDX-License-Identifier: MIT */
/*
 * build.c: puts a report together from the live table.
 *
 * Called with the watch lock held, by the watcher, at exit, or by a check of the program's, right
 * after the sockets were checked: the kinds are those of the details. Names cost the most, so they
 * come last, and only for groups that will be shown.
 */
#include "build.h"

#include <string.h>

#include "../../core/finding.h"
#include "../../core/group.h"
#include "../../core/hash.h"
#include "../../core/json.h"
#include "../../core/judge.h"
#include "../../core/own_frames.h"
#include "../../core/siblings.h"
#include "../../core/text.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/options.h"
#include "../base/scratch.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../stacks/sites.h"
#include "../symbolize/lines.h"
#include "../table/header.h"
#include "../track/held.h"
#include "../track/probe.h"
#include "counts.h"
#include "forecast.h"
#include "generated.h"
#include "opener.h"
#include "suppressions.h"
#include "uses.h"
#include "watched.h"

/* ---- which sockets --------------------------------------------------------------------------- */

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

static bool selected(const struct selection *s, const struct state_slot *slot)
{
    return finding_counts(slot) && slot->opened_ns >= s->since_ns && (!s->tid || slot->tid == s->tid) && (!s->tag || slot->tag == s->tag);
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
    if (probe(fd, slot, -1, &o) < 0 || judge(&o).kind != KIND_OPEN)
        return false;
    f->family = (uint8_t)o.family;
    f->tcp_state = (uint8_t)o.tcp_state;
    f->unread = o.unread;
    f->transfer = o.transfer;
    /* Nobody saw an adopted socket opened: only how long no byte has moved is known. */
    if (f->adopted && o.idle_ns && o.idle_ns < clock_now())
        f->since_ns = clock_now() - o.idle_ns;
    probe_addresses(fd, local, peer);
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
    return stamped ? atomic_load(&slot->cookie) : probe_cookie(fd);
}

static bool use_selected(const struct selection *s, const struct state_use *u)
{
    bool tid = !s->tid || u->opened_tid == s->tid || u->used_tid == s->tid;
    bool due = !s->due_only || (u->used_ns <= s->used_until_ns && !atomic_load(&u->reported));
    return tid && due && u->used_ns >= s->since_ns && (!s->tag || u->tag == s->tag);
}

static size_t each_use(const struct selection *s, const struct state_view *view, void (*call)(void *arg, const struct finding *f),
                       void *arg)
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
static size_t each(const struct selection *s, struct seen *seen, uint64_t *young, void (*call)(void *arg, const struct finding *f),
                   void *arg)
{
    struct state_view view = table_view();
    struct state_finder find = {0};
    uint64_t now = clock_now();
    size_t n = 0;
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1)) {
        struct state_slot slot;
        struct finding f;
        char local[96], peer[96], tag[64];
        if (!state_copy_slot(slot_of(fd), &slot) || !selected(s, &slot))
            continue;
        finding_from_slot(&f, fd, &slot, &view);
        if (!judged(s, &f, &slot, state_slot_detail(&view, &slot), now, local, peer) || (s->at_exit && finding_is_from_outside(&f)) ||
            seen_again(seen, cookie_of(fd, &slot)))
            continue;
        if (f.kind != KIND_OPEN && now < f.since_ns + s->young_ns) {
            *young += 1;
            continue;
        }
        if (!f.family) {
            struct identity id;
            if (probe_identity(fd, &id) == 0) {
                f.family = (uint8_t)id.family;
                f.type = (uint8_t)id.type;
                f.protocol = (uint16_t)id.protocol;
            }
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
static size_t each_held(const struct selection *s, void (*call)(void *arg, const struct finding *f), void *arg)
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

static size_t live_slots(void)
{
    size_t n = uses_count();
    for (int fd = slot_next(0); fd >= 0; fd = slot_next(fd + 1))
        n++;
    return n;
}

static bool make_seen(struct scratch **scratch, struct seen *seen, size_t slots)
{
    for (seen->room = 64; seen->room < slots * 2 + 64;)
        seen->room *= 2;
    seen->cookie = scratch_get(scratch, seen->room * sizeof *seen->cookie);
    return seen->cookie != NULL;
}

bool select_count(const struct selection *s, size_t *n)
{
    struct scratch *scratch = NULL;
    struct seen seen;
    bool ok = make_seen(&scratch, &seen, live_slots());
    uint64_t young = 0;
    *n = each(s, &seen, &young, NULL, NULL) + each_held(s, NULL, NULL);
    scratch_free(&scratch);
    return ok || !*n;
}

struct gathering {
    struct built *c;
    size_t room;
};

static void gather(void *arg, const struct finding *f)
{
    struct gathering *g = arg;
    struct built *c = g->c;
    size_t n_rules;
    struct suppression *rules = suppressions_rules(&n_rules);
    struct suppression *rule = suppress_socket(rules, n_rules, f);
    if (rule) {
        rule->sockets++;
        c->report.suppressed += !rule->builtin;
        return;
    }
    if (c->n_findings == g->room)
        return;
    struct finding *copy = &c->findings[c->n_findings++];
    *copy = *f;
    copy->local = scratch_string(&c->scratch, f->local);
    copy->peer = scratch_string(&c->scratch, f->peer);
    copy->asked = scratch_string(&c->scratch, f->asked);
    copy->tag = scratch_string(&c->scratch, f->tag);
}

/* ---- names and counts ------------------------------------------------------------------------ */

static size_t place_frames(const struct state_view *view, state_ref ref, struct frame *frames, uint16_t *modules,
                           const struct frame **where)
{
    struct state_site_view site;
    if (!state_site_at(view, ref, &site))
        return 0;
    for (unsigned i = 0; frames && i < site.nframes; i++) {
        const struct state_module *m = state_module_at(view, site.modules[i]);
        struct state_frame_view f;
        frames[i].pc = site.pcs[i];
        frames[i].interpreter = m && m->interpreter;
        if (state_frame_at(view, site.pcs[i], &f))
            frames[i].runtime = f.runtime;
        modules[i] = site.modules[i];
    }
    if (frames)
        own_frames_settle(frames, site.nframes);
    *where = frames;
    return site.nframes;
}

/* How many frames G's stacks have. They are placed at FRAMES and MODULES, unless these are NULL. */
static size_t frames_of_group(const struct state_view *view, struct group *g, struct frame *frames, uint16_t *modules)
{
    const struct frame *where = NULL;
    size_t n = place_frames(view, g->site, frames, modules, &where);
    if (frames) {
        g->frames = where;
        g->n_frames = n;
    }
    for (unsigned i = 0; i < g->n_told; i++) {
        size_t told = place_frames(view, g->told[i].site, frames ? frames + n : NULL, modules ? modules + n : NULL, &where);
        if (frames) {
            g->told[i].frames = where;
            g->told[i].n_frames = told;
        }
        n += told;
    }
    return n;
}

/* The frames of a runtime have their names in the table. */
static void name_runtime_frames(const struct state_view *view, struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct state_frame_view f;
        if (frames[i].runtime == RUNTIME_NATIVE || !state_frame_at(view, frames[i].pc, &f))
            continue;
        frames[i].symbol = f.function;
        frames[i].file = f.file;
        frames[i].line = f.frame->line;
        frames[i].column = state_frame_column(f.frame);
        frames[i].line_of_function = f.frame->flags & FRAME_LINE_OF_FUNCTION;
    }
}

bool report_name_frames(struct built *c, bool symbols)
{
    struct state_view view = table_view();
    struct report *r = &c->report;
    size_t n = 0;
    for (size_t i = 0; i < r->n_groups; i++)
        n += frames_of_group(&view, &r->groups[i], NULL, NULL);
    struct frame *frames = scratch_get(&c->scratch, (n + 1) * sizeof *frames);
    uint16_t *modules = scratch_get(&c->scratch, (n + 1) * sizeof *modules);
    if (!frames || !modules)
        return false;
    n = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        n += frames_of_group(&view, &r->groups[i], frames + n, modules + n);
    }
    bool ok = names_resolve(&c->names, &view, frames, modules, n, symbols, !this_thread.no_malloc);
    name_runtime_frames(&view, frames, n);
    if (agent_options.symbolize) /* also where the command gives the other names: it knows none of these */
        generated_name(&c->scratch, &c->names, &view, r);
    return ok;
}

static void count_group(struct group *g)
{
    struct state_view view = table_view();
    group_count(g, &view);
    siblings_find(g, &view);
    const struct counts *t = g->of_eof ? NULL : counts_of(g->site, g->kind); /* that one is of all without a stack */
    if (t) {
        g->growing = counts_trend(t) == TREND_GROWING;
        g->steady = counts_trend(t) == TREND_STEADY;
        g->rate_milli = counts_rate_milli(t);
    }
    if (g->rate_milli && g->kind != KIND_HELD_BY_CHILD) /* the descriptors are other processes' */
        forecast(g);
}

/*
 * What names and threads add. A thread's name is read from a file: not in a sandbox, nor in the
 * program's signal handler.
 */
static void finish_group(struct group *g)
{
    group_told_named(g);
    if (!sys_in_sandbox() && !this_thread.no_malloc)
        opener_now(&g->opener, g->n_findings ? g->findings[0].opened_ns : 0);
}

static void count_match(struct report *r, const struct group *g, struct suppression *rule)
{
    rule->groups++;
    rule->sockets += g->count;
    r->suppressed += rule->builtin ? 0 : g->count;
}

static void drop_suppressed(struct report *r)
{
    size_t n_rules, kept = 0;
    struct suppression *rules = suppressions_rules(&n_rules);
    for (size_t i = 0; i < r->n_groups; i++) {
        struct suppression *rule = suppress_group(rules, n_rules, &r->groups[i]);
        if (rule)
            count_match(r, &r->groups[i], rule);
        else
            r->groups[kept++] = r->groups[i];
    }
    r->n_groups = kept;
}

/*
 * Asks for the files and lines of those groups that no rule has decided yet, and keeps what the
 * rules decide. The groups themselves do not change.
 */
static void learn_by_lines(struct built *c, const struct suppression *rules, size_t n_rules)
{
    struct report asked = c->report;
    struct suppression *ignored;
    asked.n_groups = 0;
    asked.groups = scratch_get(&c->scratch, (c->report.n_groups + 1) * sizeof *asked.groups);
    for (size_t i = 0; asked.groups && i < c->report.n_groups; i++) {
        const struct group *g = &c->report.groups[i];
        if (g->siteid && suppress_may_match(rules, n_rules, g->kind) && !suppressions_known(g, &ignored))
            asked.groups[asked.n_groups++] = *g;
    }
    if (asked.n_groups)
        lines_resolve(&c->scratch, &asked);
    /* Also when no answer came: else the watcher would wait for one at each check. */
    for (size_t i = 0; i < asked.n_groups; i++)
        suppressions_learnt(&asked.groups[i], suppress_group((struct suppression *)(uintptr_t)rules, n_rules, &asked.groups[i]));
}

/* For a report without lines: a rule may name a file, or a function that was inlined. */
static void drop_by_lines(struct built *c)
{
    size_t n_rules, kept = 0;
    const struct suppression *rules = suppressions_rules(&n_rules);
    struct report *r = &c->report;
    bool any = false;
    for (size_t i = 0; i < r->n_groups && !any; i++)
        any = suppress_may_match(rules, n_rules, r->groups[i].kind);
    if (!any)
        return;
    learn_by_lines(c, rules, n_rules);
    for (size_t i = 0; i < r->n_groups; i++) {
        struct suppression *rule = NULL;
        if (suppressions_known(&r->groups[i], &rule) && rule)
            count_match(r, &r->groups[i], rule);
        else
            r->groups[kept++] = r->groups[i];
    }
    r->n_groups = kept;
}

static void total(struct report *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        r->leaks += g->count;
        r->by_kind[g->kind] += g->count;
        bool counted = false;
        for (size_t j = 0; j < i && !counted; j++)
            counted = r->groups[j].siteid == g->siteid;
        r->sites += !counted;
    }
    if (agent_options.max_leaks && r->n_groups > agent_options.max_leaks) {
        for (size_t i = agent_options.max_leaks; i < r->n_groups; i++)
            r->sockets_left_out += r->groups[i].count;
        r->groups_left_out = r->n_groups - agent_options.max_leaks;
        r->n_groups = agent_options.max_leaks;
    }
    table_dropped(DROP_LOG, log_take_lost());
    for (unsigned i = 0; i < DROP_COUNT; i++)
        r->dropped += table_drops(i);
    r->unwritten = table_drops(DROP_LOG);
}

void report_head(struct report *r, enum reason reason)
{
    *r = (struct report){.pid = table_pid(),
                         .exe = table_exe(),
                         .host = table_host(),
                         .reason = (uint8_t)reason,
                         .now_ns = clock_now(),
                         .now_real_ns = clock_now_real(),
                         .stretched_ms = reason == REASON_CHECK ? 0 : table_stretched_ms(),
                         .print_summary = agent_options.print_summary && reason != REASON_GRACE,
                         .max_sockets = agent_options.max_sockets,
                         .color = log_has_color()};
}

/*
 * The list at exit says how often each rule matched in the last report. Summed over several
 * reports, one socket would count once for each.
 */
static void count_matches_anew(void)
{
    size_t n;
    struct suppression *rules = suppressions_rules(&n);
    for (size_t i = 0; i < n; i++)
        rules[i].sockets = rules[i].groups = 0;
}

/*
 * When only the number is asked for, names matter to the built-in rules only: what the user's rules
 * leave out is counted too.
 */
static bool may_be_idiom(const struct report *r)
{
    size_t n_rules;
    const struct suppression *rules = suppressions_rules(&n_rules);
    for (size_t i = 0; i < n_rules; i++)
        for (size_t g = 0; rules[i].builtin && g < r->n_groups; g++)
            if (rules[i].kinds & KIND_BIT(r->groups[g].kind))
                return true;
    return false;
}

/* How much is known of the stacks of a report. */
struct asking {
    bool may_ask; /* another process for files and lines */
    bool lines;   /* and it is asked before the report is made */
};

static struct asking asking_of(const struct selection *s, enum reason reason)
{
    struct asking a;
    /* Without a watcher the signal handler makes this report, and starts no process for it. */
    bool in_handler = reason == REASON_SIGNAL && this_thread.no_malloc;
    a.may_ask = agent_options.symbolize && !sys_in_sandbox() && !in_handler;
    a.lines = a.may_ask && !s->counted_only && (reason == REASON_EXIT || reason == REASON_CHECK);
    return a;
}

static void make_groups(struct built *c, const struct selection *s, const struct asking *a)
{
    c->report.n_groups = group_findings(c->findings, c->n_findings, c->report.groups, c->report.now_ns);
    for (size_t i = 0; i < c->report.n_groups; i++)
        count_group(&c->report.groups[i]);
    bool known = a->lines && report_name_frames(c, false) && lines_known(&c->scratch, &c->report);
    if (!known && (!s->number_only || may_be_idiom(&c->report)))
        report_name_frames(c, agent_options.symbolize);
    /* There is time for lines at the end, or when a test asks. A running program must not be
     * slowed down by a process that reads its symbols. */
    if (a->lines && !known)
        lines_resolve(&c->scratch, &c->report);
}

/*
 * Without names two reserves of one line may look like one each: then the reader of the number
 * decides.
 */
static void leave_out_reserves(struct built *c, const struct selection *s, const struct asking *a)
{
    enum kind kind = !s->due_only && (s->kinds & KIND_BIT(KIND_OPEN)) ? KIND_OPEN : KIND_NONE;
    if ((s->number_only && c->n_findings > 1) || !group_settle_reserves(c->report.groups, c->report.n_groups, kind))
        return;
    c->n_findings = group_drop_settled(c->findings, c->n_findings);
    c->report.n_groups = 0;
    if (c->n_findings)
        make_groups(c, s, a);
}

static void *memory_of_report(void *arg, size_t size) { return scratch_get(arg, size); }

bool report_build(struct built *c, const struct selection *s, enum reason reason)
{
    memset(c, 0, sizeof *c);
    count_matches_anew();
    report_head(&c->report, reason);
    struct gathering g = {c, live_slots() + HELD_MAX + 64};
    struct seen seen;
    c->findings = scratch_get(&c->scratch, g.room * sizeof *c->findings);
    bool ok = c->findings && make_seen(&c->scratch, &seen, g.room);
    if (ok && each(s, &seen, &c->report.young, gather, &g) + each_held(s, gather, &g) && c->n_findings) {
        c->report.groups = scratch_get(&c->scratch, c->n_findings * sizeof *c->report.groups);
        ok = c->report.groups != NULL;
    }
    if (ok && c->n_findings) {
        struct asking a = asking_of(s, reason);
        make_groups(c, s, &a);
        leave_out_reserves(c, s, &a);
        for (size_t i = 0; i < c->report.n_groups && !s->counted_only; i++)
            finish_group(&c->report.groups[i]);
        drop_suppressed(&c->report);
        if (a.may_ask && !a.lines && !s->number_only)
            drop_by_lines(c);
        own_frames_show(&c->report, memory_of_report, &c->scratch);
        total(&c->report);
        if (!s->counted_only && !s->number_only)
            watched_find(&c->report, &c->scratch);
    }
    if (!ok)
        table_drop(DROP_LOG);
    return ok;
}

void report_free(struct built *c)
{
    names_free(&c->names);
    scratch_free(&c->scratch);
}

bool report_write(const struct built *c, int fd)
{
    struct out o;
    scratch_out(&o);
    if (agent_options.log_json)
        json_report(&o, &c->report);
    else
        text_report(&o, &c->report);
    if (o.lost) /* no memory for the rest of it */
        table_drop(DROP_LOG);
    bool ok = !o.lost;
    ok &= fd < 0 ? log_write(o.buf, o.len) : log_write_to(fd, o.buf, o.len);
    scratch_out_free(&o);
    table_dropped(DROP_LOG, log_take_lost());
    return ok;
}
