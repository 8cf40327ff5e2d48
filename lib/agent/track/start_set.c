/* SPDX-License-Identifier: MIT */
/*
 * start_set.c: the sockets that were open before the program's first instruction.
 *
 * Filled by the constructor, when there is one thread; only read after that. It stays as it is over
 * a fork.
 */
#include "start_set.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../base/pages.h"
#include "../base/proc_files.h"
#include "../base/sys.h"

#define FEW 8u

struct entry {
    int fd;
    uint64_t cookie;
};

static struct entry few[FEW], *entries = few;
static unsigned n_entries, room = FEW;
static bool worth_watching;
static uint32_t parent;

static bool grow(void)
{
    struct entry *more = pages_alloc(2 * room * sizeof *more);
    if (!more)
        return false;
    for (unsigned i = 0; i < n_entries; i++)
        more[i] = entries[i];
    if (entries != few)
        pages_free(entries, room * sizeof *entries);
    entries = more;
    room *= 2;
    return true;
}

static int option(int fd, int name)
{
    int v = 0;
    unsigned len = sizeof v;
    return sys_getsockopt(fd, SOL_SOCKET, name, &v, &len) < 0 ? 0 : v;
}

/* The size of a name that the kernel chose: a zero byte and five digits (unix(7), Autobind). */
#define AUTOBOUND (offsetof(struct sockaddr_un, sun_path) + 6)

/* CALL: SYS_getsockname or SYS_getpeername. */
static bool has_no_chosen_name(int fd, long call)
{
    struct sockaddr_un a;
    unsigned len = sizeof a;
    if (SYS3(call, fd, &a, &len) < 0 || a.sun_family != AF_UNIX)
        return false;
    return len <= offsetof(struct sockaddr_un, sun_path) || (len == AUTOBOUND && !a.sun_path[0]);
}

/*
 * As far as the kernel tells it: no end has a name that a program chose. With SO_PASSCRED an end of
 * a pair gets one from the kernel.
 */
static bool is_of_a_pair(int fd) { return has_no_chosen_name(fd, SYS_getsockname) && has_no_chosen_name(fd, SYS_getpeername); }

static bool add(void *arg, unsigned number)
{
    (void)arg;
    int fd = (int)number;
    uint64_t cookie = 0;
    unsigned len = sizeof cookie;
    if (sys_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 || (n_entries == room && !grow()))
        return true;
    entries[n_entries++] = (struct entry){fd, cookie};
    int type = fd > 2 ? option(fd, SO_TYPE) : 0;
    if ((type == SOCK_STREAM || type == SOCK_SEQPACKET) && !option(fd, SO_ACCEPTCONN) && !is_of_a_pair(fd))
        worth_watching = true;
    return true;
}

void start_set_take(void)
{
    proc_each_descriptor(0, add, NULL);
    if (n_entries)
        parent = (uint32_t)SYS0(SYS_getppid);
}

bool start_set_has(int fd, uint64_t cookie)
{
    for (unsigned i = 0; i < n_entries; i++)
        if (entries[i].fd == fd)
            return entries[i].cookie == cookie;
    return false;
}

bool start_set_is_worth_watching(void) { return worth_watching; }

uint32_t start_set_parent(void) { return parent; }
