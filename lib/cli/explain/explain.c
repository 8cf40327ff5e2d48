/* SPDX-License-Identifier: MIT */
/*
 * explain.c: `sockleak explain`: one site or socket: its life, its siblings, what was opened
 * meanwhile, who holds its number.
 */
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/group.h"
#include "../../core/group_told.h"
#include "../../core/own_frames.h"
#include "../../core/siblings.h"
#include "../base/cli.h"
#include "../model/model.h"
#include "../model/stacks.h"
#include "../render/formats.h"
#include "../state/load_words.h"
#include "../state/settings.h"
#include "story.h"

const char usage_explain[] =
    "usage: sockleak explain [options] SITE|fd:N [PID|FILE]\n"
    "\n"
    "One site or socket: its life in order of time with threads, the stacks that closed its siblings, what the same\n"
    "thread opened while it was served, and who holds its number, by the memory of the live process.\n"
    "SITE is what reports print, or its first digits (4 at least). Without PID or FILE: every state file of this user.\n"
    "\n"
    "  --full                whole stacks, and all sockets\n"
    "  --json                JSON Lines\n"
    "  --no-memory           do not read the memory of the process\n"
    "  --no-names            modules and offsets only\n"
    "  --no-source           without the source lines\n"
    "  -h, --help\n"
    "\n"
    "EXAMPLES\n"
    "  sockleak explain 5f3a9c01d2e4b678\n"
    "  sockleak explain fd:14 4242\n"
    "  sockleak explain --full 5f3a /dev/shm/sockleak-1000/4242.123456.sockleak\n";

struct explain_request {
    struct target target;
    struct symbolize_options symbols;
    bool full, json, no_memory;
};

enum { EXPLAIN_OPT_FULL = 256, EXPLAIN_OPT_JSON, EXPLAIN_OPT_NO_MEMORY, EXPLAIN_OPT_NO_NAMES, EXPLAIN_OPT_NO_SOURCE };

