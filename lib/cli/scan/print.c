/* SPDX-License-Identifier: MIT */
/*
 * print.c: the rows as a table for people.
 *
 * Called by scan. Empty columns are left out, so that the usual case fits 80 columns. The peer
 * comes last because it is the one text that may be long and must never be cut.
 */
#include "print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "../../core/out.h"
#include "advice.h"
#include "rows.h"
#include "usage.h"
#include "usage_text.h"

enum column {
    COL_CLOSE_WAIT,
    COL_FIN_WAIT_2,
    COL_DEAD,
    COL_NEVER,
    COL_HANGUP,
    COL_UNREAD,
    COL_FDS,
    COL_PORTS,
    COL_CHANGE,
    COL_PID,
    COL_COMMAND,
    COL_PEER,
    COL_COUNT
};

static const char *const headings[COL_COUNT] = {"CLOSE_WAIT", "FIN_WAIT_2", "DEAD",   "NEVER", "HANGUP",  "UNREAD",
                                                "FDS",        "PORTS",      "CHANGE", "PID",   "COMMAND", "PEER"};

#define CELL 176
#define SCAN_PEER 160
typedef char cells[COL_COUNT][CELL];

/* 0 is shown as a dot, so that the other numbers stand out. */
static void number_cell(char *cell, uint64_t n)
{
    static const char units[] = "kMGTPE";
    if (n == 0) {
        snprintf(cell, CELL, ".");
    } else if (n < 100000) {
        snprintf(cell, CELL, "%llu", (unsigned long long)n);
    } else {
        int u = -1;
        while (n >= 10000) {
            n /= 1000;
            u++;
        }
        snprintf(cell, CELL, "%llu%c", (unsigned long long)n, units[u]);
    }
}

static void percent_cell(char *cell, uint64_t part, uint64_t whole)
{
    if (whole == 0 || part == 0)
        snprintf(cell, CELL, ".");
    else if (part * 100 < whole)
        snprintf(cell, CELL, "<1%%");
    else
        snprintf(cell, CELL, "%llu%%", (unsigned long long)(part * 100 / whole));
}

static void change_cell(char *cell, const struct scan_view *v, const struct scan_row *row)
{
    if (!v->before) {
        snprintf(cell, CELL, ".");
        return;
    }
    const struct scan_row *old = scan_row_before(v->before, v->rows_before, v->scan, row);
    long long d = (long long)scan_count_stuck(&row->count) - (old ? (long long)scan_count_stuck(&old->count) : 0);
    if (d)
        snprintf(cell, CELL, "%+lld", d);
    else
        snprintf(cell, CELL, ".");
}

static void user_cell(char *cell, const struct scan_process *p) { snprintf(cell, CELL, "(uid %u)", (unsigned)p->uid); }

/* "10.0.0.5:1433", ":8080 < 10.0.0.7", "unix /run/x", "(not connected)". BUF of SCAN_PEER bytes. */
static const char *scan_peer(char *buf, const struct scan_row *row)
{
    char address[SOCKDIAG_ADDRESS];
    switch (row->direction) {
    case SCAN_OUT:
        snprintf(buf, SCAN_PEER, "%s", sockdiag_address(address, row->family, row->peer, row->port));
        break;
    case SCAN_IN:
        snprintf(buf, SCAN_PEER, ":%u < %s", row->port, sockdiag_address(address, row->family, row->peer, 0));
        break;
    case SCAN_UNIX:
        snprintf(buf, SCAN_PEER, "unix %s", row->path[0] ? row->path : "(no name)");
        break;
    default:
        snprintf(buf, SCAN_PEER, "(not connected)");
        break;
    }
    return buf;
}

static void count_cells(cells c, const struct scan_count *n)
{
    number_cell(c[COL_CLOSE_WAIT], n->close_wait);
    number_cell(c[COL_FIN_WAIT_2], n->fin_wait_2);
    number_cell(c[COL_DEAD], n->dead);
    number_cell(c[COL_NEVER], n->never);
    number_cell(c[COL_HANGUP], n->hangup);
    number_cell(c[COL_UNREAD], n->unread);
}

