/* SPDX-License-Identifier: MIT */
/*
 * top.c: `sockleak top PID`: the live view of a process that records.
 *
 * The table is read from the shared state file, so the view needs nothing of the target and goes on when that hangs, is stopped or
 * has died. One thread, in turns with screen.c.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "top.h"

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
                         "  keys: s g a sort; up, down choose; Enter stack and sockets; r have the agent look\n"
                         "  now; q back, quit\n"
                         "\n"
                         "EXAMPLES\n"
                         "  sockleak top 4242\n"
                         "  sockleak top --sort growth --delay 5s 4242\n";

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* NULL, or why the process cannot be watched. Without a table yet, or after an exec, the next look tries again. */
static const char *find(struct top_watch *s)
{
    bool nothing = false;
    struct load_set fresh = {0};
    const char *why = load_set_process(&fresh, s->top.pid, &nothing);
    if (why)
        return why;
    if (fresh.n) {
        load_set_free(&s->set);
        s->set = fresh;
    }
    return NULL;
}

static void no_socket(void *arg, int fd, uint32_t inode)
{
    (void)arg;
    (void)fd;
    (void)inode;
}

static enum model_sort sorting;

static int by_choice(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    const uint64_t keys[][2] = {{a->rate_milli, b->rate_milli}, {a->oldest_ns, b->oldest_ns}, {a->count, b->count}, {a->siteid, b->siteid}};
    for (size_t i = sorting == SORT_RATE ? 0 : sorting == SORT_AGE ? 1 : 2; i < sizeof keys / sizeof *keys; i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] > keys[i][1] ? -1 : 1;
    return 0;
}

void top_sort(struct top *t)
{
    sorting = t->sort;
    if (t->from && t->model.report.n_groups)
        qsort(t->model.report.groups, t->model.report.n_groups, sizeof *t->model.report.groups, by_choice);
}

/* The header counts only sockets without a stack. A site that was told of an end never closed anything. */
static uint64_t closed_so_far(const struct loaded *l)
{
    uint64_t closed = atomic_load_explicit(&state_head(&l->view)->sockets_closed, memory_order_relaxed), pos = 0;
    struct state_site_view site;
    for (state_ref ref; state_next_site(&l->view, &pos, &ref, &site);)
        closed += atomic_load_explicit(&site.site->closed, memory_order_relaxed);
    return closed;
}

static void forget(struct top_watch *s)
{
    if (s->top.from)
        model_free(&s->top.model);
    s->top.from = NULL;
}

static bool is_ending(pid_t pid)
{
    struct procfs_stat st;
    return procfs_stat(procfs_alive(pid), &st) != 0 || st.ending || st.state == 'Z';
}

void top_look(struct top_watch *s)
{
    struct top *t = &s->top;
    s->next_ns = load_mono_ns() + s->delay_ns;
    if (s->set.n)
        load_recheck(&s->set.items[0]);
    if (s->set.n == 0 || s->set.items[0].life == LIFE_EXECED) {
        forget(s);
        find(s); /* what that process left stays, when there is nothing newer */
    }
    if (s->set.n == 0)
        return;
    if (t->from && !load_is_live(t->from))
        return; /* what was seen last says more than what the file was told by then */
    const struct model_options options = {.min_age_set = true, .reason = -1};
    struct model fresh;
    model_build(&fresh, &s->set.items[0], s->symbols, &options);
    if (t->from && load_is_live(t->from) && is_ending(t->from->pid)) { /* what it still holds is only what the kernel has not closed yet */
        model_free(&fresh);
        return;
    }
    forget(s);
    t->from = &s->set.items[0];
    t->model = fresh;
    s->set.items[0].answered = false; /* the agent's answer to the key r holds for this look alone */
    top_sort(t);
    const struct state_header *h = state_head(&t->from->view);
    t->before_ns = t->now_ns;
    t->opened_before = t->opened;
    t->now_ns = load_mono_ns();
    t->closed = closed_so_far(t->from);
    t->opened = t->closed + t->model.tracked;
    t->fd_limit = atomic_load_explicit(&h->nofile_limit, memory_order_relaxed);
    t->fds = 0;
    if (load_is_live(t->from))
        procfs_each_socket(t->from->pid, no_socket, NULL, &t->fds);
}

/* ---- no screen -------------------------------------------------------------------------------------------------- */

static int snapshot(struct top_watch *s)
{
    const char *columns = getenv("COLUMNS");
    int n = columns ? atoi(columns) : 0;
    top_page_list(&s->page, &s->top, n >= 20 && n < 10000 ? (unsigned)n : 1000);
    for (size_t i = 0; i < s->page.n_head; i++)
        puts(s->page.head[i].text);
    for (size_t i = 0; i < s->page.n_body; i++)
        puts(s->page.body[i].text);
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

static int watch(struct top_watch *s)
{
    struct procfs_stat st;
    const char *why = find(s);
    if (why)
        return cli_fail("process %d: %s", (int)s->top.pid, why);
    if (procfs_stat(s->top.pid, &st) == 0)
        memcpy(s->top.command, st.comm, sizeof st.comm);
    const struct symbolize_options names = {.names = true};
    s->symbols = symbolizer_new(&names);
    top_look(s);
    int status = CLI_OK;
    if (!top_screen(s))
        status = snapshot(s);
    top_page_free(&s->page);
    forget(s);
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
    return watch(&s);
}