static const struct option explain_options[] = {
    {"full", no_argument, NULL, EXPLAIN_OPT_FULL},
    {"json", no_argument, NULL, EXPLAIN_OPT_JSON},
    {"no-memory", no_argument, NULL, EXPLAIN_OPT_NO_MEMORY},
    {"no-names", no_argument, NULL, EXPLAIN_OPT_NO_NAMES},
    {"no-source", no_argument, NULL, EXPLAIN_OPT_NO_SOURCE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The status to end with, or -1 to go on. */
static int take_explain_option(struct explain_request *a, int c, char **argv)
{
    switch (c) {
    case EXPLAIN_OPT_FULL:
        a->full = true;
        return -1;
    case EXPLAIN_OPT_JSON:
        a->json = true;
        return -1;
    case EXPLAIN_OPT_NO_MEMORY:
        a->no_memory = true;
        return -1;
    case EXPLAIN_OPT_NO_NAMES:
        a->symbols.names = false;
        return -1;
    case EXPLAIN_OPT_NO_SOURCE:
        a->symbols.source = false;
        return -1;
    case 'h':
        return cli_help();
    default:
        return cli_bad_option(c, argv);
    }
}

/* ---- what is explained ------------------------------------------------------------------------ */

static bool has_site(const struct group *g, uint64_t siteid)
{
    bool has = g->siteid == siteid;
    for (size_t i = 0; !has && i < g->n_findings; i++)
        has = g->findings[i].siteid == siteid;
    return has;
}

/* Leaves in M's report the groups of the site alone: also those that its sockets were merged into. */
static void keep_site(struct model *m, uint64_t siteid)
{
    struct report *r = &m->report;
    size_t kept = 0;
    for (size_t i = 0; i < r->n_groups; i++)
        if (has_site(&r->groups[i], siteid))
            r->groups[kept++] = r->groups[i];
    r->n_groups = kept;
}

static int by_fd(const void *a, const void *b)
{
    const struct story_told *x = a, *y = b;
    return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static void read_times(struct story *s)
{
    uint64_t pos = 0;
    size_t n = 0;
    struct state_slot slot;
    for (int fd; state_next_slot(&s->from->view, &pos, &fd, &slot);)
        n++;
    struct story_told *told = arena_array(&s->model->arena, n, sizeof *told);
    pos = 0;
    for (int fd; s->n_told < n && state_next_slot(&s->from->view, &pos, &fd, &slot);)
        told[s->n_told++] = (struct story_told){.fd = fd, .opened_ns = slot.opened_ns, .told_ns = slot.told_ns};
    if (s->n_told)
        qsort(told, s->n_told, sizeof *told, by_fd);
    s->told = told;
}

static void *memory_of_model(void *arena, size_t size) { return arena_take(arena, size); }

/* The stack of the site that has no socket open, and how its sockets were closed. */
static void tell_closed(struct story *s, struct symbolizer *sym)
{
    uint64_t pos = 0;
    state_ref ref;
    struct state_site_view v;
    struct model *m = s->model;
    struct group *g = arena_array(&m->arena, 1, sizeof *g);
    g->kind = KIND_OPEN;
    g->siteid = s->target->siteid;
    while (!g->site && state_next_site(&s->from->view, &pos, &ref, &v))
        if (v.site->siteid == g->siteid)
            g->site = ref;
    group_count(g, &s->from->view);
    siblings_find(g, &s->from->view);
    stacks_want(s->from, sym, g->site);
    for (unsigned i = 0; i < g->n_told; i++)
        stacks_want(s->from, sym, g->told[i].site);
    g->frames = stacks_frames(&m->arena, s->from, sym, g->site, &g->n_frames);
    for (unsigned i = 0; i < g->n_told; i++)
        g->told[i].frames = stacks_frames(&m->arena, s->from, sym, g->told[i].site, &g->told[i].n_frames);
    group_told_named(g);
    own_frames_show(&(struct report){.n_groups = 1, .groups = g}, memory_of_model, &m->arena);
    s->closed_site = g;
}

/* The counts of the site, over all its groups, which are the site's in each. */
static void count_site(struct story *s)
{
    const struct report *r = &s->model->report;
    const struct group *g = s->closed_site ? s->closed_site : r->n_groups ? &r->groups[0] : NULL;
    s->siteid = g ? g->siteid : 0;
    s->opened = g ? g->opened : 0;
    s->closed = g ? g->closed : 0;
    s->live = g ? g->live : 0;
}

static void add_elsewhere(struct story *s, const struct load_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct loaded_file *l = &set->items[i];
        if (l == s->from || !target_is_in(s->target, l))
            continue;
        if (s->n_elsewhere < sizeof s->elsewhere / sizeof *s->elsewhere)
            s->elsewhere[s->n_elsewhere] = load_is_live(l) ? (uint32_t)l->pid : state_head(&l->view)->pid;
        s->n_elsewhere++;
    }
}

/* ---- what else is known of a group ------------------------------------------------------------ */

static void add_meanwhile(struct story *s, struct symbolizer *sym, const struct group *g, struct story_meanwhile *m)
{
    struct arena *a = &s->model->arena;
    uint64_t *until = arena_array(a, g->n_findings, sizeof *until);
    for (size_t i = 0; i < g->n_findings; i++)
        until[i] = story_until(s, &g->findings[i]);
    meanwhile_find(&m->is, &s->from->view, g->findings, until, g->n_findings);
    struct group shown[MEANWHILE_SITES];
    struct report r = {.n_groups = m->is.n, .groups = shown};
    for (unsigned i = 0; i < m->is.n; i++)
        stacks_want(s->from, sym, m->is.sites[i].site);
    for (unsigned i = 0; i < m->is.n; i++) {
        shown[i] = (struct group){0};
        shown[i].frames = stacks_frames(a, s->from, sym, m->is.sites[i].site, &shown[i].n_frames);
    }
    own_frames_show(&r, memory_of_model, a);
    for (unsigned i = 0; i < m->is.n; i++) {
        m->frames[i] = shown[i].frames;
        m->n_frames[i] = shown[i].n_frames;
    }
}

static bool is_socket(const struct finding *f) { return f->kind != KIND_HELD_BY_CHILD && f->kind != KIND_USE_AFTER_CLOSE; }

/* Who holds the numbers of G: ALL are the groups of its site, those of G's kind are like it. */
static void add_holders(struct story *s, struct symbolizer *sym, const struct report *all, const struct group *g, struct holders *out)
{
    struct holders_asked asked = {0};
    size_t total = 1;
    if (!g->n_findings || !is_socket(&g->findings[0]) || s->from->by_kernel)
        return;
    for (size_t i = 0; i < all->n_groups; i++)
        total += all->groups[i].n_findings;
    int *fds = arena_array(&s->model->arena, total, sizeof *fds), own = g->findings[0].fd;
    asked.fds = fds;
    fds[asked.n++] = own;
    for (unsigned others = 0; others < 2; others++) {
        for (size_t i = 0; i < all->n_groups; i++)
            for (size_t k = 0; (all->groups[i].kind != g->kind) == (others == 1) && k < all->groups[i].n_findings; k++)
                if (is_socket(&all->groups[i].findings[k]) && all->groups[i].findings[k].fd != own)
                    fds[asked.n++] = all->groups[i].findings[k].fd;
        if (!others)
            asked.n_stuck = asked.n;
    }
    holders_find(out, &s->model->arena, s->from, sym, &asked);
}

/* ---- the command ------------------------------------------------------------------------------ */

static void print_story(const struct explain_request *a, const struct story *s)
{
    char buf[65536];
    struct out o;
    format_open(&o, stdout, buf, sizeof buf);
    if (a->json)
        explain_json(&o, s);
    else
        explain_text(&o, s);
    format_flush(&o);
}

/* ALL: the groups of the whole site, of which S tells all or one socket. */
static void tell(const struct explain_request *a, struct story *s, struct symbolizer *sym, const struct report *all)
{
    struct model *m = s->model;
    size_t n = m->report.n_groups;
    read_times(s);
    if (!n)
        tell_closed(s, sym);
    count_site(s);
    s->meanwhile = arena_array(&m->arena, n, sizeof *s->meanwhile);
    s->holders = arena_array(&m->arena, n, sizeof *s->holders);
    for (size_t i = 0; i < n; i++) {
        add_meanwhile(s, sym, &m->report.groups[i], &s->meanwhile[i]);
        if (!a->no_memory)
            add_holders(s, sym, all, &m->report.groups[i], &s->holders[i]);
    }
    print_story(a, s);
}

/* The site of descriptor FD in M; 0: it has none. */
static uint64_t site_of_descriptor(const struct model *m, int fd)
{
    for (size_t i = 0; i < m->report.n_groups; i++)
        for (size_t k = 0; k < m->report.groups[i].n_findings; k++)
            if (m->report.groups[i].findings[k].fd == fd && is_socket(&m->report.groups[i].findings[k]))
                return m->report.groups[i].siteid;
    return 0;
}

static int explain_file(struct explain_request *a, const struct load_set *set, const struct loaded_file *l)
{
    struct model_options o = {.kinds = KINDS_ALL, .min_age_set = true, .reason = -1};
    struct options chosen;
    options_default(&chosen);
    settings_program(&chosen, l);
    settings_environment(&chosen);
    a->symbols.source &= chosen.source;
    struct symbolizer *sym = symbolizer_new(&a->symbols);
    struct model all, one;
    struct story s = {.target = &a->target, .from = l, .full = a->full, .model = &all};
    int status = CLI_OK;
    model_build(&all, l, sym, &o);
    if (a->target.by_fd) {
        keep_site(&all, site_of_descriptor(&all, a->target.fd));
        o.only_fd = &a->target.fd;
        model_build(&one, l, sym, &o);
        s.model = &one;
        if (one.report.n_groups)
            tell(a, &s, sym, &all.report);
        else
            status =
                cli_fail("descriptor %d of process %u was closed meanwhile, or is not its own to report: it is ignored, or inherited and "
                         "not used here; `sockleak scan %u` asks the kernel",
                         a->target.fd, all.report.pid, all.report.pid);
        model_free(&one);
    } else {
        s.n_silent = target_sockets(&a->target, l);
        keep_site(&all, a->target.siteid);
        add_elsewhere(&s, set);
        tell(a, &s, sym, &all.report);
    }
    model_free(&all);
    symbolizer_free(sym);
    return status;
}

int cmd_explain(int argc, char **argv)
{
    struct explain_request a = {.symbols = {.names = true, .source = true}};
    struct load_set set = {0};
    int c, status = CLI_OK;
    while ((c = getopt_long(argc, argv, ":h", explain_options, NULL)) != -1) {
        int end = take_explain_option(&a, c, argv);
        if (end >= 0)
            return end;
    }
    if (optind == argc)
        return cli_misuse("name a site (its 16 hex digits, or the first of them) or a descriptor (fd:14)");
    if (argc - optind > 2)
        return cli_misuse("one site or descriptor, and one process or file at most");
    status = target_parse(&a.target, argv[optind]);
    if (status != CLI_OK)
        return status;
    if (optind + 1 < argc)
        load_words_add(&set, argv[optind + 1], &status);
    else
        load_words_all(&set, &status);
    load_set_refresh(&set, 1000);
    if (set.n) {
        const struct loaded_file *l = target_choose(&a.target, &set);
        int told = l ? explain_file(&a, &set, l) : CLI_FAILED;
        status = told != CLI_OK ? told : status;
    } else if (status == CLI_OK)
        status = CLI_FAILED; /* load_words has said why */
    load_set_free(&set);
    int flushed = cli_flush();
    return status != CLI_OK ? status : flushed;
}