static void row_cells(cells c, const struct scan_view *v, const struct scan_row *row)
{
    const struct scan *s = v->scan;
    const struct scan_process *p = &s->processes[row->process];
    const struct scan_namespace *ns = &s->namespaces[row->ns];
    memset(c, 0, sizeof(cells));
    count_cells(c, &row->count);
    percent_cell(c[COL_FDS], p->fds, p->fd_limit);
    percent_cell(c[COL_PORTS], row->ports, ns->port_low ? (uint64_t)ns->port_high - ns->port_low + 1 : 0);
    change_cell(c[COL_CHANGE], v, row);
    if (p->pid) {
        snprintf(c[COL_PID], CELL, "%d", (int)p->pid);
        snprintf(c[COL_COMMAND], CELL, "%s", p->comm);
    } else {
        snprintf(c[COL_PID], CELL, "?");
        user_cell(c[COL_COMMAND], p);
    }
    scan_peer(c[COL_PEER], row);
}

struct layout {
    size_t width[COL_COUNT]; /* 0: not shown */
};

static bool is_text(enum column col) { return col == COL_COMMAND || col == COL_PEER; }

static bool is_always_shown(enum column col) { return col == COL_CLOSE_WAIT || col == COL_FDS || col >= COL_PID; }

static void widen(struct layout *l, cells c)
{
    for (int i = 0; i < COL_COUNT; i++) {
        size_t n = strlen(c[i]);
        if (n == 0 || (!is_always_shown((enum column)i) && strcmp(c[i], ".") == 0))
            continue;
        if (l->width[i] < strlen(headings[i]))
            l->width[i] = strlen(headings[i]);
        if (l->width[i] < n)
            l->width[i] = n;
    }
}

/* The command's name is cut first: the pid tells which process it is. */
static void fit_width(struct layout *l, unsigned width)
{
    size_t sum = 0;
    for (int i = 0; i < COL_COUNT; i++)
        sum += l->width[i] ? l->width[i] + 1 : 0;
    size_t spare = l->width[COL_COMMAND] > 8 ? l->width[COL_COMMAND] - 8 : 0, over = sum > width + 1 ? sum - width - 1 : 0;
    l->width[COL_COMMAND] -= over < spare ? over : spare;
}

static void print_cells(const struct layout *l, cells c)
{
    bool first = true;
    for (int i = 0; i < COL_COUNT; i++) {
        int w = (int)l->width[i];
        if (w == 0)
            continue;
        if (!first)
            putchar(' ');
        first = false;
        if (i == COL_PEER)
            fputs(c[i], stdout);
        else if (is_text((enum column)i))
            printf("%-*.*s", w, w, c[i]);
        else
            printf("%*s", w, c[i]);
    }
    putchar('\n');
}

/* One row for the peers of a process beyond its first PEERS_EACH. */
static void rest_cells(cells c, const struct scan_count *sum, size_t peers)
{
    memset(c, 0, sizeof(cells));
    count_cells(c, sum);
    snprintf(c[COL_PEER], CELL, "and %zu more peer%s (--all lists them)", peers, peers == 1 ? "" : "s");
}

#define PEERS_EACH 8

/* Goes through what is to be shown: once to measure, once to print. */
static void show_rows(const struct scan_view *v, struct layout *l, bool print)
{
    const struct scan_rows *r = v->rows;
    size_t shown = 0;
    cells c;
    for (size_t i = 0; i < r->n;) {
        size_t end = i, own = 0;
        struct scan_count sum = {0};
        while (end < r->n && r->rows[end].process == r->rows[i].process)
            end++;
        if (v->max_rows && shown >= v->max_rows) {
            if (print)
                printf("and %zu more rows (--all lists them)\n", r->n - i);
            return;
        }
        for (; i < end && (v->max_rows == 0 || own < PEERS_EACH); i++, own++, shown++) {
            row_cells(c, v, &r->rows[i]);
            print ? print_cells(l, c) : widen(l, c);
        }
        size_t peers = end - i;
        for (; i < end; i++)
            scan_count_add(&sum, &r->rows[i].count);
        if (peers) {
            rest_cells(c, &sum, peers);
            print ? print_cells(l, c) : widen(l, c);
        }
    }
}

