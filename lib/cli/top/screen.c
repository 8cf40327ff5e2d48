/* SPDX-License-Identifier: MIT */
/*
 * screen.c: the terminal of `sockleak top`: drawing a page, the keys, and the wait for them between
 * two looks.
 *
 * Called by top.c; view.c makes the pages. Only the key r asks the agent for something. The
 * terminal is restored however we end.
 */
#include "screen.h"

#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../base/now.h"
#include "line.h"
#include "sites.h"
#include "view.h"

#define MOST_LEFT 10000u /* columns: no name is longer */

static bool colored;

static attr_t tint_of(const struct top_line *l) { return colored && l->tint ? COLOR_PAIR(l->tint) : 0; }

static void draw_line(struct top_watch *s, int y, const struct top_line *l, bool fixed, bool reverse)
{
    attr_t a = (l->strong ? A_BOLD : 0) | (reverse ? A_REVERSE : 0) | tint_of(l);
    attron(a);
    mvaddstr(y, 0, line_cut(&s->page.arena, l->text, fixed ? 0 : s->window.left, s->window.width));
    attroff(a);
    if (reverse)
        mvchgat(y, 0, -1, A_REVERSE, l->tint && colored ? (short)l->tint : 0, NULL);
}

/* The group whose page is shown; NULL: it is another page. */
static const struct group *shown_group(const struct top_watch *s)
{
    return s->group && !s->help ? &s->top.model.report.groups[top_chosen(&s->top)] : NULL;
}

static void make_page(struct top_watch *s)
{
    const struct group *g = shown_group(s);
    if (s->help)
        top_page_help(&s->page, &s->window);
    else if (g)
        top_page_group(&s->page, &s->top, g, &s->window);
    else
        top_page_list(&s->page, &s->top, &s->window);
}

/* Scrolls so that the chosen line is seen, and no further than the page is long. */
static void keep_scroll(struct top_watch *s, bool list, size_t chosen, size_t room)
{
    size_t all = s->page.n_body + s->page.n_rows;
    if (list) {
        if (chosen < s->scroll)
            s->scroll = chosen;
        if (room && chosen >= s->scroll + room)
            s->scroll = chosen - room + 1;
    }
    if (s->scroll > all || s->scroll + room > all)
        s->scroll = all > room ? all - room : 0;
}

static void draw(struct top_watch *s)
{
    struct top *t = &s->top;
    struct top_page *p = &s->page;
    if (!t->from || t->model.report.n_groups == 0)
        s->group = false;
    s->window.width = (unsigned)COLS;
    make_page(s);
    erase();
    const struct group *g = shown_group(s);
    bool list = !g && !s->help;
    size_t rows = LINES > 1 ? (size_t)LINES - 1 : 1, y = 0; /* the last line is the foot's */
    size_t chosen = top_row_of_group(t, top_chosen(t));
    for (size_t i = 0; i < p->n_head && y < rows; i++) {
        bool columns = list && i + 1 == p->n_head && p->n_rows; /* the names of the columns move with them */
        draw_line(s, (int)y++, &p->head[i], !columns, false);
    }
    keep_scroll(s, list, chosen, rows - y);
    for (size_t i = s->scroll; i < p->n_body + p->n_rows && y < rows; i++) {
        const struct top_line l = top_row(p, t, g, i, &s->window);
        draw_line(s, (int)y++, &l, false, list && i == chosen);
    }
    if (LINES > 1)
        draw_line(s, LINES - 1, &p->foot, true, false);
    move(LINES - 1, 0);
    refresh();
}

static void choose_group(struct top *t, size_t index)
{
    if (!t->from || t->model.report.n_groups == 0)
        return;
    size_t last = t->model.report.n_groups - 1;
    const struct group *g = &t->model.report.groups[index < last ? index : last];
    t->kind = g->kind;
    t->siteid = g->siteid;
    t->variant = g->variant;
    t->chosen = true;
}

static void move_choice(struct top_watch *s, long by)
{
    bool scrolls = s->group || s->help;
    size_t at = scrolls ? s->scroll : top_chosen(&s->top);
    at = by < 0 && at < (size_t)-by ? 0 : at + (size_t)by;
    if (scrolls)
        s->scroll = at; /* draw() keeps it within the page */
    else
        choose_group(&s->top, at);
}

static void sort_by(struct top_watch *s, enum model_sort sort)
{
    s->top.sort = sort;
    s->top.chosen = false;
    s->scroll = 0;
    top_sort(&s->top);
}

