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

#include "../../core/group.h"
#include "../../core/group_told.h"
#include "../../core/json.h"
#include "../../core/own_frames.h"
#include "../../core/siblings.h"
#include "../../core/text.h"
#include "../../core/users.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/options.h"
#include "../base/scratch.h"
#include "../base/spare.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../symbolize/ask_names.h"
#include "../symbolize/lines.h"
#include "../table/header.h"
#include "counts.h"
#include "forecast.h"
#include "generated.h"
#include "opener.h"
#include "suppressions.h"
#include "watched.h"

/* ---- which sockets --------------------------------------------------------------------------- */

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

struct naming {
    struct names_arena *names;
    const struct state_view *view;
    struct frame *frames;
    const uint16_t *modules;
    size_t n;
    bool symbols, ok;
};

/* The files of the modules have to be opened. */
static void resolve(void *arg)
{
    struct naming *a = arg;
    a->ok = names_resolve(a->names, a->view, a->frames, a->modules, a->n, a->symbols, !this_thread.no_malloc);
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
    struct naming a = {&c->names, &view, frames, modules, n, symbols, false};
    spare_run(resolve, &a);
    if (this_thread.is_raw && symbols && agent_options.symbolize && !sys_in_sandbox())
        ask_names(&c->scratch, frames, n);
    name_runtime_frames(&view, frames, n);
    if (agent_options.symbolize) /* also where the command gives the other names: it knows none of these */
        generated_name(&c->scratch, &c->names, &view, r);
    return a.ok;
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
    users_want(g);
    if (sys_in_sandbox() || this_thread.no_malloc)
        return;
    opener_now(&g->opener, g->n_findings ? g->findings[0].opened_ns : 0);
    for (unsigned i = 0; i < g->n_users; i++)
        opener_user_now(&g->users[i], users_since(g));
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
                         .print_summary = agent_options.print_summary && reason != REASON_GRACE && reason != REASON_EXHAUSTED,
                         .brief = reason == REASON_EXIT,
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
    struct gathering g = {c, select_most()};
    struct selected found;
    c->findings = scratch_get(&c->scratch, g.room * sizeof *c->findings);
    bool ok = c->findings && select_each(s, &c->scratch, &found, gather, &g);
    if (ok)
        c->report.young = found.young;
    else
        c->n_findings = 0;
    if (ok && c->n_findings) {
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
