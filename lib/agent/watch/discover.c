/* SPDX-License-Identifier: MIT */
/*
 * discover.c: finds sockets that no wrapper saw: inherited over exec, opened by io_uring or a raw
 * system call, open before an attach.
 *
 * Called by the watcher, with the watch lock held. With a descriptor table of its own it lists
 * /proc/self/fd, asks what is behind each number without a slot (readlink(2), which takes no
 * reference), and takes a copy of none but a socket that it enters. With the program's table it tries
 * one number after the other with SO_COOKIE, which opens nothing and changes nothing, and fails on a
 * number that is no socket: to list them would need a descriptor, and so a number that the program
 * may expect to get.
 *
 * A socket is entered only when two scans have seen the same one without a slot: so a socket that a
 * wrapper is about to enter at this moment is left to the wrapper.
 */
#include "discover.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "../../core/cursor.h"
#include "../base/clock.h"
#include "../base/descriptors.h"
#include "../base/pages.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/header.h"
#include "../track/adopt.h"
#include "../track/hold.h"
#include "../track/probe.h"
#include "../track/start_set.h"

#define MAX_SUSPECTS 4096
#define GAP 256 /* a scan ends after so many closed numbers in a row beyond the last slot */

struct suspect {
    int fd;
    enum origin origin; /* ORIGIN of the scan that saw it first */
    uint64_t id;        /* SO_COOKIE, or the inode: as the scans look */
};
static struct suspect *suspects; /* sockets without a slot that the last scan saw, by descriptor */
static unsigned n_suspects;
/* Where a scan that ran out of budget goes on, and how many closed numbers in a row it had seen. */
static int resume, resume_closed;

static bool has_live_slot(int fd)
{
    const struct state_slot *s = slot_of(fd);
    return s && SLOT_PHASE(atomic_load(&s->word)) == SLOT_LIVE;
}

