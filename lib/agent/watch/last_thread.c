/* SPDX-License-Identifier: MIT */
/*
 * last_thread.c: whether the watcher has one other thread beside it, and whether it is the last
 * thread that is left.
 *
 * Called by the watcher between its checks, and by a thread that is about to end. Opens no
 * descriptor: it would take, for a moment, a number that the program may expect to get.
 */
#include "last_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "../base/clock.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../track/gate.h"
#include "wake.h"

/*
 * How often the watcher asks whether it is the last, once the first thread has called pthread_exit.
 */
#define LOOK_NS 100000000u

static _Atomic bool leader_leaves;

/* The link count of /proc/self/task is the number of threads plus two ("." and ".."). */
bool last_thread_with_one_other(void)
{
    struct stat st;
    return sys_stat("/proc/self/task", &st) >= 0 && st.st_nlink == 2 + 2;
}

/*
 * /proc/self/exe is that of the first thread. A thread that has ended has no memory map, so the
 * link leads nowhere (ENOENT).
 */
bool last_thread_of_all(void)
{
    char c;
    return atomic_load(&leader_leaves) && last_thread_with_one_other() &&
           SYS4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", &c, 1) == -ENOENT;
}

uint64_t last_thread_wake(uint64_t when)
{
    uint64_t soon = atomic_load(&leader_leaves) ? clock_now() + LOOK_NS : when;
    return soon < when ? soon : when;
}

void last_thread_goes(void)
{
    uint64_t none = 0;
    thread_leave();
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

void last_thread_forked_child(void) { atomic_store(&leader_leaves, false); }

bool last_thread_ends(void)
{
    if (thread_inside() || gate_is_vfork_child() || sys_getpid() != (long)thread_tid())
        return false;
    atomic_store(&leader_leaves, true);
    watch_poke();
    return true;
}
