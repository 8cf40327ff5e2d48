/* SPDX-License-Identifier: MIT */
/*
 * wrappers_notes.h: what the tests of the wrappers share: the wrappers themselves, compiled in
 * without their exported names, over a track that writes its events down. Originals are libc's own,
 * or fakes where a result is wanted that the kernel does not give on request.
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
#include "../../lib/core/exhaustion.h"
#include "../../lib/agent/base/sys.h"
#include "../../lib/agent/base/thread.h"
#include "../../lib/agent/process/exec.h"
#include "../../lib/agent/process/exit.h"
#include "../../lib/agent/track/dup.h"
#include "../../lib/agent/track/gate.h"
#include "../../lib/agent/track/open_close.h"
#include "../../lib/agent/track/outcome.h"
#include "../../lib/agent/track/slot.h"
#include "../../lib/agent/watch/watcher.h"
#include "../../lib/agent/watch/last_thread.h"
static void note_sandbox(void);
#define sys_enter_sandbox note_sandbox
/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "agent/wrap/table.c"
#include "agent/wrap/close.c"
#include "agent/wrap/epoll.c"
#include "agent/wrap/open.c"
#include "agent/wrap/process.c"
#include "agent/wrap/receive.c"
#include "agent/wrap/send.c"
#include "agent/wrap/syscall.c"

#include "../newer.h"
/* NOLINTEND(bugprone-suspicious-include) */
#undef sys_enter_sandbox

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
void track_attempt_failed(int fd, bool listening, int err, const struct sockaddr *to, socklen_t len)
{
    note("%s(%d,%d,%s,%u) ", listening ? "unlistened" : "unbound", fd, err, to ? "to" : "null", len);
}
void track_shutdown(int fd, int how) { note("shutdown(%d,%d) ", fd, how); }
void track_received(int fd, ssize_t result, int err, size_t wanted, int flags)
{
    note("received(%d,%zd,%d,%zu,%d) ", fd, result, err, wanted, flags);
}
struct lives lives_table;
struct arch_bits lives_kept;
static uint32_t used_word; /* of the last event */
void track_used(int fd, uint32_t word, enum life_use use)
{
    used_word = word;
    note("%s(%d,%s) ", use == LIFE_SEND ? "sends" : "receives", fd, call_name(this_thread.call));
}
void track_sent(int fd, ssize_t result, int err) { note("sent(%d,%zd,%d) ", fd, result, err); }
void track_hung_up(int fd, unsigned revents) { note("hung_up(%d,%u,%s) ", fd, revents, call_name(this_thread.call)); }
void track_unwatched(int fd) { note("unwatched(%d) ", fd); }
void track_registered(int epfd, int op, int fd, uint64_t data) { note("registered(%d,%d,%d,%lu) ", epfd, op, fd, (unsigned long)data); }
void track_epoll_hung_up(int epfd, uint64_t data, unsigned events)
{
    note("epoll_hung_up(%d,%lu,%u,%s) ", epfd, (unsigned long)data, events, call_name(this_thread.call));
}
/* as the agent does, of those errors alone that say that something is used up */
void exhausted_note(enum call call, int from)
{
    if (exhaustion_of(call, errno))
        note("exhausted(%s,%d,%d) ", call_name(call), errno, from);
}
void exhausted_note_error(enum call call, int error)
{
    if (exhaustion_of(call, error))
        note("exhausted(%s,%d) ", call_name(call), error);
}
void exhausted_note_address(enum call call, int fd, const struct sockaddr *to, socklen_t len)
{
    if (to && exhaustion_of(call, errno) == EXHAUSTION_PORTS)
        note("no_port(%s,%d,%u) ", call_name(call), fd, (unsigned)len);
}
void track_told_error(int fd, int err) { note("told(%d,%d) ", fd, err); }
uint64_t track_closing_by(int fd, unsigned call, struct closer by)
{
    (void)call, (void)by;
    note("closing(%d,%s) ", fd, real.fcntl(fd, F_GETFD, 0) < 0 ? "gone" : "open");
    return next_token;
}
bool after_close_on;
void after_close_closed(int fd, int err, unsigned call) { note("closed(%d,%d,%s) ", fd, err, call_name(call)); }
void track_close_failed(int fd, uint64_t token) { note("back(%d,%d) ", fd, (int)token); }
static bool range_holds_any;
bool track_closing_range_by(unsigned first, unsigned last, unsigned call, struct closer by)
{
    (void)call, (void)by;
    note("range(%u,%u) ", first, last);
    return range_holds_any;
}
void track_range_closed(unsigned first, unsigned last, bool failed) { note("%s(%u,%u) ", failed ? "kept" : "gone", first, last); }
void track_duped(int old_fd, int new_fd) { note("duped(%d,%d) ", old_fd, new_fd); }
void exec_begins(void) { note("exec "); }
void exec_failed(void) { note("exec_failed "); }
int exit_begins(int status, enum state_end how)
{
    note("exiting(%d,%d) ", status, (int)how);
    return 55;
}
uint32_t starts_begin(unsigned call)
{
    note("start(%s) ", call_name(call));
    return 9;
}
void starts_end(uint32_t token, uint32_t pid) { note("started(%u,%s) ", token, pid ? "pid" : "?"); }
void held_passing(const struct msghdr *msg) { note("passing(%d) ", (int)CMSG_FIRSTHDR(msg)->cmsg_type); }
void capture_dlclose_begin(void) { note("dlclose{ "); }
void capture_dlclose_end(void) { note("} "); }
__thread struct this_thread this_thread __attribute__((tls_model("initial-exec")));
void gate_shares_memory(void) { note("shares "); }
static bool may_suspend; /* there is a watcher, which can be spared */
bool watcher_suspend(void)
{
    if (may_suspend)
        note("suspend ");
    return may_suspend;
}
bool watcher_stop(void)
{
    if (may_suspend)
        note("stop ");
    return may_suspend;
}
void watcher_first_thread_ends(void) { note("thread_ends "); }
void exit_aborting(void) { note("aborting "); }
void watcher_resume(void) { note("resume "); }
void watcher_settle(void) { note("settle "); }
void watcher_mind(void) { note("mind "); }
_Atomic uint32_t rights_owner; /* 0: no watcher follows */
static bool follows = true;
bool rights_hand_over(long number, long a, long b, long c, long d, long e)
{
    note("follow(%ld,%ld,%ld,%ld,%ld,%ld) ", number, a, b, c, d, e);
    return follows;
}
bool rights_hand_over_libcs(long number, long a, long b, long c)
{
    note("follow_libc(%ld,%ld,%ld,%ld) ", number, a, b, c);
    return follows;
}
bool rights_hand_over_groups(void)
{
    note("follow_groups ");
    return follows;
}
void watcher_renew(void) { note("renew "); }
static void note_sandbox(void) { note("sandbox "); }

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
    may_suspend = false;
    rights_owner = 0;
    follows = true;
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
