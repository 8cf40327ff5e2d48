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

static bool ask(void *arg, unsigned tid)
{
    char text[256];
    uint64_t number, fd;
    struct blocked *b = arg;
    if (b->threads++ == MAX_THREADS || b->n == MAX_BLOCKED)
        return false;
    if (proc_read(text, sizeof text, "/proc/self/task/%u/syscall", tid) <= 0 || !parse(text, &number, &fd))
        return true;
    unsigned call = receiving_call(number);
    if (call == CALL_UNKNOWN || fd > INT32_MAX)
        return true;
    b->in[b->n].fd = (int)fd;
    b->in[b->n].tid = tid;
    b->in[b->n++].call = call;
    return true;
}

void blocked_find(void)
{
    struct blocked b;
    if (!after_close_on || !after_close_any() || sys_in_sandbox())
        return;
    b.threads = b.n = 0;
    proc_each_number("/proc/self/task", ask, &b);
    for (unsigned i = 0; i < b.n; i++)
        after_close_blocked(b.in[i].fd, b.in[i].tid, b.in[i].call);
}
