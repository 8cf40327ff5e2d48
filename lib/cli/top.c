/* SPDX-License-Identifier: MIT */
/*
 * top.c: `sockleak top PID`: the live view of a process that records.
 *
 * The table is read from the shared state file, so the view needs nothing of the target and goes on when that hangs, is stopped or
 * has died. Only the key r asks the agent for something. One thread, which waits for keys and looks again when a period is over.
 */
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "procfs.h"
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

struct session {
    struct top top;
    struct load_set set; /* at most the one process */
    struct symbolizer *symbols;
    struct top_page page;
    uint64_t delay_ns, next_ns;
    bool group; /* one group's page, else the list */
    size_t scroll;
};

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* NULL, or why the process cannot be watched. Without a table yet, or after an exec, the next look tries again. */
static const char *find(struct session *s)
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

static void sort_groups(struct top *t)
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

static void forget(struct session *s)
{
    if (s->top.from)
        model_free(&s->top.model);
    s->top.from = NULL;
}

static void look(struct session *s)
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
    forget(s);
    t->from = &s->set.items[0];
    const struct model_options options = {.min_age_set = true, .reason = -1};
    model_build(&t->model, t->from, s->symbols, &options);
    s->set.items[0].answered = false; /* the agent's answer to the key r holds for this look alone */
    sort_groups(t);
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

/* ---- the screen ------------------------------------------------------------------------------------------------- */

static void put(int y, const struct top_line *l, bool reverse)
{
    attr_t a = (l->strong ? A_BOLD : 0) | (reverse ? A_REVERSE : 0);
    attron(a);
    mvaddstr(y, 0, l->text);
    attroff(a);
    if (reverse)
        mvchgat(y, 0, -1, A_REVERSE, 0, NULL);
}

static void draw(struct session *s)
{
    struct top *t = &s->top;
    struct top_page *p = &s->page;
    size_t chosen = top_chosen(t), n = t->from ? t->model.report.n_groups : 0;
    if (n == 0)
        s->group = false;
    if (s->group)
        top_page_group(p, t, &t->model.report.groups[chosen], (unsigned)COLS);
    else
        top_page_list(p, t, (unsigned)COLS);
    erase();
    size_t rows = LINES > 1 ? (size_t)LINES - 1 : 1, y = 0; /* the last line is the foot's */
    for (size_t i = 0; i < p->n_head && y < rows; i++)
        put((int)y++, &p->head[i], false);
    size_t room = rows - y;
    if (!s->group) { /* scrolled so that the chosen line is seen */
        if (chosen < s->scroll)
            s->scroll = chosen;
        if (room && chosen >= s->scroll + room)
            s->scroll = chosen - room + 1;
    }
    if (s->scroll + room > p->n_body)
        s->scroll = p->n_body > room ? p->n_body - room : 0;
    for (size_t i = s->scroll; i < p->n_body && y < rows; i++)
        put((int)y++, &p->body[i], !s->group && i == chosen);
    if (LINES > 1)
        put(LINES - 1, &p->foot, false);
    move(LINES - 1, 0);
    refresh();
}

static void choose(struct top *t, size_t index)
{
    if (!t->from || t->model.report.n_groups == 0)
        return;
    size_t last = t->model.report.n_groups - 1;
    const struct group *g = &t->model.report.groups[index < last ? index : last];
    t->kind = g->kind;
    t->siteid = g->siteid;
    t->chosen = true;
}

static void go(struct session *s, long by)
{
    size_t at = s->group ? s->scroll : top_chosen(&s->top);
    at = by < 0 && at < (size_t)-by ? 0 : at + (size_t)by;
    if (s->group)
        s->scroll = at; /* draw() keeps it within the page */
    else
        choose(&s->top, at);
}

static void sort_by(struct session *s, enum model_sort sort)
{
    s->top.sort = sort;
    s->top.chosen = false;
    s->scroll = 0;
    sort_groups(&s->top);
}

