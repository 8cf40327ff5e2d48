/* SPDX-License-Identifier: MIT */
/*
 * sockleak.h: "this test leaked no socket": the interface of the sockleak agent for programs and
 * their tests.
 *
 *     #include <sockleak.h>
 *
 *     sockleak_mark_t start = sockleak_mark();
 *     run_the_code_under_test();
 *     SOCKLEAK_ASSERT_NONE(start);      // fails with the report: which socket, which stack
 *
 * Nothing has to be linked. The functions come with the agent (LD_PRELOAD=libsockleak.so, or
 * `sockleak run -- ./test`). This header refers to them weakly; without the agent each call returns
 * that it is not active. C99 and later, C++11 and later; Linux, gcc and clang; dynamic, PIE and
 * non-PIE programs (a static program cannot have the agent: every call returns that it is not
 * active).
 *
 * Unless stated otherwise every function may be called by any thread at any time, but not from a
 * signal handler. errno is changed only where a result below names an error. No function is a
 * cancellation point.
 */
#ifndef SOCKLEAK_H
#define SOCKLEAK_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what to look for: KINDS, a mask --------------------------------------------------------- */

/* TCP: the peer sent FIN, this process neither shut down nor closed */
#define SOCKLEAK_CLOSE_WAIT 0x01u
/* TCP: this process shut down its side and holds the descriptor, the peer has not finished */
#define SOCKLEAK_FIN_WAIT_2 0x02u
/* the connection is over (finished, reset, timed out), the descriptor is held */
#define SOCKLEAK_DEAD 0x04u
/* a stream socket whose connect failed, or that was never connected and never listened */
#define SOCKLEAK_NEVER_CONNECTED 0x08u
#define SOCKLEAK_HANGUP 0x10u /* a Unix or vsock connection whose peer has closed */
/* none of these: open and healthy, a listener, a datagram socket */
#define SOCKLEAK_OPEN 0x20u
/* closed by this process, while a process that it started keeps the connection open and unused */
#define SOCKLEAK_HELD_BY_CHILD 0x40u
/* a call on a descriptor that was closed before; known only with the option closes=1 */
#define SOCKLEAK_USE_AFTER_CLOSE 0x80u
#define SOCKLEAK_STUCK 0xdfu /* all but OPEN */
/* every socket that is still open, those held by a child, and calls on closed descriptors */
#define SOCKLEAK_ALL 0xffu

/*
 * May be added to KINDS, for tests that run side by side: only sockets opened by the calling
 * thread; only sockets that carry the calling thread's current tag, whichever thread uses them now
 * (a thread without a tag sees all).
 */
#define SOCKLEAK_THIS_THREAD 0x40000000u
#define SOCKLEAK_THIS_TAG 0x80000000u
/* May be added to the KINDS of sockleak_check: it waits and counts, and writes nothing. */
#define SOCKLEAK_QUIET 0x20000000u

/* ---- the shapes ------------------------------------------------------------------------------ */

/* A moment. Opaque: pass it back. Valid in the process that made it. */
typedef uint64_t sockleak_mark_t;

/*
 * One call of a stack, innermost first. Strings are NULL when unknown. OFFSET is relative to
 * MODULE's file, as addr2line -e MODULE wants it (of the return address).
 */
struct sockleak_frame {
    const char *module;
    const char *symbol;
    uint64_t offset;
    uint64_t address;
};

/* One socket. Everything pointed to belongs to the agent and is gone when the callback returns. */
struct sockleak_finding {
    /* sizeof(struct sockleak_finding) of the agent: later versions add fields at the end */
    size_t size;
    int fd;
    unsigned kind; /* one of SOCKLEAK_CLOSE_WAIT ... SOCKLEAK_OPEN */
    /* the call site that opened it: stable over processes and hosts; 0: no stack */
    uint64_t site;
    /* since it was opened; since it was first seen, when that was before the agent recorded */
    double age_s;
    double stuck_s;  /* since its condition began, with no byte moving */
    uint64_t unread; /* bytes received and not read */
    const char *how; /* of SOCKLEAK_DEAD: "finished", "reset" or "timeout"; else, and not known, NULL */
    /* "read": the program saw EOF; "unread": it waits in the kernel; NULL: not known, or none */
    const char *eof;
    const char *local; /* "127.0.0.1:51222", "[::1]:80", "/run/x.sock"; "" unknown */
    const char *peer;
    const char *tag; /* the name that sockleak_tag() gave; NULL none */
    int tid;         /* the thread that opened it; 0 unknown */
    size_t n_frames; /* the allocating stack */
    const struct sockleak_frame *frames;
    size_t n_eof_frames; /* the stack of the call that saw EOF */
    const struct sockleak_frame *eof_frames;
};