static void print_piece(bool *first, uint64_t n, const char *what)
{
    if (n) {
        printf("%s%llu %s", *first ? "" : ", ", (unsigned long long)n, what);
        *first = false;
    }
}

static void print_total(const struct scan_view *v)
{
    const struct scan_count *t = &v->rows->total;
    bool first = true, unclear = false;
    for (size_t i = 0; i < v->rows->n; i++)
        unclear |= v->rows->rows[i].fate_unclear;
    print_piece(&first, t->close_wait, "in CLOSE_WAIT");
    print_piece(&first, t->fin_wait_2, "in FIN_WAIT_2");
    print_piece(&first, t->dead, unclear ? "dead or never connected" : "dead");
    print_piece(&first, t->never, "never connected");
    print_piece(&first, t->hangup, "whose Unix peer is gone");
    if (!v->pid)
        printf("; held by %llu of the %llu processes seen", (unsigned long long)v->rows->processes,
               (unsigned long long)v->scan->scanned_processes);
    putchar('\n');
}

/* DRAINED of N connections in CLOSE_WAIT have nothing left to read, not even the FIN. */
static void print_drained(uint64_t drained, uint64_t n)
{
    if (n == 1)
        printf("%s, and it is not closed\n",
               drained ? "nothing is left to read on this connection" : "nobody has read this connection to its end");
    else if (n && !drained)
        printf("nobody has read any of these %llu connections to its end, and none is closed\n", (unsigned long long)n);
    else if (n)
        printf("nothing is left to read on %llu of these %llu connections, and none is closed\n", (unsigned long long)drained,
               (unsigned long long)n);
}

static void print_descriptors(const struct scan_process *p, uint32_t idle_ms)
{
    printf("%s (PID %d): %llu of ", p->comm, (int)p->pid, (unsigned long long)p->fds);
    if (p->fd_limit && p->fd_limit != UINT64_MAX)
        printf("%llu", (unsigned long long)p->fd_limit);
    else
        printf("unlimited");
    printf(" descriptors");
    if (scan_usage_nearly(p->fds, p->fd_limit))
        printf(", nearly all");
    if (idle_ms >= 1000) {
        char buf[64];
        struct out o = {.buf = buf, .cap = sizeof buf};
        out_duration(&o, idle_ms / 1000);
        printf(", silent for %.*s", (int)o.len, buf);
    }
    putchar('\n');
}

/* The process that listens at the port where ROW's connections came in, and holds none of them. */
static const struct scan_process *listener_of(const struct scan *s, const struct scan_row *row)
{
    const struct scan_namespace *ns = &s->namespaces[row->ns];
    const struct scan_process *found = NULL;
    if (row->direction != SCAN_IN)
        return NULL;
    for (size_t i = 0; i < ns->n_listeners; i++) {
        const struct scan_listener *l = &ns->listeners[i];
        for (size_t k = 0; l->inode && l->port == row->port && k < s->n_holds; k++) {
            if (s->holds[k].inode != l->inode)
                continue;
            if (s->holds[k].process == row->process)
                return NULL; /* it is its own */
            found = &s->processes[s->holds[k].process];
        }
    }
    return found;
}

/* The culprit in words: what the percentages of its row stand for. */
static void print_culprit(const struct scan_view *v)
{
    const struct scan_row *row = &v->rows->rows[0];
    const struct scan_process *p = &v->scan->processes[row->process], *listener = listener_of(v->scan, row);
    const struct scan_namespace *ns = &v->scan->namespaces[row->ns];
    char peer[SCAN_PEER];
    if (p->pid == 0)
        return;
    print_descriptors(p, row->idle_ms);
    if (listener)
        printf("port %u, where these came in, is that of %s (PID %d)\n", row->port, listener->comm, (int)listener->pid);
    if (!v->usage && row->direction == SCAN_OUT && row->ports && ns->port_low)
        printf("%llu of %d ephemeral ports to %s are in use\n", (unsigned long long)row->ports, ns->port_high - ns->port_low + 1,
               scan_peer(peer, row));
    print_drained(row->count.drained, row->count.close_wait);
}

