/* SPDX-License-Identifier: MIT */
/*
 * discover.c: finds sockets that no wrapper saw: inherited over exec, opened by io_uring or a raw
 * system call, open before an attach.
 *
 * Called by the watcher, with the watch lock held. Tries one descriptor number after the other with
 * SO_COOKIE, a call that opens nothing and changes nothing, and fails on a number that is no
 * socket. Listing /proc/self/fd would need a descriptor, and so a number that the program may
 * expect to get. A socket is entered only when two scans have seen the same one without a slot: so
 * a socket that a wrapper is about to enter at this moment is left to the wrapper.
 */
#include "discover.h"

#include <sys/socket.h>

#include "../base/clock.h"
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
    uint64_t cookie;
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

static const struct suspect *seen_before(int fd, uint64_t cookie)
{
    for (unsigned lo = 0, hi = n_suspects; lo < hi;) {
        unsigned mid = (lo + hi) / 2;
        if (suspects[mid].fd == fd)
            return suspects[mid].cookie == cookie ? &suspects[mid] : NULL;
        if (suspects[mid].fd < fd)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* What the program inherited was fixed before its first instruction. */
static void adopt(int fd, enum origin origin, uint64_t cookie)
{
    hold_range(fd, fd);
    track_adopt(fd, origin == ORIGIN_UNSEEN && start_set_has(fd, cookie) ? ORIGIN_INHERITED : origin, cookie);
    hold_end();
}

static bool adopt_listed(void *arg, unsigned number)
{
    int fd = (int)number;
    uint64_t cookie = has_live_slot(fd) ? 0 : probe_cookie(fd);
    if (cookie)
        adopt(fd, *(const enum origin *)arg, cookie);
    return true;
}

void discover_at_end(enum origin origin)
{
    if (proc_each_number("/proc/self/fd", adopt_listed, &origin))
        return;
    for (int pass = 0; pass < 2; pass++) /* no descriptor left, or no /proc */
        discover_unseen(UINT64_MAX, origin);
}

void discover_unseen(uint64_t budget_ns, enum origin origin)
{
    static struct suspect *next;
    const size_t size = MAX_SUSPECTS * sizeof *next;
    if (!suspects)
        suspects = pages_alloc(size);
    if (!next)
        next = pages_alloc(size);
    if (!suspects || !next)
        return;
    uint64_t begin = clock_now();
    unsigned n = 0, kept = 0;
    int fd = resume, closed = resume_closed;
    bool end;
    /* A scan may be made in parts. What is outside of this part stays as earlier parts found it. */
    for (; kept < n_suspects && suspects[kept].fd < fd; kept++)
        next[n++] = suspects[kept];
    for (;; fd++) {
        if (has_live_slot(fd)) {
            closed = 0;
            continue;
        }
        uint64_t cookie = 0;
        unsigned len = sizeof cookie;
        hold_range(fd, fd);
        long r = sys_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
        hold_end();
        if (probe_is_refusal(r)) { /* of all numbers: the scan would have no end */
            table_drop(DROP_LOOK);
            end = true;
            resume = 0;
            break;
        }
        closed = r == -EBADF ? closed + 1 : 0;
        const struct suspect *before = r >= 0 ? seen_before(fd, cookie) : NULL;
        if (before)
            adopt(fd, before->origin, cookie);
        else if (r >= 0 && n < MAX_SUSPECTS)
            next[n++] = (struct suspect){fd, origin, cookie};
        end = closed > GAP && fd > slot_highest();
        if (end || (fd % 64 == 0 && clock_now() - begin > budget_ns)) {
            resume = end ? 0 : fd + 1;
            resume_closed = end ? 0 : closed;
            break;
        }
    }
    for (; !end && kept < n_suspects && n < MAX_SUSPECTS; kept++)
        if (suspects[kept].fd > fd)
            next[n++] = suspects[kept];
    struct suspect *old = suspects;
    suspects = next;
    next = old;
    n_suspects = n;
}