/*
 * Returns 0 to continue, anything else to stop. The agent holds no lock meanwhile: the callback may
 * call the functions below, and may close the sockets that it gets.
 */
typedef int (*sockleak_callback)(const struct sockleak_finding *finding, void *arg);

/* ---- the calls ------------------------------------------------------------------------------- */

#ifdef SOCKLEAK_AGENT /* the agent itself, which defines them */
#define SOCKLEAK_API __attribute__((visibility("default")))
#else
#define SOCKLEAK_API static inline __attribute__((unused))
#endif

/* 1 when the agent is loaded and recording, else 0. */
SOCKLEAK_API int sockleak_active(void);

/*
 * The present moment. Checks with this mark count only sockets opened after it. 0 when not active.
 */
SOCKLEAK_API sockleak_mark_t sockleak_mark(void);

/*
 * Waits until no socket of KINDS that was opened after SINCE is left, or until TIMEOUT_MS
 * milliseconds are over (0: checks once; negative: no limit). It returns as soon as the last of
 * them is closed. Writes the report of what is left to the agent's log (unless SOCKLEAK_QUIET) and
 * returns the number of sockets, 0 when none is left. Ignored, paused and suppressed sockets are
 * not counted. -1 with errno ENOSYS when not active, ENOMEM or EBUSY when the agent could not
 * check: a check that cannot see never passes. ENOMEM: there was no memory for the check, or for
 * recording a socket that was opened since SINCE. EBUSY: another check has not ended for a minute,
 * or the kernel refused to say how a socket is.
 */
SOCKLEAK_API int sockleak_check(sockleak_mark_t since, unsigned kinds, int timeout_ms);

/*
 * Calls CALLBACK with ARG for each such socket, call site by call site, in the calling thread.
 * Returns how often CALLBACK was called; -1 with errno ENOSYS when not active, ENOMEM or EBUSY when
 * the agent could not check (nothing was called then).
 */
SOCKLEAK_API int sockleak_each(sockleak_mark_t since, unsigned kinds, sockleak_callback callback, void *arg);

/*
 * Writes the report on such sockets to the open descriptor FD; nothing when there is none. Returns
 * their number; -1 with errno ENOSYS when not active, ENOMEM or EBUSY when the agent could not
 * check, EIO when the report could not be written.
 */
SOCKLEAK_API int sockleak_report(int fd, sockleak_mark_t since, unsigned kinds);

/*
 * The same report as text without colours, into BUF of SIZE bytes: cut where it does not fit,
 * always ended by a NUL when SIZE > 0. Returns the bytes of the whole report without the NUL, as
 * snprintf does (SIZE 0 and BUF NULL only asks); -1 with errno ENOSYS when not active, ENOMEM or
 * EBUSY when the agent could not check.
 */
SOCKLEAK_API int sockleak_text(char *buf, size_t size, sockleak_mark_t since, unsigned kinds);

/*
 * The open socket FD is intended to stay open: it is never reported. This ends when it is closed;
 * the next socket with its number is tracked again.
 */
SOCKLEAK_API void sockleak_ignore(int fd);

/*
 * The calling thread's new sockets are never reported, until as many sockleak_resume() have
 * followed. Nestable; async-signal-safe.
 */
SOCKLEAK_API void sockleak_pause(void);
SOCKLEAK_API void sockleak_resume(void);

/*
 * The calling thread's new sockets carry NAME (at most 63 bytes are kept), whichever thread uses
 * them later. NULL or "": none. NAME is copied; one name is one tag, whichever thread gives it.
 */
SOCKLEAK_API void sockleak_tag(const char *name);

/*
 * Two hooks that a program may define; the agent calls each once, before main.
 *
 *     const char *sockleak_default_options(void) { return "exitcode=23:kinds=all"; }
 *     const char *sockleak_default_suppressions(void) { return "leak:my_pool_*\n"; }
 *
 * SOCKLEAK_OPTIONS overrides the options; the suppressions are as in a file of suppressions.
 *
 * The agent finds them among the program's dynamic symbols: link with -rdynamic, or
 * -Wl,--export-dynamic-symbol=sockleak_default_options. (A hook in a shared library that the
 * program is linked with is found without that.)
 */
const char *sockleak_default_options(void);
const char *sockleak_default_suppressions(void);

/*
 * The agent exports two names more, sockleak_attach_entry and sockleak_detach_entry. They belong to
 * the command (`sockleak attach` and `detach` call them inside the process, on one of its threads,
 * which is held for that) and are not part of this interface: a program must not call them, and
 * they may change with any version.
 */

/* ---- the assertion --------------------------------------------------------------------------- */

/*
 * How long it waits for sockets that are closed asynchronously: by another thread, or after a
 * peer's answer. Define it before the include to change it.
 */
#ifndef SOCKLEAK_ASSERT_TIMEOUT_MS
#define SOCKLEAK_ASSERT_TIMEOUT_MS 1000
#endif

