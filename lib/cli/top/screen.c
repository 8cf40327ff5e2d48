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
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../base/now.h"
#include "sites.h"
#include "view.h"

static void draw_line(int y, const struct top_line *l, bool reverse)
{
    attr_t a = (l->strong ? A_BOLD : 0) | (reverse ? A_REVERSE : 0);
    attron(a);
    mvaddstr(y, 0, l->text);
    attroff(a);
    if (reverse)
        mvchgat(y, 0, -1, A_REVERSE, 0, NULL);
}

static void draw(struct top_watch *s)
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
        draw_line((int)y++, &p->head[i], false);
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
        draw_line((int)y++, &p->body[i], !s->group && i == chosen);
    if (LINES > 1)
        draw_line(LINES - 1, &p->foot, false);
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
    size_t at = s->group ? s->scroll : top_chosen(&s->top);
    at = by < 0 && at < (size_t)-by ? 0 : at + (size_t)by;
    if (s->group)
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

/* False: quit. */
static bool on_key(struct top_watch *s, int key)
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
            choose_group(&s->top, top_chosen(&s->top)); /* the page stays with its group */
            s->group = true;
            s->scroll = 0;
        }
        break;
    case KEY_UP:
    case 'k':
        move_choice(s, -1);
        break;
    case KEY_DOWN:
    case 'j':
        move_choice(s, 1);
        break;
    case KEY_PPAGE:
        move_choice(s, -(LINES > 8 ? LINES - 8 : 1));
        break;
    case KEY_NPAGE:
    case ' ':
        move_choice(s, LINES > 8 ? LINES - 8 : 1);
        break;
    case KEY_HOME:
        move_choice(s, -1000000);
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

static void show_until_quit(struct top_watch *s)
{
    unsigned early = 0; /* waits in a row that ended before their time without a key */
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    curs_set(0);
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
