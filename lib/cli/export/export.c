/* SPDX-License-Identifier: MIT */
/*
 * export.c: `sockleak export`: what is asked for, and the forms that need nothing else: once, and
 * the textfile.
 *
 * serve.c listens, push.c posts.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "push.h"
#include "replace_file.h"
#include "scrape.h"
#include "serve.h"

const char usage_export[] = "usage: sockleak export [--once | --listen ADDR:PORT | --textfile FILE | --otlp URL] [options]\n"
                            "\n"
                            "Metrics of all processes that carry the agent, live ones and those whose state files are there, and of every\n"
                            "other process as the kernel's tables show it. As root of all users and containers, else of one's own. No\n"
                            "process is stopped or changed. Without a form it prints once.\n"
                            "\n"
                            "  --once                print the metrics and end\n"
                            "  --listen ADDR:PORT    serve over HTTP: /metrics (OpenMetrics, or Prometheus' older text by Accept),\n"
                            "                        /debug/pprof/sockets (for go tool pprof, Parca, Pyroscope), / (a page), /healthz.\n"
                            "                        9842 on 127.0.0.1 is usual; port 0 takes a free one, and says which. A socket that\n"
                            "                        systemd hands over is taken instead\n"
                            "  --textfile FILE       write them for node_exporter's textfile collector, replaced at once\n"
                            "  --otlp URL            post them to an OpenTelemetry collector (http://127.0.0.1:4318)\n"
                            "  --interval TIME       how often, with --textfile (15s) and --otlp (60s)\n"
                            "  --max-sites N         sites a process with series of their own (50); the rest are one, site=\"other\"\n"
                            "  -h, --help\n"
                            "\n"
                            "EXAMPLES\n"
                            "  sockleak export | grep '^sockleak_stuck'\n"
                            "  sudo sockleak export --listen 127.0.0.1:9842\n"
                            "  sudo sockleak export --textfile /var/lib/prometheus/node-exporter/sockleak.prom\n"
                            "  go tool pprof -top http://127.0.0.1:9842/debug/pprof/sockets\n";

enum { EXPORT_OPT_ONCE = 256, EXPORT_OPT_LISTEN, EXPORT_OPT_TEXTFILE, EXPORT_OPT_OTLP, EXPORT_OPT_INTERVAL, EXPORT_OPT_MAX_SITES };

struct export_request {
    int form; /* EXPORT_OPT_ONCE ..., 0: none was given */
    const char *form_word, *target;
    uint64_t interval_ns, max_sites;
};

static int print_once(struct collector *c)
{
    size_t len;
    char *text = scrape_text(c, METRICS_COMMENTED, &len);
    fwrite(text, 1, len, stdout);
    free(text);
    return cli_flush();
}

/* The first failure ends it: a wrong path stays wrong. Later ones may pass, as a full disk. */
static int write_textfile(struct collector *c, const struct export_request *set)
{
    bool said = false;
    for (bool first = true;; first = false) {
        size_t len;
        char *text = scrape_text(c, METRICS_COMMENTED, &len);
        int error = replace_file(set->target, text, len, 0644);
        free(text);
        if (error && first)
            return cli_fail("cannot write %s: %s", set->target, strerror(-error));
        if (error && !said)
            cli_warn("cannot write %s: %s; trying again", set->target, strerror(-error));
        said = error != 0;
        if (push_wait(set->interval_ns))
            return CLI_OK;
    }
}

static int choose_form(struct export_request *set, int form)
{
    static const char *const words[] = {"--once", "--listen", "--textfile", "--otlp"};
    const char *word = words[form - EXPORT_OPT_ONCE];
    if (set->form)
        return cli_misuse("%s and %s: one form at a time; start it twice for both", set->form_word, word);
    set->form = form;
    set->form_word = word;
    set->target = optarg;
    return -1;
}

/* The status to end with, or -1 to go on. */
static int take_export_option(struct export_request *set, int c, char **argv)
{
    switch (c) {
    case EXPORT_OPT_ONCE:
    case EXPORT_OPT_LISTEN:
    case EXPORT_OPT_TEXTFILE:
    case EXPORT_OPT_OTLP:
        return choose_form(set, c);
    case EXPORT_OPT_INTERVAL:
        if (!cli_time("--interval", optarg, &set->interval_ns))
            return CLI_USAGE;
        return set->interval_ns >= 100000000u ? -1 : cli_misuse("--interval %s: at least 100ms", optarg);
    case EXPORT_OPT_MAX_SITES:
        if (!cli_number("--max-sites", optarg, 10000, &set->max_sites))
            return CLI_USAGE;
        return set->max_sites ? -1 : cli_misuse("--max-sites %s: at least 1", optarg);
    case 'h':
        return cli_help();
    default:
        return cli_bad_option(c, argv);
    }
}

static int check_request(struct export_request *set)
{
    bool repeats = set->form == EXPORT_OPT_TEXTFILE || set->form == EXPORT_OPT_OTLP;
    if (set->interval_ns && !repeats)
        return cli_misuse("--interval is for --textfile and --otlp");
    if (!set->interval_ns)
        set->interval_ns = set->form == EXPORT_OPT_OTLP ? 60000000000u : 15000000000u;
    if (set->form == EXPORT_OPT_TEXTFILE && !set->target[0])
        return cli_misuse("--textfile: the name of the file is empty");
    return -1;
}

int cmd_export(int argc, char **argv)
{
    static const struct option options[] = {
        {"once", no_argument, NULL, EXPORT_OPT_ONCE},
        {"listen", required_argument, NULL, EXPORT_OPT_LISTEN},
        {"textfile", required_argument, NULL, EXPORT_OPT_TEXTFILE},
        {"otlp", required_argument, NULL, EXPORT_OPT_OTLP},
        {"interval", required_argument, NULL, EXPORT_OPT_INTERVAL},
        {"max-sites", required_argument, NULL, EXPORT_OPT_MAX_SITES},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct export_request set = {.max_sites = MAX_SITES_DEFAULT};
    struct collector c;
    int option, status;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1)
        if ((status = take_export_option(&set, option, argv)) >= 0)
            return status;
    if (optind < argc)
        return cli_misuse("takes no word '%s'; it exports all processes", argv[optind]);
    if ((status = check_request(&set)) >= 0)
        return status;
    bool listens = set.form == EXPORT_OPT_LISTEN || (!set.form && serve_is_handed_socket());
    struct push_target target;
    if (set.form == EXPORT_OPT_OTLP && (status = push_parse(&target, set.target)) != CLI_OK)
        return status;
    int listener = -1;
    if (listens && (listener = serve_open(set.target)) < 0)
        return -listener;
    if (listens || (set.form && set.form != EXPORT_OPT_ONCE))
        push_hold_signals();
    if (!collector_begin(&c, (unsigned)set.max_sites))
        return CLI_FAILED;
    status = listens                           ? serve_run(&c, listener)
             : set.form == EXPORT_OPT_TEXTFILE ? write_textfile(&c, &set)
             : set.form == EXPORT_OPT_OTLP     ? push_run(&c, &target, set.interval_ns)
                                               : print_once(&c);
    collector_end(&c);
    return status;
}
