/* SPDX-License-Identifier: MIT */
/*
 * agent.h: the composition root: the process-wide facts that the parts share, and the life of the agent (constructor, first socket, fork, exit).
 */
#ifndef SOCKLEAK_AGENT_AGENT_H
#define SOCKLEAK_AGENT_AGENT_H

#include "../core/options.h"
#include "../core/state.h"

extern struct options agent_options;

/* What belongs to a thread. Zeroed in each new thread; the offsets are static (initial-exec), so no access allocates. */
struct agent_thread {
    int in_vfork;                /* > 0: a vfork child runs in this thread's place (arch.h counts here: it must come first) */
    int inside;                  /* > 0: agent code runs, what it opens and closes is not tracked */
    int paused;                  /* > 0: sockleak_pause() */
    uint32_t tid;                /* cached gettid; 0: not asked yet */
    uint16_t tag;                /* sockleak_tag(); 0 none */
    bool no_malloc;              /* a report is made where the program may be inside its allocator */
    bool fork_holds;             /* between its fork handlers: it has the watch lock */
    struct fork_copy *fork_copy; /* between this thread's fork handlers: inherited.c */
};
extern __thread struct agent_thread agent_thread __attribute__((tls_model("initial-exec")));

/* The cheap test at the start of every event: recording, in the process that the table belongs to, and not inside the agent itself on this
 * thread. Starts the agent (state file, table) on first use; in a fresh child of fork gives it a table of its own. */
bool agent_ready(void);
/* As above but never creates anything: false when no table exists yet. */
bool agent_has_table(void);
/* There was no memory for a table: nothing is recorded, and the end says so. */
bool agent_has_failed(void);
/* There is a table and it is this process' own, recording or dormant. */
bool agent_owns_table(void);

static inline void agent_enter(void) { agent_thread.inside++; }
static inline void agent_leave(void) { agent_thread.inside--; }
static inline bool agent_inside(void) { return agent_thread.inside > 0; }

uint32_t agent_tid(void); /* gettid, cached */
uint64_t agent_now(void); /* CLOCK_MONOTONIC ns */
uint64_t agent_now_real(void);
/* True in a child that shares the table's memory. Costs a load, and a getpid only in a program that has used clone(2) in an odd way. */
bool agent_is_vfork_child(void);
/* clone(CLONE_VM) without CLONE_THREAD and CLONE_VFORK: from now on only the process number tells who is who. */
void agent_shares_memory(void);

/* The program has put a seccomp filter on itself (sshd, Chromium): from now on no file is opened, no process or thread made, no socket asked by the
 * filtered threads; what they record goes on, with the calls that every allocator makes. A watcher that already runs is not filtered. */
void agent_enter_sandbox(void);
bool agent_in_sandbox(void);

/* ---- configure.c ---- */
/* The options, once, by whichever event comes first. */
void agent_configure(void);
/* Applies TEXT over them. */
void agent_take_options(const char *text);
/* Takes the agent's own name out of LD_PRELOAD, in place, for the programs that this one will start. */
void agent_leave_children_alone(void);
/* The value of a variable, without libc's lock; NULL: not set. Only where the program cannot be changing its environment: at the start. */
const char *agent_environment(const char *name);

/* ---- birth.c ---- */
/* The table with its header, in a file if there can be one. False: no memory. */
bool agent_make_table(void);

/* Wakes a dormant agent, or starts one that was just injected: OPTIONS_TEXT (may be NULL) is applied over the present options. 0, or -1. */
int agent_wake(const char *options_text);
/* Stops recording; the watcher parks. */
void agent_sleep(void);

/* The end of the process: final look and report, state file kept or removed. Returns the status to end with. Later calls do nothing; but after an
 * abort() that the program catches, or that never ends it (ITS_LAST false), everything goes on, with another report at the real end. */
int agent_finish(int status, enum state_end how, bool its_last);

/* ---- inherited.c: what a child of fork knows from its parent ---- */
/* By the forking thread, before the fork and, in the parent, after it. */
void inherited_prepare(void);
void inherited_discard(void);
/* In the child: forgets the parent's table and keeps what was PREPARED, or what the parent's table says now. */
void inherited_take(bool prepared);
/* Fills in what a fork leaves as it was: program, host, boot. Nothing when there was no parent with a table. */
void inherited_describe(struct state_header *h);
/* Puts them into the child's own table, those that the kernel still knows. */
void inherited_import(void);
/* Before the child has a table of its own: true when FD is one of them (so an event on it is worth a start). */
bool inherited_has(int fd);
unsigned inherited_count(void);

/* ---- place.c: where the state file lives ---- */
/* Creates and checks the state directory and opens it; NAME gets "PID.START.sockleak". -errno with a reason in *WHY. */
int place_open(char *name, size_t cap, uint64_t *start_ticks, const char **why);
void place_remove(void);                 /* this process' state file */
bool place_path(char *path, size_t cap); /* its full path; false when the state is in memory only */
void place_forget(void);                 /* fork child */
void place_in_memory(void);
/*
 * Around an exec that takes nothing along worth a report: the file goes by the name "PID.exec" meanwhile. If the exec fails it steps back and nothing is
 * lost; if not, the next program's agent removes it, as soon as it is loaded. Async-signal-safe.
 */
void place_step_aside(void);
void place_step_back(void);
void place_clear_aside(void);

/* ---- log.c ---- */
void log_init(void); /* remembers what standard output and error are */
/* Writes N bytes as one piece where log_path says; opened and closed at each call. False when they could not be written (counted). */
bool log_write(const char *p, size_t n);
/* The same to an open descriptor of the caller's. */
bool log_write_to(int fd, const char *p, size_t n);
bool log_has_color(void);
/* The descriptor that log_write would use for stderr/stdout, or one that it opened (*CLOSE_IT); -1 none. */
int log_open(bool *close_it);
/* One line: "==PID==sockleak: ...". */
void agent_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "==PID==sockleak: warning: ..." */
void agent_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The list of options (help=1). In the constructor only. */
void agent_help(void);

/* With verbosity=1: what the agent does. Never from a wrapper. */
#define agent_tell(...)              \
    do {                             \
        if (agent_options.verbosity) \
            agent_say(__VA_ARGS__);  \
    } while (0)

/* An errno in words, without libc's locale machinery. */
const char *agent_reason(int err);

/* Keeps one line for later: wrappers never print, the watcher or the exit does. The first few are kept, FMT takes one string at most. */
void agent_note(const char *text, const char *arg);
void agent_tell_notes(void);

/* Scratch memory: zeroed pages. NULL when there is none. */
void *agent_pages(size_t size);
void agent_free_pages(void *p, size_t size);

#endif