/*
 * How a test fails. Define it before the include for your harness; MESSAGE is a const char * with
 * file and line, the failure, and the report. It may leave by longjmp or an exception. (cmocka's
 * fail_msg() cuts at 1,024 bytes, so the message goes through fputs. With Catch2, FAIL_CHECK in a
 * destructor.)
 *
 *     #define SOCKLEAK_FAIL(message) (fputs(message, stderr), fail()) // cmocka
 *     #define SOCKLEAK_FAIL(message) ck_abort_msg("%s", message)      // Check
 *     #define SOCKLEAK_FAIL(message) ADD_FAILURE() << message         // GoogleTest
 *     #define SOCKLEAK_FAIL(message) FAIL(message)                    // Catch2
 */
#ifndef SOCKLEAK_FAIL
#define SOCKLEAK_FAIL(message) (fputs(message, stderr), abort())
#endif

/*
 * Room for MESSAGE, on the stack. A longer report is not in MESSAGE, which then says so: the whole of
 * it is written to standard error.
 */
#ifndef SOCKLEAK_MESSAGE_SIZE
#define SOCKLEAK_MESSAGE_SIZE 8192
#endif

/*
 * Fails the test when a socket opened since MARK (of KINDS) is still open after
 * SOCKLEAK_ASSERT_TIMEOUT_MS. Fails too, with a message of its own, when the agent could not check
 * or is not active: a check that cannot see the sockets must not pass. Define SOCKLEAK_OPTIONAL
 * before the include to let it pass when not active.
 *
 * Tests that run side by side in threads of one process check their own sockets only: by thread; or
 * by tag (sockleak_tag), when they hand sockets to other threads or use threads that carry the same
 * tag.
 */
#define SOCKLEAK_ASSERT_NONE(mark) SOCKLEAK_ASSERT_NONE_OF(mark, SOCKLEAK_ALL)
#define SOCKLEAK_ASSERT_NONE_OF_THREAD(mark) SOCKLEAK_ASSERT_NONE_OF(mark, SOCKLEAK_ALL | SOCKLEAK_THIS_THREAD)
#define SOCKLEAK_ASSERT_NONE_OF_TAG(mark) SOCKLEAK_ASSERT_NONE_OF(mark, SOCKLEAK_ALL | SOCKLEAK_THIS_TAG)
#define SOCKLEAK_ASSERT_NONE_OF(mark, kinds)                                                                                          \
    do {                                                                                                                              \
        char sockleak_message_[SOCKLEAK_MESSAGE_SIZE];                                                                                \
        if (sockleak_failed_(sockleak_message_, sizeof sockleak_message_, (mark), (kinds), SOCKLEAK_OPTIONAL_, __FILE__, __LINE__)) { \
            SOCKLEAK_FAIL(sockleak_message_);                                                                                         \
        }                                                                                                                             \
    } while (0)

#ifdef SOCKLEAK_OPTIONAL
#define SOCKLEAK_OPTIONAL_ 1
#else
#define SOCKLEAK_OPTIONAL_ 0
#endif

/* ---- how a call finds the agent: nothing to use below this line ------------------------------ */

#ifndef SOCKLEAK_AGENT

/*
 * Each function is a small inline one (its own symbol is local and has another name) that calls the
 * agent's function when there is one. In a non-PIE program for x86-64 the compiler may take the
 * address of a weak function for a constant, which the linker then resolves to 0 for good: there it
 * is read from the global offset table, which the dynamic loader fills in.
 */
#define SOCKLEAK_WEAK_(type, name, parameters)                                                     \
    extern type sockleak_agent_##name parameters __asm__("sockleak_" #name) __attribute__((weak)); \
    SOCKLEAK_API type sockleak_##name parameters __asm__("sockleak_inline_" #name)
SOCKLEAK_WEAK_(int, active, (void));
SOCKLEAK_WEAK_(sockleak_mark_t, mark, (void));
SOCKLEAK_WEAK_(int, check, (sockleak_mark_t, unsigned, int));
SOCKLEAK_WEAK_(int, each, (sockleak_mark_t, unsigned, sockleak_callback, void *));
SOCKLEAK_WEAK_(int, report, (int, sockleak_mark_t, unsigned));
SOCKLEAK_WEAK_(int, text, (char *, size_t, sockleak_mark_t, unsigned));
SOCKLEAK_WEAK_(void, ignore, (int));
SOCKLEAK_WEAK_(void, pause, (void));
SOCKLEAK_WEAK_(void, resume, (void));
SOCKLEAK_WEAK_(void, tag, (const char *));
#undef SOCKLEAK_WEAK_

