/* SPDX-License-Identifier: MIT */
/*
 * blocked.c: threads that are inside a receive on a socket which was closed meanwhile.
 *
 * Called by the watcher at each look. The kernel keeps such a socket, and does not send its FIN,
 * until the call returns, which may be never: no event of the program would tell it.
 */
#include "blocked.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../../core/calls.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../track/after_close.h"

#define MAX_THREADS 256u
#define MAX_BLOCKED 64u

/* Judged when the list of threads is closed: that has a number of its own, maybe the very one. */
struct blocked {
    unsigned threads, n;
    struct {
        int fd;
        unsigned tid, call;
    } in[MAX_BLOCKED];
};

static unsigned receiving_call(uint64_t number)
{
    switch (number) {
    case SYS_read:
        return CALL_READ;
    case SYS_readv:
        return CALL_READV;
    case SYS_recvfrom: /* recv(3) makes it too */
        return CALL_RECV;
    case SYS_recvmsg:
        return CALL_RECVMSG;
    case SYS_recvmmsg:
        return CALL_RECVMMSG;
    default:
        return CALL_UNKNOWN;
    }
}

/* "NUMBER 0xFD ...": the system call and its first argument. "running", "-1 ...": none. */
static bool parse(const char *text, uint64_t *number, uint64_t *first)
{
    *number = *first = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        *number = *number * 10 + (uint64_t)(*text - '0');
    if (strncmp(text, " 0x", 3) != 0)
        return false;
    for (text += 3; (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'f'); text++)
        *first = *first << 4 | (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return true;
}

/* The receive that TID is inside of, and its descriptor; CALL_UNKNOWN: none. */
static unsigned call_of(unsigned tid, int *fd)
{
    char text[256];
    uint64_t number, first;
    if (proc_read(text, sizeof text, "/proc/self/task/%u/syscall", tid) <= 0 || !parse(text, &number, &first) || first > INT32_MAX)
        return CALL_UNKNOWN;
    *fd = (int)first;
    return receiving_call(number);
}

static bool ask(void *arg, unsigned tid)
{
    struct blocked *b = arg;
    if (b->threads++ == MAX_THREADS || b->n == MAX_BLOCKED)
        return false;
    if (tid == (unsigned)sys_gettid()) /* which reads just that file */
        return true;
    b->in[b->n].tid = tid;
    b->in[b->n].call = call_of(tid, &b->in[b->n].fd);
    b->n += b->in[b->n].call != CALL_UNKNOWN;
    return true;
}

void blocked_find(void)
{
    struct blocked b;
    if (!after_close_on || !after_close_any() || sys_in_sandbox())
        return;
    b.threads = b.n = 0;
    proc_each_number("/proc/self/task", ask, &b);
    for (unsigned i = 0; i < b.n; i++) {
        int fd;
        /* asked again when the number is known to be closed: it may have been a file's until then */
        if (after_close_is_gone(b.in[i].fd) && call_of(b.in[i].tid, &fd) == b.in[i].call && fd == b.in[i].fd)
            after_close_blocked(fd, b.in[i].tid, b.in[i].call);
    }
}
