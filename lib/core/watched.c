/* SPDX-License-Identifier: MIT */
/*
 * watched.c: which epoll descriptors of a process hold the sockets of a report.
 *
 * Called when a report is made, by whoever reads the files: the agent of its own process, the
 * command of a live one. All answers are of one moment; the threads go on meanwhile.
 */
#include "watched.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "cursor.h"
#include "proc_call.h"
#include "sort.h"

/* ---- the text -------------------------------------------------------------------------------- */

static bool take_word(struct cursor *c, const char *word)
{
    cursor_skip_blanks(c);
    return cursor_take_text(c, word);
}

static bool take_number(struct cursor *c, unsigned base, uint64_t max, uint64_t *number)
{
    cursor_skip_blanks(c);
    return cursor_take_number(c, base, number) && *number <= max && (c->p == c->end || *c->p == ' ');
}

static bool skip_position(struct cursor *c) { return take_word(c, "pos:") && cursor_skip_word(c); }

bool watched_parse(const char *text, size_t len, struct watched_line *out)
{
    struct cursor t = {text, text + len};
    uint64_t fd, events;
    memset(out, 0, sizeof *out);
    if (!take_word(&t, "tfd:") || !take_number(&t, 10, INT32_MAX, &fd) || !take_word(&t, "events:") ||
        !take_number(&t, 16, UINT32_MAX, &events) || !take_word(&t, "data:") || !take_number(&t, 16, UINT64_MAX, &out->data))
        return false;
    out->fd = (uint32_t)fd;
    out->events = (uint32_t)events;
    out->has_inode = skip_position(&t) && take_word(&t, "ino:") && take_number(&t, 16, UINT64_MAX, &out->inode);
    return true;
}

/* ---- epolls ---------------------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
    const struct watched_socket *x = a, *y = b;
    ORDER(x->inode, y->inode);
    return 0;
}

void watched_begin(struct watched *w, struct watched_socket *sockets, size_t n)
{
    *w = (struct watched){.sockets = sockets, .n = n};
    heap_sort(sockets, n, sizeof *sockets, by_inode);
    for (size_t i = 0; i < n; i++) {
        sockets[i].finding->watch = WATCH_UNKNOWN;
        sockets[i].finding->n_watches = 0;
    }
}

static void take_line(struct watched *w, int epfd, const char *text, size_t len)
{
    struct watched_line line;
    if (len < 4 || memcmp(text, "tfd:", 4) != 0)
        return;
    if (!watched_parse(text, len, &line) || !line.has_inode) {
        w->unknown = true;
        return;
    }
    for (size_t i = sorted_first(w->sockets, w->n, sizeof *w->sockets, line.inode);
         line.inode && i < w->n && w->sockets[i].inode == line.inode; i++) {
        struct finding *f = w->sockets[i].finding;
        if (f->n_watches < FINDING_WATCHES)
            f->watches[f->n_watches] = (struct watch){.epfd = epfd, .fd = line.fd, .events = line.events, .data = line.data};
        f->n_watches++;
    }
}

size_t watched_take(struct watched *w, int epfd, const char *text, size_t len)
{
    size_t used = 0;
    for (const char *end; (end = memchr(text + used, '\n', len - used)) != NULL; used = (size_t)(end - text) + 1)
        take_line(w, epfd, text + used, (size_t)(end - text) - used);
    return used;
}

struct epoll {
    struct watched *w;
    int fd;
};

static size_t take_piece(void *arg, const char *text, size_t len)
{
    const struct epoll *e = arg;
    return watched_take(e->w, e->fd, text, len);
}

void watched_epoll(struct watched *w, int epfd, struct pieces *p)
{
    struct epoll e = {w, epfd};
    int end = pieces_read(p, take_piece, &e);
    w->epolls++;
    if (end != 0 && end != -ENOENT)
        w->unknown = true;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* A thread waits in it for no socket of its own: for an epoll, other threads, processes, signals. */
static bool waits_for_no_socket(uint64_t number)
{
    switch (number) {
#ifdef SYS_pause
    case SYS_pause:
#endif
    case SYS_futex:
    case 449: /* futex_waitv */
    case SYS_wait4:
    case SYS_waitid:
    case SYS_rt_sigsuspend:
    case SYS_rt_sigtimedwait:
        return true;
    default:
        return proc_call_waits_for_epoll(number);
    }
}

/* It waits for its first argument, a descriptor, alone. */
static bool waits_for_one(uint64_t number) { return number == SYS_accept || number == SYS_accept4 || proc_call_transfers(number); }

void watched_thread(struct watched *w, const char *text, size_t len)
{
    struct proc_call c;
    if (!proc_call_parse(text, len, &c)) /* "running", "-1 ..." or nothing */
        w->others = true;
    else if (waits_for_one(c.number) && w->n_busy < WATCHED_BUSY)
        w->busy[w->n_busy++] = c.args[0] & UINT32_MAX; /* an int */
    else
        w->others |= !waits_for_no_socket(c.number);
}

/* A thread is in a call on it. By which number, is not known of one with copies. */
static bool is_busy(const struct watched *w, const struct finding *f)
{
    if (w->n_busy && f->descriptors > 1)
        return true;
    for (unsigned i = 0; i < w->n_busy; i++)
        if (w->busy[i] == (uint32_t)f->fd)
            return true;
    return false;
}

void watched_end(struct watched *w, bool all_threads)
{
    for (size_t i = 0; i < w->n; i++) {
        struct finding *f = w->sockets[i].finding;
        if (f->n_watches)
            f->watch = WATCH_EPOLL;
        else if (w->unknown || !w->sockets[i].inode)
            f->watch = WATCH_UNKNOWN;
        else if (all_threads && !w->others && !is_busy(w, f))
            f->watch = WATCH_NOBODY;
        else
            f->watch = w->epolls ? WATCH_NONE : WATCH_WITHOUT;
    }
}

void watched_events(struct out *o, uint32_t events)
{
    static const struct {
        uint32_t bit;
        char name[12];
    } names[] = {{EPOLLIN, "IN"},           {EPOLLPRI, "PRI"},       {EPOLLOUT, "OUT"},   {EPOLLRDNORM, "RDNORM"}, {EPOLLRDBAND, "RDBAND"},
                 {EPOLLWRNORM, "WRNORM"},   {EPOLLWRBAND, "WRBAND"}, {EPOLLMSG, "MSG"},   {EPOLLRDHUP, "RDHUP"},   {EPOLLET, "ET"},
                 {EPOLLONESHOT, "ONESHOT"}, {1u << 28, "EXCLUSIVE"}, {1u << 29, "WAKEUP"}};
    const char *before = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(events & names[i].bit))
            continue;
        out_fmt(o, "%s%s", before, names[i].name);
        before = "|";
    }
}