#if defined(__x86_64__) && defined(__LP64__) && !defined(__PIC__) && !defined(__PIE__)
#define SOCKLEAK_FIND_(name)                                                                                   \
    __asm__(".weak sockleak_" #name "\n\t"                                                                     \
            "{movq sockleak_" #name "@GOTPCREL(%%rip), %0|mov %0, QWORD PTR sockleak_" #name "@GOTPCREL[rip]}" \
            : "=r"(call))
#else
#define SOCKLEAK_FIND_(name) (call = sockleak_agent_##name)
#endif

SOCKLEAK_API int sockleak_active(void)
{
    int (*call)(void);
    SOCKLEAK_FIND_(active);
    return call ? call() : 0;
}

SOCKLEAK_API sockleak_mark_t sockleak_mark(void)
{
    sockleak_mark_t (*call)(void);
    SOCKLEAK_FIND_(mark);
    return call ? call() : 0;
}

SOCKLEAK_API int sockleak_check(sockleak_mark_t since, unsigned kinds, int timeout_ms)
{
    int (*call)(sockleak_mark_t, unsigned, int);
    SOCKLEAK_FIND_(check);
    return call ? call(since, kinds, timeout_ms) : (errno = ENOSYS, -1);
}

SOCKLEAK_API int sockleak_each(sockleak_mark_t since, unsigned kinds, sockleak_callback callback, void *arg)
{
    int (*call)(sockleak_mark_t, unsigned, sockleak_callback, void *);
    SOCKLEAK_FIND_(each);
    return call ? call(since, kinds, callback, arg) : (errno = ENOSYS, -1);
}

SOCKLEAK_API int sockleak_report(int fd, sockleak_mark_t since, unsigned kinds)
{
    int (*call)(int, sockleak_mark_t, unsigned);
    SOCKLEAK_FIND_(report);
    return call ? call(fd, since, kinds) : (errno = ENOSYS, -1);
}

SOCKLEAK_API int sockleak_text(char *buf, size_t size, sockleak_mark_t since, unsigned kinds)
{
    int (*call)(char *, size_t, sockleak_mark_t, unsigned);
    SOCKLEAK_FIND_(text);
    return call ? call(buf, size, since, kinds) : (errno = ENOSYS, -1);
}

SOCKLEAK_API void sockleak_ignore(int fd)
{
    void (*call)(int);
    SOCKLEAK_FIND_(ignore);
    if (call)
        call(fd);
}

SOCKLEAK_API void sockleak_pause(void)
{
    void (*call)(void);
    SOCKLEAK_FIND_(pause);
    if (call)
        call();
}

SOCKLEAK_API void sockleak_resume(void)
{
    void (*call)(void);
    SOCKLEAK_FIND_(resume);
    if (call)
        call();
}

SOCKLEAK_API void sockleak_tag(const char *name)
{
    void (*call)(const char *);
    SOCKLEAK_FIND_(tag);
    if (call)
        call(name);
}

#undef SOCKLEAK_FIND_

/* What SOCKLEAK_ASSERT_NONE calls. Returns 1 and writes MESSAGE when the test must fail, else 0. */
SOCKLEAK_API int sockleak_failed_(char *message, size_t size, sockleak_mark_t since, unsigned kinds, int optional, const char *file,
                                  int line)
{
    int left = sockleak_check(since, kinds | SOCKLEAK_QUIET, SOCKLEAK_ASSERT_TIMEOUT_MS), n, whole;
    if (left == 0 || (left < 0 && errno == ENOSYS && optional))
        return 0;
    if (left < 0 && errno != ENOSYS) {
        snprintf(message, size, "%s:%d: the sockleak agent could not look for leaked sockets (%s)\n", file, line,
                 errno == ENOMEM ? "no memory" : "another look hangs, or the kernel refused to answer");
        return 1;
    }
    if (left < 0) {
        snprintf(
            message, size,
            "%s:%d: the sockleak agent is not active, so leaked sockets cannot be seen. Run the test as `sockleak run -- TEST` or with "
            "LD_PRELOAD=libsockleak.so, or define SOCKLEAK_OPTIONAL before including sockleak.h\n",
            file, line);
        return 1;
    }
    n = snprintf(message, size, "%s:%d: %d socket%s opened by this test %s still open\n", file, line, left, left == 1 ? "" : "s",
                 left == 1 ? "is" : "are");
    if (n < 0 || (size_t)n >= size)
        return 1;
    whole = sockleak_text(message + n, size - (size_t)n, since, kinds);
    if (whole >= 0 && (size_t)whole >= size - (size_t)n) {
        snprintf(message + n, size - (size_t)n, "(the report is longer than SOCKLEAK_MESSAGE_SIZE: it is on standard error)\n");
        sockleak_report(2, since, kinds);
    }
    return 1;
}
#endif /* SOCKLEAK_AGENT */

#ifdef __cplusplus
}
#endif

#endif
