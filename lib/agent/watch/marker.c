/* SPDX-License-Identifier: MIT */
/*
 * marker.c: the half of a socketpair that a Java runtime keeps as a marker.
 *
 * Asked by a check, with the watch lock held, only of Unix sockets that have hung up and whose
 * opening no wrapper saw. Reads /proc/self/maps at most once a check.
 */
#include "marker.h"

#include <string.h>
#include <sys/socket.h>

#include "../base/sys.h"
#include "../track/hold.h"
#include "../track/probe.h"

static bool asked, is_java;
static char buffer[4096] LARGE_TABLE;

/*
 * Some mapping's path ends in "/libnio.so". Read in pieces that overlap by the length of the name.
 */
static bool maps_libnio(void)
{
    static const char name[] = "/libnio.so\n";
    const size_t overlap = sizeof name - 2;
    long fd = sys_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), n;
    size_t kept = 0;
    bool found = false;
    while (fd >= 0 && !found && (n = sys_read((int)fd, buffer + kept, sizeof buffer - 1 - kept)) > 0) {
        size_t size = kept + (size_t)n;
        buffer[size] = 0;
        found = strstr(buffer, name) != NULL;
        kept = size < overlap ? size : overlap;
        memmove(buffer, buffer + size - kept, kept);
    }
    if (fd >= 0)
        sys_close((int)fd);
    return found;
}

void marker_begin(void) { asked = false; }

bool marker_is(int fd, const struct state_slot *slot, const struct observation *o)
{
    char local[96], peer[96];
    enum origin origin = SLOT_ORIGIN(slot);
    if (o->family != AF_UNIX || o->unread || o->told_eof || (origin != ORIGIN_BEFORE_ATTACH && origin != ORIGIN_UNSEEN))
        return false;
    if (!hold_live(fd, SLOT_WORD(SLOT_GEN(atomic_load(&slot->word)), SLOT_LIVE)))
        return false;
    probe_addresses(fd, local, peer);
    hold_end();
    if (local[0] || peer[0])
        return false;
    if (!asked && !is_java)
        is_java = !sys_in_sandbox() && maps_libnio();
    asked = true;
    return is_java;
}
