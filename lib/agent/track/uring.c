/* SPDX-License-Identifier: MIT */
/*
 * uring.c: whether this process has an io_uring.
 *
 * Called by a look, when a socket's EOF would otherwise be said to be unread. liburing makes its
 * system calls itself, so no wrapper could know of a ring; /proc names it, by a link that can be
 * read without a descriptor.
 */
#include "uring.h"

#include <string.h>

#include "../base/descriptors.h"
#include "../base/sys.h"
#include "../table/table.h"

#define GAP 64 /* ends after so many closed numbers in a row beyond the last slot */

bool uring_is_there(void)
{
    static const char name[] = "anon_inode:[io_uring]";
    char link[sizeof name];
    int closed = 0;
    if (sys_in_sandbox())
        return false;
    for (int fd = 0; closed <= GAP || fd <= slot_highest(); fd++) {
        const struct state_slot *slot = slot_of(fd);
        if (slot && SLOT_PHASE(atomic_load(&slot->word)) == SLOT_LIVE) {
            closed = 0;
            continue;
        }
        long n = descriptors_link((unsigned)fd, link, sizeof link);
        if (n == (long)sizeof name - 1 && memcmp(link, name, sizeof name - 1) == 0)
            return true;
        closed = n < 0 ? closed + 1 : 0;
    }
    return false;
}