static void move_window(struct top_watch *s, int by)
{
    size_t step = (size_t)(COLS > 16 ? COLS / 2 : 8);
    if (by < 0)
        s->window.left = s->window.left > step ? s->window.left - step : 0;
    else if (s->window.left < MOST_LEFT)
        s->window.left += step;
}

/* False: quit. */
static bool go_back(struct top_watch *s, int key)
{
    if (!s->group && !s->help && key == 'q')
        return false;
    if (s->help)
        s->help = false;
    else
        s->group = false;
    s->scroll = s->window.left = 0;
    return true;
}

/* The keys that move; false: KEY is another one. */
static bool on_moving_key(struct top_watch *s, int key)
{
    const long page = LINES > 8 ? LINES - 8 : 1, all = 1000000000;
    switch (key) {
    case KEY_UP:
    case 'k':
        move_choice(s, -1);
        return true;
    case KEY_DOWN:
    case 'j':
        move_choice(s, 1);
        return true;
    case KEY_PPAGE:
        move_choice(s, -page);
        return true;
    case KEY_NPAGE:
    case ' ':
        move_choice(s, page);
        return true;
    case KEY_HOME:
        s->window.left = 0;
        move_choice(s, -all);
        return true;
    case KEY_END:
        move_choice(s, all);
        return true;
    case KEY_LEFT:
    case 'h':
        move_window(s, -1);
        return true;
    case KEY_RIGHT:
    case 'l':
        move_window(s, 1);
        return true;
    default:
        return false;
    }
}

/* False: quit. */
static bool on_key(struct top_watch *s, int key)
{
    if (key == KEY_RESIZE || on_moving_key(s, key))
        return true;
    if (s->help)
        return go_back(s, key);
    switch (key) {
    case 'q':
    case 27: /* Esc */
        return go_back(s, key);
    case '?':
        s->help = true;
        s->scroll = s->window.left = 0;
        break;
    case '\n':
    case '\r':
    case KEY_ENTER:
        if (!s->group && s->top.from && s->top.model.report.n_groups) {
            choose_group(&s->top, top_chosen(&s->top)); /* the page stays with its group */
            s->group = true;
            s->scroll = s->window.left = 0;
        }
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
        load_set_refresh(&s->set, 500);
        top_look(s);
        break;
    default:
        break;
    }
    return true;
}

/* ncurses restores the terminal after SIGINT and SIGTERM only. */
static volatile sig_atomic_t ended_by;

static void on_end(int number) { ended_by = number; }

static void catch_signals(void)
{
    static const int numbers[] = {SIGQUIT, SIGHUP};
    struct sigaction sa = {.sa_handler = on_end}, old;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(numbers[i], &sa, NULL);
}

/*
 * Is the terminal gone, while its hangup signal is ignored (nohup)? Then getch returns at once,
 * without a key, again and again. A single early return may have been caused by a signal.
 */
static bool is_hung_up(unsigned early)
{
    struct termios t;
    return early > 50 || (early && tcgetattr(STDIN_FILENO, &t) != 0);
}

static void use_colors(void)
{
    const char *no = getenv("NO_COLOR");
    colored = has_colors() && !(no && no[0]) && start_color() == OK && use_default_colors() == OK &&
              init_pair(TINT_GROWING, COLOR_YELLOW, -1) == OK && init_pair(TINT_ALARM, COLOR_RED, -1) == OK;
}

static void show_until_quit(struct top_watch *s)
{
    unsigned early = 0; /* waits in a row that ended before their time without a key */
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
    use_colors();
    for (;;) {
        draw(s);
        uint64_t now = now_mono_ns();
        timeout(now >= s->next_ns ? 0 : (int)((s->next_ns - now) / 1000000u) + 1);
        int key = getch(); /* KEY_RESIZE too: drawn anew */
        if (ended_by || (key != ERR && !on_key(s, key)))
            return;
        bool due = now_mono_ns() >= s->next_ns;
        early = key == ERR && !due ? early + 1 : 0;
        if (is_hung_up(early))
            return;
        if (due)
            top_look(s);
    }
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

bool top_screen(struct top_watch *s)
{
    SCREEN *screen = open_screen();
    if (!screen)
        return false;
    catch_signals();
    show_until_quit(s);
    endwin();
    delscreen(screen);
    if (ended_by) {
        signal(ended_by, SIG_DFL);
        raise(ended_by);
    }
    return true;
}
