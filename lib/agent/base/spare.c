/* SPDX-License-Identifier: MIT */
/*
 * spare.c: does work that needs a descriptor when the process has none left.
 *
 * Called by whoever writes the log or looks names up: the watcher where it shares the program's
 * descriptor table, and threads that make a report at the end or for a check.
 */
#include "spare.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "close_all.h"
#include "descriptors.h"
#include "pages.h"

#define STACK_SIZE 262144u
#define KEPT 3

/* libc's clone may be another library's. */
long spare_clone(unsigned long flags, void *top, int (*run)(void *), void *arg);
ARCH_CLONE(spare_clone);

struct errand {
    void (*work)(void *arg);
    void *arg;
    bool done;
};

/* What it closes are second references: while it has them, the program's close sends no FIN. */
static int child_main(void *arg)
{
    struct errand *e = arg;
    SYS5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    close_all_from(KEPT);
    e->work(e->arg);
    e->done = true;
    return 0;
}

/* Work may have two open at a time. */
static bool is_full(void)
{
    if (descriptors_are_own() || sys_in_sandbox())
        return false;
    long fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    long second = fd >= 0 ? SYS3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0) : fd;
    if (second >= 0)
        sys_close((int)second);
    if (fd >= 0)
        sys_close((int)fd);
    return second == -EMFILE;
}

static bool run_in_child(struct errand *e)
{
    unsigned char *stack = pages_alloc(STACK_SIZE);
    if (!stack)
        return false;
    uint64_t signals = sys_block_signals();
    this_thread.works_for = (uint32_t)sys_getpid();
    long pid = spare_clone(CLONE_VM | CLONE_VFORK, stack + STACK_SIZE, child_main, e);
    this_thread.works_for = 0;
    while (pid > 0 && SYS4(SYS_wait4, pid, NULL, __WALL, NULL) == -EINTR)
        ;
    sys_unblock_signals(signals);
    pages_free(stack, STACK_SIZE);
    return e->done;
}

void spare_run(void (*work)(void *arg), void *arg)
{
    struct errand e = {work, arg, false};
    if (this_thread.works_for || !is_full() || !run_in_child(&e))
        work(arg);
}