/* False: quit. */
static bool on_key(struct session *s, int key)
{
    switch (key) {
    case 'q':
    case 27: /* Esc */
        if (!s->group)
            return key != 'q';
        s->group = false;
        s->scroll = 0;
        break;
    case '\n':
    case '\r':
    case KEY_ENTER:
        if (!s->group && s->top.from && s->top.model.report.n_groups) {
            choose(&s->top, top_chosen(&s->top)); /* the page stays with its group */
            s->group = true;
            s->scroll = 0;
        }
        break;
    case KEY_UP:
    case 'k':
        go(s, -1);
        break;
    case KEY_DOWN:
    case 'j':
        go(s, 1);
        break;
    case KEY_PPAGE:
        go(s, -(LINES > 8 ? LINES - 8 : 1));
        break;
    case KEY_NPAGE:
    case ' ':
        go(s, LINES > 8 ? LINES - 8 : 1);
        break;
    case KEY_HOME:
        go(s, -1000000);
        break;
    case 's':
        sort_by(s, SORT_STUCK);
        break;
    case 'g':
        sort_by(s, SORT_RATE);
        break;
    case 'a':
        sort_by(s, SORT_AGE);
        break;
    case 'r':
        load_refresh(&s->set, 500);
        look(s);
        break;
    default:
        break;
    }
    return true;
}

/* ncurses puts the terminal right after SIGINT and SIGTERM only. */
static volatile sig_atomic_t ended_by;

static void on_end(int number) { ended_by = number; }

static void heed_signals(void)
{
    static const int numbers[] = {SIGQUIT, SIGHUP};
    struct sigaction sa = {.sa_handler = on_end}, old;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(numbers[i], &sa, NULL);
}

/*
 * The terminal is gone, and we ignore the signal that says so (nohup): no key comes any more, and no wait for one either. An early return
 * alone may be a signal's doing.
 */
static bool is_hung_up(unsigned early)
{
    struct termios t;
    return early > 50 || (early && tcgetattr(STDIN_FILENO, &t) != 0);
}

static void loop(struct session *s)
{
    unsigned early = 0; /* waits in a row that ended before their time without a key */
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
    for (;;) {
        draw(s);
        uint64_t now = load_mono_ns();
        timeout(now >= s->next_ns ? 0 : (int)((s->next_ns - now) / 1000000u) + 1);
        int key = getch(); /* KEY_RESIZE too: drawn anew */
        if (ended_by || (key != ERR && !on_key(s, key)))
            return;
        bool due = load_mono_ns() >= s->next_ns;
        early = key == ERR && !due ? early + 1 : 0;
        if (is_hung_up(early))
            return;
        if (due)
            look(s);
    }
}

/* ---- no screen -------------------------------------------------------------------------------------------------- */

static int snapshot(struct session *s)
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

/* A terminal that can move its cursor. */
static SCREEN *open_screen(void)
{
    SCREEN *screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? newterm(NULL, stdout, stdin) : NULL;
    const char *cup = screen ? tigetstr("cup") : NULL;
    if (screen && (!cup || cup == (char *)-1)) {
        endwin();
        delscreen(screen);
        screen = NULL;
    }
    return screen;
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

static int watch(struct session *s)
{
    struct procfs_stat st;
    const char *why = find(s);
    if (why)
        return cli_fail("process %d: %s", (int)s->top.pid, why);
    if (procfs_stat(s->top.pid, &st) == 0)
        memcpy(s->top.command, st.comm, sizeof st.comm);
    const struct symbolize_options names = {.names = true};
    s->symbols = symbolizer_new(&names);
    look(s);
    int status = CLI_OK;
    SCREEN *screen = open_screen();
    if (screen) {
        heed_signals();
        loop(s);
        endwin();
        delscreen(screen);
        if (ended_by) {
            signal(ended_by, SIG_DFL);
            raise(ended_by);
        }
    } else {
        status = snapshot(s);
    }
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
    struct session s = {.delay_ns = 1000000000};
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
