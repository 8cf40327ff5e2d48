/* SPDX-License-Identifier: MIT */
/*
 * abort.c: ends the process like abort(3), without libc's.
 *
 * Called by whoever has made a report with abort_on_error=1, the watcher too. libc's takes a lock,
 * and would run the program's handler on the watcher.
 */
#include "abort.h"

#include <signal.h>
#include <time.h>

#include "clock.h"
#include "sys.h"
#include "thread.h"

#define HANDLER_NS (5u * (uint64_t)NS_PER_S)

/* The kernel's struct sigaction; the handler comes first. */
struct action {
    uintptr_t handler;
    uint64_t rest[3];
};

static bool has_handler(void)
{
    struct action a = {0, {0}};
    SYS4(SYS_rt_sigaction, SIGABRT, NULL, &a, 8);
    return a.handler != (uintptr_t)SIG_DFL && a.handler != (uintptr_t)SIG_IGN;
}

static void raise_here(void)
{
    uint64_t mask = 1ull << (SIGABRT - 1);
    SYS4(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
    SYS3(SYS_tgkill, sys_getpid(), sys_gettid(), SIGABRT);
}

static void raise_elsewhere(void)
{
    struct timespec nap = {0, 10 * NS_PER_MS};
    uint64_t until = clock_now() + HANDLER_NS;
    SYS2(SYS_kill, sys_getpid(), SIGABRT);
    while (clock_now() < until)
        SYS2(SYS_nanosleep, &nap, NULL);
}

_Noreturn void abort_process(void)
{
    static const struct action by_default;
    if (has_handler())
        this_thread.is_watcher ? raise_elsewhere() : raise_here();
    SYS4(SYS_rt_sigaction, SIGABRT, &by_default, NULL, 8);
    raise_here();
    for (;;)
        SYS1(SYS_exit_group, 127);
}
