/* SPDX-License-Identifier: MIT */
/*
 * unseen.c: finds sockets that no wrapper saw: inherited over exec, opened by io_uring or a raw system call, open before an attach.
 *
 * Descriptor numbers are asked for one after the other, with a call that opens nothing and disturbs nothing (SO_COOKIE on a number that is no socket
 * is an error). Listing /proc/self/fd would need a descriptor, whose number the program might be about to count on. A socket is entered when
 * two scans have seen the same one without a slot: one that the program's wrapper is just about to enter is thus never taken.
 */
#include <string.h>
#include <sys/resource.h>

#include "agent.h"
#include "look.h"
#include "observe.h"
#include "sys.h"
#include "table.h"
#include "track.h"

#define MAX_SUSPECTS 4096
#define GAP 256 /* so many closed numbers in a row beyond the last slot end a scan */

struct suspect {
    int fd;
    enum origin origin; /* what the scan that saw it first took it for */
    uint64_t cookie;
};
static struct suspect *suspects; /* of the last scan, by descriptor */
static unsigned n_suspects;
static int resume, resume_closed; /* where a scan that ran out of budget goes on, and how many numbers in a row were closed there */

static bool live(int fd)
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

void look_for_unseen(uint64_t budget_ns, enum origin origin)
{
    static struct suspect *next;
    const size_t size = MAX_SUSPECTS * sizeof *next;
    if (!suspects)
        suspects = agent_pages(size);
    if (!next)
        next = agent_pages(size);
    if (!suspects || !next)
        return;
    uint64_t begin = agent_now();
    unsigned n = 0, kept = 0;
    int fd = resume, closed = resume_closed;
    bool end;
    /* A scan in parts: what the others found stays known until they come by again. */
    for (; kept < n_suspects && suspects[kept].fd < fd; kept++)
        next[n++] = suspects[kept];
    for (;; fd++) {
        if (live(fd)) {
            closed = 0;
            continue;
        }
        uint64_t cookie = 0;
        unsigned len = sizeof cookie;
        long r = sys_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
        if (observe_is_refusal(r)) { /* of all numbers: the scan would have no end */
            table_drop(DROP_LOOK);
            end = true;
            resume = 0;
            break;
        }
        closed = r == -EBADF ? closed + 1 : 0;
        const struct suspect *before = r >= 0 ? seen_before(fd, cookie) : NULL;
        if (before)
            track_adopt(fd, before->origin, cookie);
        else if (r >= 0 && n < MAX_SUSPECTS)
            next[n++] = (struct suspect){fd, origin, cookie};
        end = closed > GAP && fd > slot_highest();
        if (end || (fd % 64 == 0 && agent_now() - begin > budget_ns)) {
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
