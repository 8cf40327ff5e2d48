/* SPDX-License-Identifier: MIT */
/*
 * top.c: `sockleak top PID`: the live view of a process that records.
 *
 * With a terminal screen.c shows it; without one a snapshot is printed.
 */
#include "top.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "changes.h"
#include "line.h"
#include "screen.h"
#include "sites.h"
#include "view.h"

const char usage_top[] = "usage: sockleak top [options] PID\n"
                         "\n"
                         "The live view of a process that runs under the agent: its stuck sockets by call site,\n"
                         "how fast they grow, and when descriptors or ports run out. Works while the process\n"
                         "hangs, and shows its last state when it has ended. Without a terminal it prints one\n"
                         "snapshot.\n"
                         "\n"
                         "  -d, --delay TIME   look again every TIME (default 1s)\n"
                         "  -s, --sort KEY     stuck (default), growth (or rate, the same) or age\n"
                         "  -h, --help\n"
                         "\n"
                         "  keys: ? all of them; s g a sort; up, down, PgUp, PgDn, Home, End choose; left, right\n"
                         "  show what is cut off; Enter stack and sockets; r have the agent look now; q back, quit\n"
                         "  colours (not with NO_COLOR): yellow grows; red: descriptors or ports are nearly out\n"
                         "\n"
                         "EXAMPLES\n"
                         "  sockleak top 4242\n"
                         "  sockleak top --sort growth --delay 5s 4242\n";

static int print_snapshot(struct top_watch *s)
{
    const char *columns = getenv("COLUMNS");
    int n = columns ? atoi(columns) : 0;
    const struct top_window w = {.width = n >= 20 && n < 10000 ? (unsigned)n : 1000};
    struct top_page *p = &s->page;
    top_page_list(p, &s->top, &w);
    for (size_t i = 0; i < p->n_head; i++)
        puts(line_cut(&p->arena, p->head[i].text, 0, w.width));
    for (size_t i = 0; i < p->n_body + p->n_rows; i++)
        puts(line_cut(&p->arena, top_row(p, &s->top, NULL, i, &w).text, 0, w.width));
    return cli_flush();
}

static bool sort_from_name(const char *name, enum model_sort *sort)
{
    if (strcmp(name, "stuck") == 0)
        *sort = SORT_STUCK;
    else if (strcmp(name, "growth") == 0 || strcmp(name, "rate") == 0)
        *sort = SORT_RATE;
    else if (strcmp(name, "age") == 0)
        *sort = SORT_AGE;
    else
        return false;
    return true;
}

static int watch_process(struct top_watch *s)
{
    struct procfs_stat st;
    const char *why = top_find(s);
    if (why)
        return cli_fail("process %d: %s", (int)s->top.pid, why);
    if (procfs_stat(s->top.pid, &st) == 0)
        memcpy(s->top.command, st.comm, sizeof st.comm);
    const struct symbolize_options names = {.names = true};
    s->symbols = symbolizer_new(&names);
    top_look(s);
    int status = CLI_OK;
    if (!top_screen(s))
        status = print_snapshot(s);
    line_free(&s->page);
    top_forget(s);
    changes_free(&s->top);
    symbolizer_free(s->symbols);
    load_set_free(&s->set);
    return status;
}

int cmd_top(int argc, char **argv)
{
    static const struct option options[] = {{"delay", required_argument, NULL, 'd'},
                                            {"sort", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct top_watch s = {.delay_ns = 1000000000};
    int c;
    setlocale(LC_CTYPE, "");
    while ((c = getopt_long(argc, argv, ":d:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            if (!cli_time("--delay", optarg, &s.delay_ns))
                return CLI_USAGE;
            if (s.delay_ns < 100000000 || s.delay_ns > 86400000000000)
                return cli_misuse("--delay %s: from 100ms to 24h", optarg);
            break;
        case 's':
            if (!sort_from_name(optarg, &s.top.sort))
                return cli_misuse("--sort %s: sort by stuck, growth (or rate) or age", optarg);
            break;
        case 'h':
            return cli_help();
        default:
            return cli_bad_option(c, argv);
        }
    }
    if (optind + 1 != argc)
        return cli_misuse("give one process id");
    if (!cli_pid(argv[optind], &s.top.pid))
        return CLI_USAGE;
    return watch_process(&s);
}
