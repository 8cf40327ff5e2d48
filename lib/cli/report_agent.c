/* SPDX-License-Identifier: MIT */
/*
 * report_agent.c: the agent's own report, with file and line, made outside of the program.
 *
 * Started by the agent with the program's rights and a time limit, its output a pipe that the agent reads. It must be quick and must not
 * wait for anything: no question to the agent (which waits for us), no debuginfod server.
 */
#include "report_agent.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/options.h"
#include "cli.h"
#include "formats.h"

struct wanted_group {
    uint8_t kind;
    uint64_t siteid;
};

static void ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line; /* the agent has said it */
}

static bool parse_groups(struct arena *a, const char *text, struct wanted_group **groups, size_t *n)
{
    size_t cap = 1;
    for (const char *p = text; *p; p++)
        cap += *p == ',';
    *groups = arena_array(a, cap, sizeof **groups);
    while (*text) {
        const char *colon = strchr(text, ':');
        char *end;
        unsigned kind = colon ? kind_from_name(text, (size_t)(colon - text)) : KIND_NONE;
        if (kind == KIND_NONE)
            return false;
        (*groups)[*n].kind = (uint8_t)kind;
        (*groups)[(*n)++].siteid = strtoull(colon + 1, &end, 16);
        if (end == colon + 1 || (*end && *end != ','))
            return false;
        text = *end ? end + 1 : end;
    }
    return true;
}

/* Keeps the groups that were asked for: a running program reports a group when it crosses grace or doubles, not all of them each time. */
static void keep_groups(struct report *r, const struct wanted_group *groups, size_t n)
{
    size_t kept = 0;
    r->leaks = r->sites = 0;
    memset(r->by_kind, 0, sizeof r->by_kind);
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        bool wanted = false, new_site = true;
        for (size_t k = 0; k < n && !wanted; k++)
            wanted = groups[k].kind == g->kind && groups[k].siteid == g->siteid;
        if (!wanted)
            continue;
        for (size_t k = 0; k < kept; k++)
            new_site = new_site && r->groups[k].siteid != g->siteid;
        r->leaks += g->count;
        r->sites += new_site;
        r->by_kind[g->kind] += g->count;
        r->groups[kept++] = *g;
    }
    r->n_groups = kept;
}

/* The file that options name, then the program's built-in text from FD (-1: none). Bad lines were the agent's to warn of. */
static void read_suppressions(struct arena *a, const char *path, int fd, struct suppression **rules, size_t *n)
{
    char *text = NULL;
    size_t len = 0, cap = 0;
    FILE *sources[2] = {path && path[0] ? fopen(path, "re") : NULL, fd >= 0 ? fdopen(fd, "r") : NULL};
    for (int i = 0; i < 2; i++) {
        while (sources[i] && !feof(sources[i]) && !ferror(sources[i]) && len < 16u << 20) {
            if (cap - len < 4097)
                text = arena_grow(text, cap = cap ? cap * 2 : 16384, 1);
            len += fread(text + len, 1, cap - len - 1, sources[i]);
        }
        if (sources[i]) {
            text = text ? text : arena_grow(NULL, cap = 16384, 1);
            text[len++] = '\n';
            fclose(sources[i]);
        }
    }
    size_t lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    *rules = arena_array(a, lines, sizeof **rules);
    char *kept = arena_bytes(a, text ? text : "", len);
    free(text);
    suppress_parse(kept, len, *rules, n, lines, ignore, NULL);
}

static unsigned reason_from_name(const char *name)
{
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (strcmp(reason_name(i), name) == 0)
            return i;
    return REASON_COUNT;
}

int report_for_agent(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"reason", required_argument, NULL, 'r'}, {"options", required_argument, NULL, 'o'},
        {"groups", required_argument, NULL, 'g'}, {"suppressions-fd", required_argument, NULL, 's'},
        {"fd", required_argument, NULL, 'f'},     {NULL, 0, NULL, 0},
    };
    struct arena arena = {0};
    struct options options;
    struct wanted_group *groups = NULL;
    size_t n_groups = 0, n_rules = 0;
    struct suppression *rules;
    uint64_t suppressions_fd = UINT64_MAX, fd = STDOUT_FILENO;
    unsigned reason = REASON_EXIT;
    options_default(&options);
    for (int c; (c = getopt_long(argc, argv, ":", long_options, NULL)) != -1;) {
        bool good = c == 'r'   ? (reason = reason_from_name(optarg)) < REASON_COUNT
                    : c == 'g' ? parse_groups(&arena, optarg, &groups, &n_groups)
                    : c == 's' ? cli_number("--suppressions-fd", optarg, INT32_MAX, &suppressions_fd)
                    : c == 'f' ? cli_number("--fd", optarg, INT32_MAX, &fd)
                               : c == 'o';
        if (!good)
            return CLI_USAGE;
        if (c == 'o')
            options_parse(&options, optarg, ignore, NULL);
    }
    if (optind != argc - 1)
        return CLI_USAGE;
    options_finish(&options);
    unsetenv("DEBUGINFOD_URLS");

    struct loaded l = {0};
    const char *why = load_file(&l, argv[optind]);
    if (why)
        return cli_fail("%s: %s", argv[optind], why);
    FILE *f = fdopen((int)fd, "w");
    if (!f) {
        load_free(&l);
        return CLI_FAILED;
    }
    read_suppressions(&arena, options.suppressions, suppressions_fd == UINT64_MAX ? -1 : (int)suppressions_fd, &rules, &n_rules);
    struct model_options mo = {.kinds = options.kinds,
                               .min_age_set = true,
                               .trust_look = true,
                               .rules = rules,
                               .n_rules = n_rules,
                               .max_sockets = options.max_sockets,
                               .max_leaks = options.max_leaks,
                               .print_summary = options.print_summary,
                               .reason = (int)reason,
                               .color = !options.log_json &&
                                        (options.color == COLOR_ALWAYS || (options.color == COLOR_AUTO && format_use_color(f)))};
    mo.min_age_ns = reason == REASON_EXIT || reason == REASON_CHECK ? 0 : options.grace_ns;
    struct symbolizer *sym = symbolizer_new(&(struct symbolize_options){.names = options.symbolize});
    struct model m;
    struct out o;
    char buf[65536];
    model_build(&m, &l, sym, &mo);
    if (groups)
        keep_groups(&m.report, groups, n_groups);
    format_open(&o, f, buf, sizeof buf);
    if (options.log_json)
        json_report(&o, &m.report);
    else
        text_report(&o, &m.report);
    if (reason == REASON_EXIT && options.print_suppressions && !options.log_json)
        suppress_print(&o, m.report.pid, rules, n_rules);
    format_flush(&o);
    bool written = fflush(f) == 0 && !ferror(f);
    model_free(&m);
    symbolizer_free(sym);
    load_free(&l);
    arena_free(&arena);
    return written ? CLI_OK : CLI_FAILED;
}
