/* SPDX-License-Identifier: MIT */
/*
 * symbolizer_process.c: runs a program as a filter, unnoticed by the process that it runs for.
 *
 * A keeper process is made with clone(2). It shares the memory, so that nothing is copied however
 * large the program is. It has descriptors of its own, which it closes at once. It has no exit
 * signal, so there is no SIGCHLD, and a plain wait does not find it. The keeper makes the pipes,
 * starts the filter, writes its input and reads its output, kills it when the time is over, and
 * waits for it. It makes system calls directly: libc's thread-local state belongs to the calling
 * thread.
 */
#include "symbolizer_process.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "../base/close_all.h"
#include "../base/pages.h"
#include "../base/sys.h"

#define STACK_SIZE 32768u
#define MS 1000000u

/* libc's clone may be another library's, and its thread-local state is not for this thread. */
long symbolizer_clone(unsigned long flags, void *top, int (*run)(void *), void *arg);
ARCH_CLONE(symbolizer_clone);

struct keeper {
    struct symbolizer_job *job;
    uint64_t deadline_ns;
    unsigned char *filter_stack;
    int to[2], from[2]; /* pipes */
    bool ok;
    _Atomic uint32_t done;
};

static int filter_main(void *arg)
{
    struct keeper *k = arg;
    uint64_t none = 0;
    /* First moved above 2, then to 0 and 1: the pipes themselves may have these numbers. */
    long in = SYS3(SYS_fcntl, k->to[0], F_DUPFD_CLOEXEC, 10), out = SYS3(SYS_fcntl, k->from[1], F_DUPFD_CLOEXEC, 10);
    SYS3(SYS_dup3, in, 0, 0);
    SYS3(SYS_dup3, out, 1, 0);
    long null = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    SYS3(SYS_dup3, null, 2, 0);
    SYS5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    SYS3(SYS_execve, k->job->path, k->job->argv, k->job->envp);
    SYS1(SYS_exit, 127);
    return 127;
}

static uint64_t now(void)
{
    struct timespec t;
    SYS2(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u * MS + (uint64_t)t.tv_nsec;
}

/*
 * Writes the filter's input and reads its output. True when the output has ended; false: too late,
 * too long, or an error.
 */
static bool feed_filter(struct keeper *k)
{
    struct symbolizer_job *j = k->job;
    size_t fed = 0;
    for (;;) {
        uint64_t at = now();
        if (at >= k->deadline_ns)
            return false;
        uint64_t left = k->deadline_ns - at;
        struct timespec limit = {(time_t)(left / (1000u * MS)), (long)(left % (1000u * MS))};
        struct pollfd p[2] = {{.fd = k->from[0], .events = POLLIN}, {.fd = k->to[1], .events = POLLOUT}};
        if (SYS5(SYS_ppoll, p, 2, &limit, NULL, 0) < 0)
            return false;
        if (p[1].revents) {
            long n = fed < j->input_size ? sys_write(k->to[1], j->input + fed, j->input_size - fed) : -EPIPE;
            fed += n > 0 ? (size_t)n : 0;
            if ((n < 0 && n != -EAGAIN) || fed == j->input_size) {
                sys_close(k->to[1]);
                k->to[1] = -1;
            }
        }
        if (p[0].revents) {
            if (j->output_size == j->output_room)
                return false;
            long n = sys_read(k->from[0], j->output + j->output_size, j->output_room - j->output_size);
            if (n == 0)
                return true;
            if (n < 0 && n != -EAGAIN)
                return false;
            j->output_size += n > 0 ? (size_t)n : 0;
        }
    }
}

static int keeper_main(void *arg)
{
    struct keeper *k = arg;
    SYS5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    SYS5(SYS_prctl, PR_SET_NAME, "sockleak", 0, 0, 0);
    /*
     * The keeper's own from here on: where the program ignores SIGCHLD, the kernel would keep the
     * filter's status from us.
     */
    static const uint64_t by_default[4];
    SYS4(SYS_rt_sigaction, SIGCHLD, by_default, NULL, 8);
    /*
     * These are second references to the program's connections: while the keeper has one, the
     * program's close would send no FIN.
     */
    if (close_all_from(0) && SYS2(SYS_pipe2, k->to, O_CLOEXEC) >= 0 && SYS2(SYS_pipe2, k->from, O_CLOEXEC) >= 0) {
        long pid = symbolizer_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, k->filter_stack + STACK_SIZE, filter_main, k);
        if (pid > 0) {
            int status = -1;
            sys_close(k->to[0]);
            sys_close(k->from[1]);
            SYS3(SYS_fcntl, k->to[1], F_SETFL, O_NONBLOCK);
            SYS3(SYS_fcntl, k->from[0], F_SETFL, O_NONBLOCK);
            bool complete = feed_filter(k);
            if (!complete)
                SYS2(SYS_kill, pid, SIGKILL);
            SYS4(SYS_wait4, pid, &status, 0, NULL);
            k->ok = complete && status == 0;
        }
    }
    atomic_store(&k->done, 1);
    sys_futex((volatile void *)&k->done, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    return 0;
}

static void await_keeper(struct keeper *k, uint64_t until)
{
    for (uint64_t at = now(); !atomic_load(&k->done) && at < until; at = now()) {
        struct timespec left = {(time_t)((until - at) / (1000u * MS)), (long)((until - at) % (1000u * MS))};
        sys_futex((volatile void *)&k->done, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &left, NULL, 0);
    }
}

bool symbolizer_run(struct symbolizer_job *job, unsigned limit_ms)
{
    unsigned char *stacks = pages_alloc(2 * STACK_SIZE);
    struct keeper k = {.job = job, .deadline_ns = now() + (uint64_t)limit_ms * MS, .filter_stack = stacks};
    uint64_t all = ~0ull, old; /* of a request for cancellation too, which libc makes with a signal */
    if (!stacks)
        return false;
    job->output_size = 0;
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
    long pid = symbolizer_clone(CLONE_VM, stacks + 2 * STACK_SIZE, keeper_main, &k);
    if (pid > 0) {
        /*
         * The keeper keeps the deadline itself; if it has not ended a second later, it is killed.
         */
        await_keeper(&k, k.deadline_ns + 1000u * MS);
        if (!atomic_load(&k.done))
            SYS2(SYS_kill, pid, SIGKILL);
        while (SYS4(SYS_wait4, pid, NULL, __WALL, NULL) == -EINTR)
            ;
    }
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
    pages_free(stacks, 2 * STACK_SIZE);
    return pid > 0 && atomic_load(&k.done) && k.ok;
}
