/* SPDX-License-Identifier: MIT */
/*
 * api.c: the public interface (include/sockleak.h).
 *
 * Called by the program's own threads; not async-signal-safe, except where sockleak.h says so. The
 * calling thread checks and reports itself, under the watch lock. While sockleak_check waits, it
 * sleeps on the bell that every close rings (track/close_bell.h), and checks again at least every
 * RECHECK_MS, for closes that no wrapper sees. The callback of sockleak_each is called without the
 * lock.
 */
#define SOCKLEAK_AGENT
#include "../../include/sockleak.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/group_told.h"
#include "../core/text.h"
#include "base/clock.h"
#include "base/options.h"
#include "base/scratch.h"
#include "base/sys.h"
#include "base/thread.h"
#include "libc/real.h"
#include "report/build.h"
#include "stacks/sites.h"
#include "table/header.h"
#include "table/tags.h"
#include "track/adopt.h"
#include "track/close_bell.h"
#include "track/gate.h"
#include "track/probe.h"
#include "track/slot.h"
#include "track/track.h"
#include "watch/check.h"
#include "watch/wake.h"

#define LOCK_MS 60000
#define RECHECK_MS 100
#define MS 1000000u

_Static_assert(SOCKLEAK_ALL == KINDS_ALL && SOCKLEAK_STUCK == KINDS_DEFAULT, "the public masks are the state file's");

int sockleak_active(void) { return gate_has_table() || (!thread_inside() && gate_ready()); }

sockleak_mark_t sockleak_mark(void) { return sockleak_active() ? clock_now() : 0; }

static struct selection selection_of(sockleak_mark_t since, unsigned kinds)
{
    struct selection s = {.since_ns = since, .kinds = kinds & KINDS_ALL};
    if (kinds & SOCKLEAK_THIS_THREAD)
        s.tid = thread_tid();
    if (kinds & SOCKLEAK_THIS_TAG)
        s.tag = this_thread.tag;
    return s;
}

static int failed(int error)
{
    errno = error;
    return -1;
}

static int not_active(void) { return failed(gate_has_failed() ? ENOMEM : ENOSYS); }

/*
 * What follows, until end(), runs as agent code under the watch lock, and without cancellation: a
 * cancelled thread would leave the lock taken. False: no lock within LOCK_MS.
 */
static bool begin(int *cancel)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, cancel);
    thread_enter();
    if (watch_lock(LOCK_MS))
        return true;
    thread_leave();
    pthread_setcancelstate(*cancel, NULL);
    return false;
}

static void end(int cancel)
{
    watch_unlock();
    thread_leave();
    pthread_setcancelstate(cancel, NULL);
}

/*
 * A check that could not see never passes. What it may have missed: sockets that got no slot since
 * SINCE, and those that the kernel did not answer for. 0, or -errno.
 */
static int check_now(sockleak_mark_t since)
{
    uint64_t refused = table_drops(DROP_LOOK), lost = atomic_load(&track_lost_ns);
    check_all(0);
    if (lost && lost >= since)
        return -ENOMEM;
    return table_drops(DROP_LOOK) != refused ? -EBUSY : 0;
}

/*
 * How many are left, or -errno. Most checks find nothing, and cost no names; what a suppression
 * leaves out is known only with them.
 */
static int count_left(struct selection s)
{
    int cancel, n;
    size_t candidates;
    if (!begin(&cancel))
        return -EBUSY;
    if ((n = check_now(s.since_ns)) == 0 && !select_count(&s, &candidates))
        n = -ENOMEM;
    if (n == 0 && candidates) {
        struct built c;
        s.counted_only = true;
        n = report_build(&c, &s, REASON_CHECK) ? (int)c.report.leaks : -ENOMEM;
        report_free(&c);
    }
    end(cancel);
    return n;
}

static bool wait_for_close(uint32_t bell, uint64_t until)
{
    uint64_t now = clock_now();
    if (now >= until)
        return false;
    uint64_t ns = until - now < RECHECK_MS * (uint64_t)MS ? until - now : RECHECK_MS * (uint64_t)MS;
    struct timespec t = {0, (long)ns};
    sys_futex((volatile void *)&close_bell, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, bell, &t, NULL, 0);
    return true;
}

