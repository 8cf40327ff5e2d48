/* SPDX-License-Identifier: MIT */
/*
 * proc_call.c: which call a thread is in.
 *
 * Called by whoever could read that: checks of the agent, and reports of both sides.
 */
#include "proc_call.h"

#include <sys/syscall.h>

#include "cursor.h"

/* "NUMBER 0x.. 0x.. 0x.. 0x.. 0x.. 0x.. SP PC" */
bool proc_call_parse(const char *text, size_t len, struct proc_call *c)
{
    struct cursor t = {text, text + len};
    if (!cursor_take_number(&t, 10, &c->number))
        return false;
    for (int i = 0; i < 6; i++)
        if (!cursor_take_text(&t, " 0x") || !cursor_take_number(&t, 16, &c->args[i]))
            return false;
    return true;
}

bool proc_call_is_running(const char *text, size_t len)
{
    struct cursor t = {text, text + len};
    return cursor_take_text(&t, "running");
}

bool proc_call_transfers(uint64_t number)
{
    switch (number) {
    case SYS_read:
    case SYS_readv:
    case SYS_write:
    case SYS_writev:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_sendto:
    case SYS_sendmsg:
        return true;
    default:
        return false;
    }
}

bool proc_call_waits_for_epoll(uint64_t number)
{
#ifdef SYS_epoll_wait
    if (number == SYS_epoll_wait)
        return true;
#endif
    return number == SYS_epoll_pwait || number == 441 /* epoll_pwait2 */;
}
