/* SPDX-License-Identifier: MIT */
/*
 * report.c: `sockleak report`: what is stuck in live or dead processes, from their state files.
 *
 * A bad file gives one line and status 1; the others are reported all the same.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "../model/circumstances.h"
#include "../model/model.h"
#include "../model/shown.h"
#include "../render/formats.h"
#include "../render/pprof.h"
#include "../render/redact.h"
#include "../state/load_set.h"
#include "../state/load_words.h"
#include "../state/settings.h"
#include "../state/suppression_files.h"
#include "../symbolize/symbolize.h"
#include "bare.h"
#include "for_agent.h"

const char usage_report[] =
    "usage: sockleak report [options] [PID|FILE|DIR...]\n"
    "\n"
    "The report of live or dead processes, with file and line. Without an argument: every state file of this user.\n"
    "A live process is asked for a fresh look; a stopped, hanging or dormant one is judged by the kernel's tables.\n"
    "Of a process that has ended its number finds the state file that it has left.\n"
    "\n"
    "  --format FORMAT       text (default), json (JSON Lines), folded (flame graphs), junit, sarif,\n"
    "                        pprof (a file for go tool pprof), html (a page)\n"
    "  --kinds KINDS         close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,\n"
    "                        use_after_close,open or all (default: the process' own)\n"
    "  --min-age TIME        only what has been stuck so long (default: the process' grace; 0 for a dead one)\n"
    "  --sort KEY            stuck (default), rate or age\n"
    "  --max-sockets N       sockets listed in a group in text (default 8)\n"
    "  --suppressions FILE   leave out what matches; may be given several times\n"
    "  --exitcode N          end with N when there is a finding\n"
    "  --redact              leave out addresses, names of hosts and users, and folders above the working directory:\n"
    "                        for what is sent to others\n"
    "  --gen-suppressions    print a ready line for every group instead of the report\n"
    "  --sysroot DIR         find the programs and libraries below DIR (files of another machine)\n"
    "  --debug-dir DIR       find separate debug files, or the programs themselves, in DIR too; may be given\n"
    "                        several times\n"
    "  --no-names            modules and offsets only\n"
    "  --no-source           without the source line below the program's first frame\n"
    "  --verbose             say for which modules no names were found\n"
    "  -h, --help\n"
    "\n"
    "EXAMPLES\n"
    "  sockleak report 4242\n"
    "  sockleak report /dev/shm/sockleak-1000/4242.123456.sockleak\n"
    "  sockleak report --format html > leaks.html\n"
    "  sockleak report --format folded | flamegraph.pl > leaks.svg\n"
    "  sockleak report --format pprof > leaks.pb.gz && go tool pprof -top leaks.pb.gz\n"
    "  sockleak report --sysroot /mnt/image --debug-dir ./debug 17.4711.sockleak\n";

struct report_request {
    enum format format;
    struct symbolize_options symbols;
    struct model_options model;
    bool max_sockets_set;
    struct suppression_files suppressions;
    char *debug_dirs; /* with ':' between */
    bool verbose, redact;
    uint64_t exitcode;
};

enum {
    REPORT_OPT_FORMAT = 256,
    REPORT_OPT_KINDS,
    REPORT_OPT_MIN_AGE,
    REPORT_OPT_SORT,
    REPORT_OPT_MAX_SOCKETS,
    REPORT_OPT_SUPPRESSIONS,
    REPORT_OPT_GENSUPP,
    REPORT_OPT_SYSROOT,
    REPORT_OPT_DEBUG_DIR,
    REPORT_OPT_NO_NAMES,
    REPORT_OPT_NO_SOURCE,
    REPORT_OPT_VERBOSE,
    REPORT_OPT_EXITCODE,
    REPORT_OPT_REDACT
};