static const struct suspect *seen_before(int fd, uint64_t id)
{
    for (unsigned lo = 0, hi = n_suspects; lo < hi;) {
        unsigned mid = (lo + hi) / 2;
        if (suspects[mid].fd == fd)
            return suspects[mid].id == id ? &suspects[mid] : NULL;
        if (suspects[mid].fd < fd)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* The inode of the socket at FD; 0: it is none. */
static uint64_t inode_of(unsigned fd)
{
    char target[64];
    long n = descriptors_link(fd, target, sizeof target);
    struct cursor at = {target, target + (n > 0 ? n : 0)};
    uint64_t inode;
    return cursor_take_text(&at, "socket:[") && cursor_take_number(&at, 10, &inode) ? inode : 0;
}

/* What a scan knows the socket at FD by; 0: it is none. */
static uint64_t id_of(unsigned fd) { return descriptors_are_own() ? inode_of(fd) : probe_cookie((int)fd); }

/* The cookie of the socket at FD; 0: it is not the one that the scans have seen as ID. */
static uint64_t cookie_of(int fd, uint64_t id)
{
    struct stat st;
    if (!descriptors_are_own())
        return id;
    bool same = sys_fstat(hold_file(fd), &st) >= 0 && S_ISSOCK(st.st_mode) && st.st_ino == id;
    return same ? probe_cookie(fd) : 0;
}

/* What the program inherited was fixed before its first instruction. */
static void adopt(int fd, enum origin origin, uint64_t id)
{
    hold_range(fd, fd);
    uint64_t cookie = cookie_of(fd, id);
    if (cookie)
        track_adopt(fd, origin == ORIGIN_UNSEEN && start_set_has(fd, cookie) ? ORIGIN_INHERITED : origin, cookie);
    hold_end();
}

static bool adopt_listed(void *arg, unsigned number)
{
    int fd = (int)number;
    uint64_t id = has_live_slot(fd) ? 0 : id_of(number);
    if (id)
        adopt(fd, *(const enum origin *)arg, id);
    return true;
}

void discover_at_end(enum origin origin)
{
    if (proc_each_descriptor(0, adopt_listed, &origin))
        return;
    for (int pass = 0; pass < 2; pass++) /* no descriptor left, or no /proc */
        discover_unseen(UINT64_MAX, origin);
}

/* ---- a scan ---------------------------------------------------------------------------------- */

/* A scan may be made in parts. What is outside of this part stays as earlier parts found it. */
struct scan {
    enum origin origin;
    uint64_t begin, budget;
    struct suspect *next; /* what this scan has seen, and what earlier parts had */
    unsigned n, kept;     /* so many are in NEXT; so many of the suspects of before are behind this part */
    int fd, closed;       /* where it is, and how many closed numbers in a row it has seen */
    unsigned listed;      /* so many numbers were listed */
    bool paused, end;     /* its budget is used up; it has been at all numbers */
};

/* ID: of what the two ways of looking know a socket by, its cookie or its inode. */
static void saw(struct scan *s, int fd, uint64_t id)
{
    const struct suspect *before = seen_before(fd, id);
    if (before)
        adopt(fd, before->origin, id);
    else if (s->n < MAX_SUSPECTS)
        s->next[s->n++] = (struct suspect){fd, s->origin, id};
}

static bool is_over_budget(const struct scan *s) { return clock_now() - s->begin > s->budget; }

/* By numbers, in the program's own table. */
static void scan_numbers(struct scan *s)
{
    for (;; s->fd++) {
        if (has_live_slot(s->fd)) {
            s->closed = 0;
            continue;
        }
        uint64_t cookie = 0;
        unsigned len = sizeof cookie;
        hold_range(s->fd, s->fd);
        long r = sys_getsockopt(s->fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
        hold_end();
        if (probe_is_refused_cookie(r)) { /* of all numbers: the scan would have no end */
            table_drop(DROP_LOOK);
            s->end = true;
            break;
        }
        s->closed = r == -EBADF ? s->closed + 1 : 0;
        if (r >= 0)
            saw(s, s->fd, cookie);
        s->end = s->closed > GAP && s->fd > slot_highest();
        if (s->end || (s->fd % 64 == 0 && is_over_budget(s)))
            break;
    }
}

static bool scan_listed(void *arg, unsigned number)
{
    struct scan *s = arg;
    s->fd = (int)number;
    uint64_t inode = has_live_slot(s->fd) ? 0 : inode_of(number);
    if (inode)
        saw(s, s->fd, inode);
    s->paused = ++s->listed % 64 == 0 && is_over_budget(s);
    return !s->paused;
}

/* By the list of them, from a table of its own. */
static void scan_list(struct scan *s)
{
    if (!proc_each_descriptor((unsigned)s->fd, scan_listed, s) && !s->paused)
        table_drop(DROP_LOOK);
    s->end = !s->paused;
}

void discover_unseen(uint64_t budget_ns, enum origin origin)
{
    static struct suspect *next;
    static bool listed; /* the last scan was by the list */
    const size_t size = MAX_SUSPECTS * sizeof *next;
    if (!suspects)
        suspects = pages_alloc(size);
    if (!next)
        next = pages_alloc(size);
    if (!suspects || !next)
        return;
    if (listed != descriptors_are_own()) { /* which knows a socket by something else */
        listed = descriptors_are_own();
        n_suspects = 0;
        resume = resume_closed = 0;
    }
    struct scan s = {.origin = origin, .begin = clock_now(), .budget = budget_ns, .next = next, .fd = resume, .closed = resume_closed};
    for (; s.kept < n_suspects && suspects[s.kept].fd < s.fd; s.kept++)
        next[s.n++] = suspects[s.kept];
    if (descriptors_are_own())
        scan_list(&s);
    else
        scan_numbers(&s);
    resume = s.end ? 0 : s.fd + 1;
    resume_closed = s.end ? 0 : s.closed;
    for (; !s.end && s.kept < n_suspects && s.n < MAX_SUSPECTS; s.kept++)
        if (suspects[s.kept].fd > s.fd)
            next[s.n++] = suspects[s.kept];
    next = suspects;
    suspects = s.next;
    n_suspects = s.n;
}