/* A test's few seconds say nothing about growth: no rates, no forecasts. 0, or -errno. */
static int build_for_test(struct built *c, const struct selection *s)
{
    int r = check_now(s->since_ns);
    if (!report_build(c, s, REASON_CHECK))
        return -ENOMEM;
    if (r < 0)
        return r;
    for (size_t i = 0; i < c->report.n_groups; i++) {
        c->report.groups[i].growing = c->report.groups[i].steady = false;
        c->report.groups[i].rate_milli = 0;
    }
    return 0;
}

/* The report at exit need not repeat the stacks of R: whoever runs the test has them. */
static void mark_asserted(const struct report *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        struct state_site *s = sites_at(r->groups[i].site);
        if (!s)
            continue;
        uint64_t sum = atomic_load(&s->asserted) + r->groups[i].count;
        atomic_store(&s->asserted, (uint8_t)(sum < SITE_ASSERTED_MAX ? sum : SITE_ASSERTED_MAX));
    }
}

/*
 * Writes what is left to FD, or, FD < 0, to the log. Its number, or -errno: EIO when it could not
 * be written to FD.
 */
static int report_left(const struct selection *s, int fd)
{
    int cancel;
    if (!begin(&cancel))
        return -EBUSY;
    struct built c;
    int n = build_for_test(&c, s);
    if (n == 0)
        n = (int)c.report.leaks;
    if (n > 0 && !report_write(&c, fd) && fd >= 0)
        n = -EIO;
    if (n > 0 && (fd < 0 || fd == 2))
        mark_asserted(&c.report);
    if (n > 0 && fd < 0 && agent_options.abort_on_error)
        real.abort();
    report_free(&c);
    end(cancel);
    return n;
}

int sockleak_check(sockleak_mark_t since, unsigned kinds, int timeout_ms)
{
    int saved = errno;
    if (!sockleak_active())
        return not_active();
    struct selection s = selection_of(since, kinds);
    uint64_t until = timeout_ms < 0 ? UINT64_MAX : clock_now() + (uint64_t)timeout_ms * MS;
    atomic_fetch_add(&close_bell_waiters, 1);
    uint32_t bell;
    int n;
    do
        bell = atomic_load(&close_bell);
    while ((n = count_left(s)) > 0 && wait_for_close(bell, until));
    atomic_fetch_sub(&close_bell_waiters, 1);
    if (n > 0 && !(kinds & SOCKLEAK_QUIET))
        n = report_left(&s, -1);
    errno = saved;
    return n < 0 ? failed(-n) : n;
}

int sockleak_report(int fd, sockleak_mark_t since, unsigned kinds)
{
    int saved = errno;
    if (!sockleak_active())
        return not_active();
    struct selection s = selection_of(since, kinds);
    int n = report_left(&s, fd);
    errno = saved;
    return n < 0 ? failed(-n) : n;
}

int sockleak_text(char *buf, size_t size, sockleak_mark_t since, unsigned kinds)
{
    int cancel, error = -EBUSY, saved = errno;
    if (!sockleak_active())
        return not_active();
    struct selection s = selection_of(since, kinds);
    struct out o = {0};
    scratch_out(&o);
    if (begin(&cancel)) {
        struct built c;
        if ((error = build_for_test(&c, &s)) == 0 && c.report.leaks) {
            c.report.color = false;
            text_report(&o, &c.report);
            if (o.len < size)
                mark_asserted(&c.report);
        }
        report_free(&c);
        end(cancel);
    }
    if (o.lost)
        error = -ENOMEM;
    size_t whole = o.len, n = whole < size ? whole : size ? size - 1 : 0;
    if (size) {
        memcpy(buf, o.buf, n);
        buf[n] = 0;
    }
    scratch_out_free(&o);
    errno = saved;
    return error < 0 ? failed(-error) : (int)whole;
}

