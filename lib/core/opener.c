/* SPDX-License-Identifier: MIT */
/*
 * opener.c: what /proc says of the thread that opened a socket.
 *
 * Called once for each group of a report. The name is what the program has given its thread: it may
 * hold any byte, and is cleaned where it is written.
 */
#include "opener.h"

#include <string.h>
#include <sys/syscall.h>

#define TICK_NS 10000000u /* USER_HZ is 100 wherever there is a /proc */
#define START_FIELD 22u

void opener_set_name(struct opener *t, const char *comm, size_t len)
{
    size_t n = 0;
    while (n < len && n < sizeof t->name - 1 && comm[n] && comm[n] != '\n') {
        t->name[n] = comm[n];
        n++;
    }
    t->name[n] = 0;
}

/* Calls in which threads wait. Nothing is said of others. */
static const struct {
    unsigned number;
    char name[20];
} calls[] = {
#ifdef SYS_poll
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_pause, "pause"},
#endif
    {SYS_read, "read"},
    {SYS_readv, "readv"},
    {SYS_write, "write"},
    {SYS_writev, "writev"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_connect, "connect"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect6"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {441, "epoll_pwait2"},
    {426, "io_uring_enter"},
    {SYS_futex, "futex"},
    {449, "futex_waitv"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    {SYS_flock, "flock"},
    {SYS_fsync, "fsync"},
    {SYS_splice, "splice"},
    {SYS_close, "close"},
};

void opener_set_now(struct opener *t, const char *text, size_t len)
{
    unsigned number = 0;
    size_t digits = 0;
    t->now[0] = 0;
    if (len >= 7 && memcmp(text, "running", 7) == 0) {
        memcpy(t->now, "running", 8);
        return;
    }
    for (; digits < len && digits < 5 && text[digits] >= '0' && text[digits] <= '9'; digits++)
        number = number * 10 + (unsigned)(text[digits] - '0');
    if (!digits || digits == len || text[digits] != ' ') /* "-1 ...": stopped outside of any call */
        return;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (calls[i].number == number) {
            memcpy(t->now, calls[i].name, strlen(calls[i].name) + 1);
            return;
        }
    }
}

bool opener_is_another(const char *stat, size_t len, uint64_t now_boot_ns, uint64_t age_ns)
{
    const char *end = stat + len, *at = end;
    uint64_t start = 0;
    while (at > stat && at[-1] != ')') /* the name may hold anything, and comes in brackets */
        at--;
    for (unsigned field = 2; at < end && field < START_FIELD; at++)
        field += *at == ' ';
    if (at == end || at == stat)
        return false;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        start = start * 10 + (uint64_t)(*at - '0');
    uint64_t began_ns = start * TICK_NS;
    return now_boot_ns > began_ns && now_boot_ns - began_ns + TICK_NS < age_ns;
}
