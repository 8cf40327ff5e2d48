/* SPDX-License-Identifier: MIT */
/*
 * sockleak.h: "this test leaked no socket": the interface of the sockleak agent for programs and their tests.
 *
 * Nothing has to be linked. The functions are weak: they come with the agent (LD_PRELOAD=libsockleak.so, or `sockleak run -- ./test`),
 * and without it each call answers that it is not active. C99 and later, C++11 and later; Linux, any compiler that knows GNU attributes.
 *
 *     #include <sockleak.h>
 *
 *     sockleak_mark_t start = sockleak_mark();
 *     run_the_code_under_test();
 *     SOCKLEAK_ASSERT_NONE(start);      // fails with the report: which socket, and the stack that opened it
 *
 * Unless said otherwise every function may be called by any thread at any time, but not from a signal handler; none of them changes errno except
 * where a result says so; none is a cancellation point.
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

/* ---- what to look for: KINDS, a mask --------------------------------------------------------------------------- */

#define SOCKLEAK_CLOSE_WAIT 0x01u      /* TCP: the peer sent FIN, this process neither shut down nor closed */
#define SOCKLEAK_FIN_WAIT_2 0x02u      /* TCP: this process shut down its side and holds the descriptor, the peer has not finished */
#define SOCKLEAK_DEAD 0x04u            /* the connection is over (finished, reset, timed out), the descriptor is held */
#define SOCKLEAK_NEVER_CONNECTED 0x08u /* a stream socket whose connect failed, or that was never connected and never listened */
#define SOCKLEAK_HANGUP 0x10u          /* a Unix or vsock connection whose peer has closed */
#define SOCKLEAK_OPEN 0x20u            /* none of these: open and healthy, a listener, a datagram socket */
#define SOCKLEAK_STUCK 0x1fu           /* all but OPEN */
#define SOCKLEAK_ALL 0x3fu             /* every socket that is still open */

/* May be added to KINDS: only sockets opened by the calling thread; only sockets that carry the calling thread's present tag. */
#define SOCKLEAK_THIS_THREAD 0x40000000u
#define SOCKLEAK_THIS_TAG 0x80000000u

/* A moment. Opaque; comparable only by passing it back. Valid in the process that made it. */
typedef uint64_t sockleak_mark_t;

/* One call of a stack, innermost first. Strings are NULL when unknown. OFFSET is relative to MODULE's file, as addr2line -e MODULE wants it (of the return address). */
struct sockleak_frame {
    const char *module;
    const char *symbol;
    uint64_t offset;
    uint64_t address;
};

/* One socket. Everything pointed to belongs to the agent and is gone when the callback returns. */
struct sockleak_finding {
    size_t size;       /* sizeof(struct sockleak_finding) of the agent: later versions add fields at the end */
    int fd;
    unsigned kind;     /* one of SOCKLEAK_CLOSE_WAIT ... SOCKLEAK_OPEN */
    uint64_t site;     /* the call site that opened it: stable over processes and hosts; 0: no stack */
    double age_s;      /* since it was opened */
    double stuck_s;    /* since its condition began, with no byte moving */
    uint64_t unread;   /* bytes received and not read */
    const char *how;   /* of SOCKLEAK_DEAD: "finished", "reset" or "timeout"; else NULL */
    const char *eof;   /* "read": a receive call returned 0; "unread": the end waits in the kernel; else NULL */
    const char *local; /* "127.0.0.1:51222", "[::1]:80", "/run/x.sock"; "" unknown */
    const char *peer;
    const char *tag;   /* the name that sockleak_tag() gave; NULL none */
    int tid;           /* the thread that opened it; 0 unknown */
    size_t n_frames;   /* the allocating stack */
    const struct sockleak_frame *frames;
    size_t n_eof_frames; /* the stack that was told of the end */
    const struct sockleak_frame *eof_frames;
};

/* Returns 0 to go on, anything else to stop. It must not call sockleak_each, _check or _report. */
typedef int (*sockleak_callback)(const struct sockleak_finding *finding, void *arg);

/* ---- the calls ------------------------------------------------------------------------------------------------- */

#define SOCKLEAK_WEAK __attribute__((weak, visibility("default")))
#if defined(__GNUC__) && !defined(__clang__)
#define SOCKLEAK_CALL __attribute__((weak, visibility("default"), noplt))
#else
#define SOCKLEAK_CALL SOCKLEAK_WEAK
#endif

/* 1 when the agent is loaded and recording, else 0. */
int sockleak_active(void) SOCKLEAK_CALL;

/* Now. Checks with this mark look only at sockets opened after it. 0 when not active. */
sockleak_mark_t sockleak_mark(void) SOCKLEAK_CALL;

/*
 * Waits until no socket of KINDS that was opened after SINCE is left, or until TIMEOUT_MS milliseconds are over (0: looks once; negative: no limit). It
 * wakes at the close that it waits for. Reports what is left (to the agent's log) and returns its number, 0 when nothing is. -1 with errno ENOSYS when not active.
 */
int sockleak_check(sockleak_mark_t since, unsigned kinds, int timeout_ms) SOCKLEAK_CALL;

/* Calls CALL for each such socket, in the order of descriptors, in the calling thread. Returns how many times it was called; -1 with errno ENOSYS when not active. */
int sockleak_each(sockleak_mark_t since, unsigned kinds, sockleak_callback call, void *arg) SOCKLEAK_CALL;

/* Writes the report on such sockets to the open descriptor FD. Returns their number; -1 with errno ENOSYS when not active, EIO when it could not be written. */
int sockleak_report(int fd, sockleak_mark_t since, unsigned kinds) SOCKLEAK_CALL;

/* This open socket is meant to stay: it is never reported. Until it is closed; its number's next socket is watched again. */
void sockleak_ignore(int fd) SOCKLEAK_CALL;

/* The calling thread's new sockets are never reported, until as many sockleak_resume() have followed. Nestable; async-signal-safe. */
void sockleak_pause(void) SOCKLEAK_CALL;
void sockleak_resume(void) SOCKLEAK_CALL;

/* The calling thread's new sockets carry NAME (at most 63 bytes are kept), wherever they are handed to. NULL or "": none. NAME is copied. */
void sockleak_tag(const char *name) SOCKLEAK_CALL;

#ifdef __cplusplus
}
#endif

#endif
