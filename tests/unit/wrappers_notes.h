/* SPDX-License-Identifier: MIT */
/*
 * wrappers_notes.h: what the tests of the wrappers share: the wrappers themselves, compiled in without their exported names, over a track that
 * writes its events down. Originals are libc's own, or fakes where a result is wanted that the kernel does not give on request.
 */
#ifndef SOCKLEAK_TESTS_WRAPPERS_NOTES_H
#define SOCKLEAK_TESTS_WRAPPERS_NOTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WRAPPER_EXPORT(name)
#include "../../lib/agent/agent.h"
/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "agent/wrappers.c"
#include "agent/wrappers_close.c"
#include "agent/wrappers_open.c"
#include "agent/wrappers_process.c"
#include "agent/wrappers_receive.c"
#include "agent/wrappers_send.c"
#include "agent/wrappers_syscall.c"
/* NOLINTEND(bugprone-suspicious-include) */

/* ---- a track that takes notes ---- */

ssize_t track_quiet;
static char notes[4096];
static uint64_t next_token = 77;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    size_t n = strlen(notes);
    vsnprintf(notes + n, sizeof notes - n, format, args);
    va_end(args);
    errno = saved;
}

void track_opened(int fd, int family, int type, int protocol, enum origin origin)
{
    note("opened(%d,%d,%d,%d,%d) ", fd, family, type, protocol, (int)origin);
}
void track_pair(const int fd[2], int family, int type, int protocol)
{
    note("pair(%d,%d,%d,%d,%d) ", fd[0], fd[1], family, type, protocol);
}
void track_accepted(int listener, int fd, int flags) { note("accepted(%d,%d,%d) ", listener, fd, flags); }
void track_rights(const struct msghdr *msg)
{
    const struct cmsghdr *first = CMSG_FIRSTHDR(msg);
    note("rights(%d) ", first ? (int)first->cmsg_type : -1);
}
void track_connected(int fd, int result, int err, const struct sockaddr *to, socklen_t len)
{
    note("connected(%d,%d,%d,%s,%u) ", fd, result, err, to ? "to" : "null", len);
}
void track_shutdown(int fd, int how) { note("shutdown(%d,%d) ", fd, how); }
void track_received(int fd, ssize_t result, int err, size_t wanted, int flags)
{
    note("received(%d,%zd,%d,%zu,%d) ", fd, result, err, wanted, flags);
}
void track_sent(int fd, ssize_t result, int err) { note("sent(%d,%zd,%d) ", fd, result, err); }
void track_told_error(int fd, int err) { note("told(%d,%d) ", fd, err); }
uint64_t track_closing(int fd)
{
    note("closing(%d,%s) ", fd, real.fcntl(fd, F_GETFD, 0) < 0 ? "gone" : "open");
    return next_token;
}
void track_close_failed(int fd, uint64_t token) { note("back(%d,%d) ", fd, (int)token); }
void track_closing_range(unsigned first, unsigned last) { note("range(%u,%u) ", first, last); }
void track_duped(int old_fd, int new_fd) { note("duped(%d,%d) ", old_fd, new_fd); }
void track_exec(void) { note("exec "); }
void track_exec_failed(void) { note("exec_failed "); }
int track_exiting(int status, enum state_end how)
{
    note("exiting(%d,%d) ", status, (int)how);
    return 55;
}
void capture_dlclose_begin(void) { note("dlclose{ "); }
void capture_dlclose_end(void) { note("} "); }
__thread struct agent_thread agent_thread __attribute__((tls_model("initial-exec")));
void agent_shares_memory(void) { note("shares "); }
void agent_enter_sandbox(void) { note("sandbox "); }
static bool watcher; /* there is one, which can be spared */
bool watch_suspend(void)
{
    if (watcher)
        note("suspend ");
    return watcher;
}
bool watch_stop(void)
{
    if (watcher)
        note("stop ");
    return watcher;
}
void watch_thread_ends(void) { note("thread_ends "); }
void track_aborting(void) { note("aborting "); }
void watch_resume(void) { note("resume "); }
void watch_settle(void) { note("settle "); }

void sites_dlclose_begin(void) {}

void sites_dlclose_done(void) { note("sites "); }

/* Numbers in expected notes: A and B are the ends of a stream pair, P and Q of a pipe. */
static int A, B, P, Q;
static char buf[16];
static struct real libc;

static int setup(void **state)
{
    (void)state;
    int v[2];
    real_resolve();
    libc = real;
    real.socketpair(AF_UNIX, SOCK_STREAM, 0, v);
    A = v[0];
    B = v[1];
    if (pipe(v) != 0)
        return -1;
    P = v[0];
    Q = v[1];
    track_quiet = 0;
    next_token = 77;
    watcher = false;
    notes[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    real = libc;
    real.close(A);
    real.close(B);
    real.close(P);
    real.close(Q);
    return 0;
}

static void noted(const char *format, ...)
{
    char expected[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    assert_string_equal(notes, expected);
    notes[0] = 0;
}

/* CALL fails with ERR and leaves the notes of the rest. */
#define FAILS(call, err, ...)     \
    errno = 0;                    \
    assert_int_equal(call, -1);   \
    assert_int_equal(errno, err); \
    noted(__VA_ARGS__)

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
