/* SPDX-License-Identifier: MIT */
/*
 * tracked_agent.h: the agent itself in a unit test: its table in memory, no watcher, nothing said
 * at the end.
 *
 * The wrappers are not linked, so what the test itself opens is unknown to the agent, and the
 * events are the test's to report. Without frames (the default here) sockets are counted in the
 * table's header, not at sites.
 */
#ifndef SOCKLEAK_TESTS_TRACKED_AGENT_H
#define SOCKLEAK_TESTS_TRACKED_AGENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/options.h"
#include "agent/base/sys.h"
#include "agent/base/thread.h"
#include "agent/process/configure.h"
#include "agent/process/exec.h"
#include "agent/process/exit.h"
#include "agent/process/fork.h"
#include "agent/table/table.h"
#include "agent/track/gate.h"
#include "agent/track/track.h"

const char *sockleak_default_options(void);
const char *sockleak_default_options(void) { return "interval=0:max_frames=0:leak_check_at_exit=0:state_dir=/proc/none"; }

/* What the library's constructor does in a program. */
__attribute__((constructor)) static void live_begin(void)
{
    configure();
    fork_register();
    exit_register();
}

/* No process leaves a file or a word behind: the last act of main. */
static inline int live_end(int failed)
{
    if (table_head)
        atomic_store(&table_head->enabled, 0);
    return failed;
}

static inline unsigned phase_of(int fd)
{
    const struct state_slot *s = slot_of(fd);
    return s ? SLOT_PHASE(atomic_load(&s->word)) : SLOT_EMPTY;
}
static inline uint32_t gen_of(int fd) { return SLOT_GEN(atomic_load(&slot_of(fd)->word)); }
static inline unsigned flags_of(int fd) { return atomic_load(&slot_of(fd)->flags); }
static inline uint64_t n_opened(void) { return atomic_load(&table_head->sockets_opened); }
static inline uint64_t n_closed(void) { return atomic_load(&table_head->sockets_closed); }

/* A slot for FD, whatever it was before. */
static inline struct state_slot *open_at(int fd)
{
    track_opened(fd, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    assert_int_equal(phase_of(fd), SLOT_LIVE);
    return slot_of(fd);
}

static inline int live_connect(int pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[0], (struct sockaddr *)&at, len), 0);
    pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(pair[1] >= 0);
    close(listener);
    return 0;
}

static inline int live_status(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

/*
 * ONE is run with OTHER after its AT-th instruction, as by another thread at the worst moment: each
 * moment in turn, where threads would meet it once in a million times. False: ONE has fewer
 * instructions, and OTHER was not run. The processor's own single steps; LIVE_STEPS is 0 where
 * nobody has made that.
 */
#ifdef __x86_64__
#define LIVE_STEPS 1
static long live_at, live_step;
static void (*live_other)(void);
static void live_trap(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    if (++live_step == live_at)
        live_other();
    if (live_step >= live_at)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}
static inline bool interrupted(long at, void (*one)(void), void (*other)(void))
{
    struct sigaction sa = {.sa_sigaction = live_trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &sa, NULL);
    live_at = at;
    live_step = 0;
    live_other = other;
    bool sandboxed = atomic_exchange(&sys_sandboxed, true); /* or SIGTRAP would be blocked at times */
    __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\taddq $128, %%rsp" ::: "memory", "cc");
    one();
    __asm__ volatile("subq $128, %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\taddq $128, %%rsp" ::: "memory", "cc");
    atomic_store(&sys_sandboxed, sandboxed);
    signal(SIGTRAP, SIG_DFL);
    return live_step >= at;
}
static inline long live_steps(void) { return live_step; } /* of the last ONE, if OTHER never came */
#else
#define LIVE_STEPS 0
static inline long live_steps(void) { return 0; }
static inline bool interrupted(long at, void (*one)(void), void (*other)(void))
{
    (void)at, (void)one, (void)other;
    return false;
}
#endif

/*
 * CALL in a child of fork: its result is the child's status, 0 for success. A child that hangs is
 * ended by a signal.
 */
static inline int in_child(int (*call)(void *arg), void *arg)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        _exit(call(arg));
    }
    return live_status(child);
}

/* The same by a raw clone, of which libc and its fork handlers know nothing. */
static inline int in_clone(int (*call)(void *arg), void *arg)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        alarm(30);
        _exit(call(arg));
    }
    return live_status(child);
}

/*
 * In a child, where cmocka's own would go on with the parent's tests: the line that failed, as an
 * exit status below 256.
 */
#define WANT(condition)                                                             \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            return 1;                                                               \
        }                                                                           \
    } while (0)

#endif