static size_t frames_of(struct sockleak_frame *out, const struct frame *in, size_t n)
{
    for (size_t i = 0; i < n && i < STATE_MAX_FRAMES; i++)
        out[i] = (struct sockleak_frame){in[i].module, in[i].symbol, in[i].offset, in[i].pc};
    return n < STATE_MAX_FRAMES ? n : STATE_MAX_FRAMES;
}

/* 0 when THEN is later than NOW: a socket may have been opened after the report began. */
static double seconds_since(uint64_t now, uint64_t then) { return then < now ? (double)(now - then) / 1e9 : 0; }

static int call_for(const struct report *r, const struct group *g, const struct finding *f, sockleak_callback call, void *arg)
{
    struct sockleak_frame frames[STATE_MAX_FRAMES], told[STATE_MAX_FRAMES];
    struct sockleak_finding out = {
        .size = sizeof out,
        .fd = f->fd,
        .kind = KIND_BIT(f->kind),
        .site = f->siteid,
        .age_s = seconds_since(r->now_ns, f->opened_ns),
        .stuck_s = seconds_since(r->now_ns, f->since_ns),
        .unread = f->unread,
        .how = f->kind == KIND_DEAD ? how_name(f->how) : NULL,
        .eof = eof_name(f->eof),
        .local = f->local ? f->local : "",
        .peer = f->peer ? f->peer : "",
        .tag = f->tag,
        .tid = (int)f->tid,
        .frames = frames,
        .eof_frames = told,
    };
    out.n_frames = frames_of(frames, g->frames, g->n_frames);
    const struct told *in = group_told_of(g, f);
    out.n_eof_frames = in ? frames_of(told, in->frames, in->n_frames) : 0;
    return call(&out, arg);
}

int sockleak_each(sockleak_mark_t since, unsigned kinds, sockleak_callback call, void *arg)
{
    int cancel, n = 0, saved = errno;
    if (!sockleak_active())
        return not_active();
    if (!begin(&cancel))
        return failed(EBUSY);
    struct selection s = selection_of(since, kinds);
    /* without files and lines, which struct sockleak_finding does not have */
    s.counted_only = true;
    struct built c;
    int error = check_now(since);
    if (!report_build(&c, &s, REASON_CHECK))
        error = -ENOMEM;
    end(cancel); /* the callback is the program's code: it may close the sockets that it gets */
    /* all: max_leaks limits printed reports */
    size_t groups = c.report.n_groups + c.report.groups_left_out;
    for (size_t i = 0; !error && i < groups; i++)
        for (size_t j = 0; j < c.report.groups[i].n_findings; j++) {
            n++;
            if (call_for(&c.report, &c.report.groups[i], &c.report.groups[i].findings[j], call, arg)) {
                i = groups;
                break;
            }
        }
    report_free(&c);
    errno = saved;
    return error < 0 ? failed(-error) : n;
}

/*
 * The slot of FD; NULL: no socket. A socket that no wrapper saw is entered now. The watcher would
 * enter it only later, and without the caller's flag.
 */
static struct state_slot *live_or_adopted(int fd)
{
    struct state_slot *slot = slot_of(fd);
    if (slot && SLOT_PHASE(atomic_load(&slot->word)) == SLOT_LIVE)
        return slot;
    uint64_t cookie = probe_cookie(fd);
    return cookie && track_adopt(fd, ORIGIN_UNSEEN, cookie) ? slot_of(fd) : NULL;
}

void sockleak_ignore(int fd)
{
    struct state_slot *slot = gate_has_table() ? live_or_adopted(fd) : NULL;
    if (!slot)
        return;
    atomic_fetch_or(&slot->flags, SLOT_IGNORED);
    for (int other = slot->share ? slot_next(0) : -1; other >= 0; other = slot_next(other + 1))
        if (slot_of(other)->share == slot->share)
            atomic_fetch_or(&slot_of(other)->flags, SLOT_IGNORED);
}

void sockleak_pause(void) { this_thread.paused++; }

void sockleak_resume(void)
{
    if (this_thread.paused)
        this_thread.paused--;
}

void sockleak_tag(const char *name) { this_thread.tag = name && *name && sockleak_active() ? tags_number(name) : 0; }