static const struct option report_options[] = {
    {"format", required_argument, NULL, REPORT_OPT_FORMAT},
    {"kinds", required_argument, NULL, REPORT_OPT_KINDS},
    {"min-age", required_argument, NULL, REPORT_OPT_MIN_AGE},
    {"sort", required_argument, NULL, REPORT_OPT_SORT},
    {"max-sockets", required_argument, NULL, REPORT_OPT_MAX_SOCKETS},
    {"suppressions", required_argument, NULL, REPORT_OPT_SUPPRESSIONS},
    {"gen-suppressions", no_argument, NULL, REPORT_OPT_GENSUPP},
    {"sysroot", required_argument, NULL, REPORT_OPT_SYSROOT},
    {"debug-dir", required_argument, NULL, REPORT_OPT_DEBUG_DIR},
    {"no-names", no_argument, NULL, REPORT_OPT_NO_NAMES},
    {"no-source", no_argument, NULL, REPORT_OPT_NO_SOURCE},
    {"verbose", no_argument, NULL, REPORT_OPT_VERBOSE},
    {"exitcode", required_argument, NULL, REPORT_OPT_EXITCODE},
    {"redact", no_argument, NULL, REPORT_OPT_REDACT},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* What is asked of them is the process' own choice too. */
enum { SYMBOLIZE_NOTHING, SYMBOLIZE_NAMES, SYMBOLIZE_SOURCE, SYMBOLIZERS };

static void add_debug_dir(struct report_request *a, const char *dir)
{
    const char *before = a->debug_dirs ? a->debug_dirs : "";
    size_t room = strlen(before) + strlen(dir) + 2;
    char *both = arena_grow(NULL, room, 1);
    snprintf(both, room, "%s%s%s", before, before[0] ? ":" : "", dir);
    free(a->debug_dirs);
    a->symbols.debug_dir = a->debug_dirs = both;
}

/* The status to end with, or -1 to go on. */
static int take_report_option(struct report_request *a, int c, char **argv)
{
    uint64_t number;
    switch (c) {
    case REPORT_OPT_FORMAT:
        if (!format_from_name(optarg, &a->format))
            return cli_misuse("--format %s: not a format; there are text, json, folded, junit, sarif, pprof, html", optarg);
        if (a->format == FORMAT_PPROF && pprof_missing())
            return cli_fail("%s", pprof_missing());
        return -1;
    case REPORT_OPT_KINDS:
        return cli_kinds("--kinds", optarg, &a->model.kinds) ? -1 : CLI_USAGE;
    case REPORT_OPT_MIN_AGE:
        a->model.min_age_set = true;
        return cli_time("--min-age", optarg, &a->model.min_age_ns) ? -1 : CLI_USAGE;
    case REPORT_OPT_SORT:
        if (strcmp(optarg, "stuck") == 0)
            a->model.sort = SORT_STUCK;
        else if (strcmp(optarg, "rate") == 0)
            a->model.sort = SORT_RATE;
        else if (strcmp(optarg, "age") == 0)
            a->model.sort = SORT_AGE;
        else
            return cli_misuse("--sort %s: sort by stuck, rate or age", optarg);
        return -1;
    case REPORT_OPT_MAX_SOCKETS:
        if (!cli_number("--max-sockets", optarg, 1000000, &number))
            return CLI_USAGE;
        a->model.max_sockets = (unsigned)number;
        a->max_sockets_set = true;
        return -1;
    case REPORT_OPT_SUPPRESSIONS:
        suppression_files_add(&a->suppressions, optarg);
        return -1;
    case REPORT_OPT_GENSUPP:
        a->format = FORMAT_SUPPRESSIONS;
        return -1;
    case REPORT_OPT_SYSROOT:
        a->symbols.sysroot = optarg;
        return -1;
    case REPORT_OPT_DEBUG_DIR:
        add_debug_dir(a, optarg);
        return -1;
    case REPORT_OPT_NO_NAMES:
        a->symbols.names = false;
        return -1;
    case REPORT_OPT_NO_SOURCE:
        a->symbols.source = false;
        return -1;
    case REPORT_OPT_VERBOSE:
        a->verbose = true;
        return -1;
    case REPORT_OPT_EXITCODE:
        return cli_number("--exitcode", optarg, 255, &a->exitcode) ? -1 : CLI_USAGE;
    case REPORT_OPT_REDACT:
        a->redact = true;
        return -1;
    case 'h':
        return cli_help();
    default:
        return cli_bad_option(c, argv);
    }
}

static void warn_trouble(void *arg, const char *line)
{
    (void)arg;
    cli_warn("no names for %s", line);
}

/*
 * How one process is reported: the program's default options, over them the environment's, over
 * them the request's.
 */
static void build_model(struct model *m, const struct loaded_file *l, const struct report_request *a,
                        struct symbolizer *const sym[SYMBOLIZERS], struct settings_rules *own)
{
    struct options chosen;
    struct model_options o = a->model;
    options_default(&chosen);
    settings_program(&chosen, l);
    settings_environment(&chosen);
    o.max_leaks = a->format == FORMAT_SUPPRESSIONS ? 0 : chosen.max_leaks;
    o.max_sockets = a->max_sockets_set ? o.max_sockets : chosen.max_sockets;
    o.print_summary = chosen.print_summary;
    o.no_handlers = !(chosen.runtimes & RUNTIME_BIT(RUNTIME_JAVASCRIPT));
    o.color = a->format == FORMAT_TEXT && format_use_color(stdout, chosen.color);
    o.own = settings_rules_of(own, l, &o.n_own);
    bool names = chosen.symbolize && a->symbols.names, source = chosen.source && a->symbols.source;
    model_build(m, l, sym[!names ? SYMBOLIZE_NOTHING : source ? SYMBOLIZE_SOURCE : SYMBOLIZE_NAMES], &o);
}

/* Files of another version, each version once: what is not in them. */
static void warn_versions(const struct load_set *set)
{
    char before[32] = "";
    for (size_t i = 0; i < set->n; i++) {
        const struct state_header *h = state_head(&set->items[i].view);
        char version[sizeof h->agent_version];
        state_string(version, sizeof version, h->agent_version, sizeof h->agent_version);
        const char *lacks = state_lacks(version, SOCKLEAK_VERSION);
        if (lacks && strcmp(version, before) != 0)
            cli_warn("process %u was recorded by sockleak %s, %s", h->pid, version, lacks);
        snprintf(before, sizeof before, "%s", version);
    }
}

/* What became of each process, for the formats that have no place for it. */
static void warn_circumstances(const struct model *models, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char circumstances[256], unrecorded[256];
        struct out o = {.buf = unrecorded, .cap = sizeof unrecorded - 1};
        shown_unrecorded(&o, &models[i]);
        unrecorded[o.len] = 0;
        if (o.len)
            cli_warn("process %u (%s): %s", models[i].report.pid, models[i].report.exe, unrecorded);
        if (models[i].from->life == LIFE_EXITED) /* the usual end */
            continue;
        model_circumstances(&models[i], circumstances, sizeof circumstances);
        if (circumstances[0])
            cli_warn("process %u (%s): %s", models[i].report.pid, models[i].report.exe, circumstances);
    }
}