/* Nothing is in the table. */
static void print_none(const struct scan_view *v)
{
    const struct scan *s = v->scan;
    const struct scan_process *p = s->processes;
    size_t n_short;
    if (!v->pid) {
        printf("%sno socket in CLOSE_WAIT, FIN_WAIT_2 or dead in %llu processes\n",
               scan_usage_shortest(s, &n_short) ? "" : "nothing stuck: ", (unsigned long long)s->scanned_processes);
        return;
    }
    bool is_short = scan_usage_is_short(v->usage, p), waits = v->usage->n_queues || s->n_helpers;
    printf("%s: %s (PID %d) holds no socket in CLOSE_WAIT, FIN_WAIT_2 or dead\n",
           scan_usage_nearly(p->fds, p->fd_limit) ? "nearly out of descriptors"
           : is_short                             ? "nearly out of local ports"
           : waits                                ? "nothing stuck that it holds"
                                                  : "nothing stuck",
           p->comm, (int)v->pid);
    print_descriptors(p, 0);
}

static void print_apart(const struct scan_view *v)
{
    const struct scan_rows *r = v->rows;
    size_t n;
    const struct scan_process *p = v->pid ? NULL : scan_usage_shortest(v->scan, &n);
    if (p)
        printf("apart: %s (PID %d) has %llu of %llu descriptors in use%s: sockleak scan %d\n", p->comm, (int)p->pid,
               (unsigned long long)p->fds, (unsigned long long)p->fd_limit, n > 1 ? ", and others have few left, too" : "", (int)p->pid);
    if (v->pid == 0 && r->orphans_fin_wait_2)
        printf("apart: %llu orphan%s in FIN_WAIT_2, closed; the kernel drops them by itself\n", (unsigned long long)r->orphans_fin_wait_2,
               r->orphans_fin_wait_2 == 1 ? "" : "s");
    if (v->pid == 0 && r->unaccepted)
        printf("apart: %llu closed by their client and never accepted, most of them at port %u\n", (unsigned long long)r->unaccepted,
               r->unaccepted_port);
}

static void print_unseen(const struct scan_view *v)
{
    const struct scan *s = v->scan;
    size_t none = 0, poor = 0;
    for (size_t i = 0; i < s->n_namespaces; i++) {
        none += s->namespaces[i].source == SCAN_NONE;
        poor += s->namespaces[i].source == SCAN_PROC;
    }
    if (s->unseen_processes)
        printf("not seen: the descriptors of %llu process%s%s\n", (unsigned long long)s->unseen_processes,
               s->unseen_processes == 1 ? "" : "es",
               geteuid() ? " of other users (root sees them)"
                         : " that root may not look into here (CAP_SYS_PTRACE is missing: a container?)");
    if (none)
        printf("not seen: %zu network namespace%s that could not be read\n", none, none == 1 ? "" : "s");
    if (poor)
        printf("not seen: Unix sockets of %zu network namespace%s that could not be entered\n", poor, poor == 1 ? "" : "s");
}

void scan_print_text(const struct scan_view *v)
{
    char next[SCAN_ADVICE];
    if (v->rows->n == 0) {
        print_none(v);
    } else {
        struct layout l = {{0}};
        cells c = {{0}};
        show_rows(v, &l, false);
        fit_width(&l, v->width);
        for (int i = 0; i < COL_COUNT; i++)
            snprintf(c[i], CELL, "%s", headings[i]);
        print_cells(&l, c);
        show_rows(v, &l, true);
        putchar('\n');
        print_total(v);
        print_culprit(v);
    }
    if (v->usage)
        scan_print_usage(v);
    print_apart(v);
    print_unseen(v);
    printf("next: %s\n", scan_advice(next, v));
}