/* Prints what A asks for, and gives the number of the leaks in it. */
static uint64_t print_models(struct report_request *a, const struct load_set *set)
{
    struct symbolize_options names = a->symbols;
    names.source = false;
    struct symbolizer *sym[SYMBOLIZERS] = {[SYMBOLIZE_NOTHING] = symbolizer_new(&(struct symbolize_options){.names = false}),
                                           [SYMBOLIZE_NAMES] = symbolizer_new(&names),
                                           [SYMBOLIZE_SOURCE] = symbolizer_new(&a->symbols)};
    uint64_t leaks = 0;
    struct redaction redaction;
    struct settings_rules own = {0};
    struct model *models = arena_grow(NULL, set->n + 1, sizeof *models);
    for (size_t i = 0; i < set->n; i++)
        build_model(&models[i], &set->items[i], a, sym, &own);
    if (a->redact)
        redact_begin(&redaction);
    for (size_t i = 0; i < set->n; i++) {
        leaks += models[i].report.leaks;
        if (a->redact)
            redact_model(&redaction, &models[i]);
    }
    a->model.redacted = a->redact;
    if (set->n || a->format == FORMAT_JUNIT || a->format == FORMAT_SARIF || a->format == FORMAT_PPROF || a->format == FORMAT_HTML)
        format_models(stdout, a->format, models, set->n, &a->model);
    if (a->format != FORMAT_TEXT)
        warn_circumstances(models, set->n);
    if (a->verbose)
        for (unsigned i = 0; i < SYMBOLIZERS; i++)
            symbolize_troubles(sym[i], warn_trouble, NULL);
    for (size_t i = 0; i < set->n; i++)
        model_free(&models[i]);
    free(models);
    if (a->redact)
        redact_end(&redaction);
    for (unsigned i = 0; i < SYMBOLIZERS; i++)
        symbolizer_free(sym[i]);
    settings_rules_free(&own);
    return leaks;
}

/* Reports WORDS, N of them (0: every state file of this user), and frees what A holds. */
static int report_words(struct report_request *a, const char *const *words, int n)
{
    struct options chosen;
    struct arena arena = {0};
    int status = CLI_OK;
    options_default(&chosen);
    settings_environment(&chosen);
    if (chosen.suppressions[0])
        suppression_files_add(&a->suppressions, chosen.suppressions);
    if (!suppression_files_read(&arena, &a->suppressions, &a->model.rules, &a->model.n_rules))
        return CLI_FAILED;
    struct load_set set = {0};
    for (int i = 0; i < n; i++)
        if (report_bare(words[i]))
            status = CLI_FAILED;
        else
            load_words_add(&set, words[i], &status);
    if (n == 0)
        load_words_all(&set, &status);
    load_set_refresh(&set, 1000);
    warn_versions(&set);
    a->model.unread = status != CLI_OK;
    uint64_t leaks = print_models(a, &set);
    free(a->debug_dirs);
    free(a->suppressions.paths);
    load_set_free(&set);
    arena_free(&arena);
    int flushed = cli_flush();
    status = status != CLI_OK ? status : flushed;
    return status == CLI_OK && leaks ? (int)a->exitcode : status;
}

int report_process(const char *what, uint64_t min_age_ns)
{
    bool given = min_age_ns != UINT64_MAX;
    struct report_request a = {.model = {.reason = -1, .min_age_set = given, .min_age_ns = given ? min_age_ns : 0},
                               .symbols = {.names = true, .source = true}};
    return report_words(&a, &what, 1);
}

int cmd_report(int argc, char **argv)
{
    struct report_request a = {.model = {.reason = -1}, .symbols = {.names = true, .source = true}};
    int c;
    if (argc > 1 && strcmp(argv[1], "--for-agent") == 0)
        return report_for_agent(argc - 1, argv + 1);
    while ((c = getopt_long(argc, argv, ":h", report_options, NULL)) != -1) {
        int end = take_report_option(&a, c, argv);
        if (end >= 0)
            return end;
    }
    if (a.redact && a.format == FORMAT_SUPPRESSIONS)
        return cli_misuse("--redact and --gen-suppressions: suppressions must have the names that are there");
    return report_words(&a, (const char *const *)argv + optind, argc - optind);
}
