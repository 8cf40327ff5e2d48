/* SPDX-License-Identifier: MIT */
/*
 * report.h: the data of a report, before it becomes text or JSON.
 *
 * Filled by the agent (lib/agent/report/build.c, from its live table, with names from symbol
 * tables) and by the command (lib/cli/model, from state files, with files, lines and inlined calls
 * from DWARF). The renderers (text.h, json.h, and the command's folded, junit, sarif) only read it.
 * Arrays and strings belong to whoever filled the report and live until rendering is over.
 */
#ifndef SOCKLEAK_CORE_REPORT_H
#define SOCKLEAK_CORE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls.h"
#include "growth_ring.h"
#include "state.h"
#include "transfer.h"

/* What the program did with a socket, and where. */
struct finding_event {
    uint64_t siteid; /* of the stack; 0: its name is not known */
    state_ref site;
    uint8_t event, call; /* enum event, enum call */
    bool inferred;       /* the stack is that of an earlier call by the same pair */
    bool elsewhere;      /* the first or last use, by another thread than opened it */
    bool either;         /* it was in this stack or in that of another such event */
    uint32_t tid;        /* of a last use: the thread that made it; 0: not known */
};
/* first and last use by two stacks each, epoll's two, shutdown, and dup's */
#define FINDING_EVENTS (8u + 3u + STATE_SHARE_DUPS)

#define VARIANT_ENDS 6u

/* One event of a finding that is no socket any more: KIND_USE_AFTER_CLOSE. */
struct use_event {
    state_ref site;
    uint64_t siteid;
    uint8_t call, error;
    bool happened;
};
#define USE_EVENTS (EVENT_USED - EVENT_CLOSED + 1u)

/* A registration of a socket in an epoll of its process (watched.h). */
struct watch {
    int epfd;
    uint32_t fd;     /* under which it was registered: perhaps a copy's, perhaps closed by now */
    uint32_t events; /* EPOLL* */
    uint64_t data;
};
enum watch_state {
    WATCH_UNKNOWN = 0,
    WATCH_WITHOUT, /* by no epoll: the process has none */
    WATCH_NONE,    /* by none of its epolls */
    WATCH_NOBODY,  /* nor is any of its threads in another call that may wait for it */
    WATCH_EPOLL    /* by one or more */
};
#define FINDING_WATCHES 2u

/* One socket that is a finding. */
struct finding {
    int fd;
    uint8_t kind, how, eof, origin;
    uint8_t family, tcp_state, told_errno;
    uint8_t asked_errno;  /* of the connect, bind or listen that was given `asked`; 0: none */
    bool error_inferred;  /* asked_errno: no call has returned it, the kernel's counters show it */
    uint8_t never;        /* enum never, for KIND_NEVER_CONNECTED */
    uint8_t type;         /* SOCK_* */
    uint8_t call;         /* enum call, by which it was opened */
    uint8_t told_call;    /* by which the program saw EOF or the error; 0: not known */
    uint8_t watch;        /* enum watch_state */
    unsigned n_watches;   /* all that there are; the first are kept */
    uint16_t protocol;    /* as given to socket(2), or as SO_PROTOCOL gives it (protocol_name) */
    uint32_t descriptors; /* of this process for this socket; 0: not counted, at least one */
    bool past_grace;
    bool told_eof, told_error; /* the program was told so */
    bool failed;               /* told_site saw the error, not EOF */
    bool unwatched;            /* what it was not told of may have been told where nobody saw it */
    /* no wrapper saw it opened: opened_ns is when it was first seen, its age cannot be known */
    bool adopted;
    bool used; /* an inherited one: this process has called on it */
    uint32_t tid;
    uint32_t receive_tid, send_tid; /* the threads that received and sent last; 0: not known, or nothing was */
    bool told_elsewhere;            /* another thread than opened it saw the EOF or the error */
    bool until_exit;                /* the end of the program closed it, and nothing before */
    bool parent_ended;              /* else it has closed its copy */
    uint32_t parent;                /* inherited, and reported here because PARENT holds it no more; 0: neither */
    uint32_t pid;                   /* 0: of the report's own process; else of another one of a report over several */
    uint16_t tag_number;
    uint64_t siteid;  /* of the allocating stack; 0: none. With `site` the grouping key */
    uint64_t told_id; /* siteid of told_site; 0: no stack */
    state_ref site, told_site;
    uint64_t opened_ns, since_ns; /* CLOCK_MONOTONIC */
    uint64_t unread;
    struct transfer transfer;
    uint64_t inode; /* 0: not known */
    struct watch watches[FINDING_WATCHES];
    /* of KIND_HELD_BY_CHILD: the first of the processes that hold it */
    uint8_t n_holders;
    uint8_t n_events;
    uint32_t holders; /* all that there are */
    const struct state_holder *holder;
    const char *local, *peer;                    /* "" or NULL: unknown */
    const char *asked;                           /* the address that a connect, bind or listen which failed was given */
    const char *tag;                             /* NULL: none */
    struct finding_event events[FINDING_EVENTS]; /* n_events of them */
    uint32_t did;                                /* bits by event, of a closed socket alone: whether or not the stack is known */
    uint32_t variant;                            /* among those of its site; group.c's own */
    uint32_t handled;                            /* the command's own: which of its model's lists of handlers, from 1; 0: none */
    /* where it was left: names of the program's own part of these stacks, 0 not known (variants.h) */
    uint64_t ends[VARIANT_ENDS];
    /* of KIND_USE_AFTER_CLOSE: EVENT_CLOSED first; the threads that closed, called, and opened again */
    struct use_event uses[USE_EVENTS];
    uint32_t closed_tid, used_tid, victim_tid;
};

/*
 * One line of a stack. Inlined calls are lines of their own, before the physical frame that holds
 * them. Unknown strings NULL.
 */
struct frame {
    uint64_t pc;
    uint64_t
        /* in MODULE, of the return address; names are looked up for the call's address, one less */
        offset;
    const char *module;   /* path, NULL for JIT code */
    const char *build_id; /* hex digits */
    const char *symbol;
    const char *file;
    const char *on; /* of a handler: what it waits for ("server 'upgrade'"); NULL: it is none */
    /* where it is in the file that runs, if FILE is another, which a source map has named; else NULL */
    const char *generated_file;
    uint32_t generated_line, generated_column;
    /* the text of that line, as its file has it, of the frame that stands for the program; else NULL */
    const char *source;
    uint32_t line;   /* 0 unknown */
    uint32_t column; /* 0 unknown */
    uint8_t runtime; /* enum runtime_number */
    uint8_t role;    /* enum frame_role: the part of the stack that it belongs to */
    bool begins;     /* it is the first of that part */
    bool of_libc;    /* of a C library that is linked into the program: not shown */
    bool inlined;
    bool line_of_function; /* LINE is where the function begins: the call's is not known */
    /* of the interpreter that runs the frames of a runtime, or of what stands around it: not shown */
    bool interpreter;
};

/*
 * One stack in which something happened to a group's sockets, and to how many. Of EVENT_HANDLED_BY
 * the frames are no stack, but functions that would be called for these sockets.
 */
struct told {
    uint8_t event, call, error; /* enum event, enum call; error: 0 none, or not known */
    state_ref site;
    uint64_t siteid; /* 0: no stack */
    uint64_t count;
    size_t n_frames;
    const struct frame *frames;
    /* with the interpreter's own frames; NULL: FRAMES are all */
    size_t n_whole;
    const struct frame *whole;
    uint64_t n_inferred, n_elsewhere; /* of COUNT: as of struct finding_event */
    uint64_t n_opener;                /* of COUNT, of a last use: by the thread that opened the socket */
    uint64_t descriptors;             /* of EVENT_DUP: that hold these sockets */
    uint64_t n_either;                /* of COUNT: which are counted for another stack, too */
    uint32_t tid;                     /* that has made all of n_elsewhere; 0: several have, or it is not known */
    /*
     * Of EVENT_SIBLINGS: one socket that was closed there, compared with those of the group
     * (parting.h); bits by event. SAME: done in the one stack that all of the group did it in;
     * LACKS: all of the group did it, and of this one it is not known.
     */
    bool compared;
    uint8_t was; /* of EVENT_PARTED: what that socket did in another stack than the group */
    uint32_t same, lacks;
    uint64_t closer; /* of EVENT_PARTED: who has closed it, siteid of the EVENT_SIBLINGS */
};
#define TOLD_SHOWN 3u               /* the commonest stacks of each event */
#define TOLD_KEPT (TOLD_SHOWN + 1u) /* until equal ones are made one */
#define GROUP_TOLD 24u              /* of all events: the rarest gives way */
#define GROUP_USERS 4u              /* threads of which more is told than their number */

/* A thread that opened a group's sockets, or used them last, and the call that it is in now. */
struct opener {
    uint32_t tid;  /* 0: not known, or there were several */
    char name[16]; /* "": not known */
    char now[24];  /* "epoll_wait", "running"; "": not known */
    bool ended;
};

struct group {
    /* how: of most of its sockets; eof: of all, or EOF_MIXED */
    uint8_t kind, how, eof;
    uint8_t never; /* enum never, where all its sockets agree */
    bool of_eof;   /* no stack opened them: siteid is of the stack that saw EOF, site is 0 */
    uint64_t siteid;
    state_ref site;
    /*
     * into how many groups the sockets of this kind and site are cut, by the end that they came to
     * (variants.h). More than 1: this one's name, 0 for the rest of them; all there are, their
     * descriptors, and where they lie: opened, closed, growth and forecast are those of them all
     */
    unsigned variants;
    uint32_t variant;
    unsigned n_told;
    uint64_t site_count, site_descriptors;
    const struct finding *site_findings;
    /* what happened to them, n_told in the order of the events, the commonest first */
    struct told told[GROUP_TOLD];
    /* EVENT_HANDLED_BY: all there are, commonest first, of which `told` has the first; NULL: it has all */
    const struct told *handlers;
    size_t n_handlers;
    uint64_t n_read, n_unread, n_unknown; /* sockets by their eof, n_unknown: where there is one */
    /* of the same site, closed, and known by which stack (EVENT_SIBLINGS; siblings.h) */
    uint64_t n_siblings;
    bool cousins; /* these are of other sites, opened under the same outer frames */
    bool about;   /* how they are spread over the stacks is about right, not counted */
    bool fd_limit_reached, ports_reached;
    struct opener opener;
    /* other threads that used them last, as /proc shows them (users.h) */
    unsigned n_users;
    struct opener users[GROUP_USERS];
    /*
     * at this site (all sockets without a stack are one) since the start; live is opened - closed
     */
    uint64_t opened, closed, live;
    uint64_t asserted;    /* of the site: that an assertion has reported, with this stack */
    uint64_t count;       /* sockets of this kind here: stuck */
    uint64_t descriptors; /* that hold them: more where there are copies by dup */
    bool growing, steady;
    bool reserve;                     /* group.c's own */
    uint32_t rate_milli;              /* growth, thousandths of a socket a minute */
    uint64_t fd_limit, fd_limit_in_s; /* forecast; fd_limit 0: none; in_s 0: never, or reached */
    uint64_t ports, ports_in_s;       /* ephemeral ports towards `ports_peer`; 0: none */
    const char *ports_peer;
    /* how many of the site were stuck, in the order of time; none: not known (the command's alone) */
    size_t n_growth;
    const struct growth_point *growth;
    uint64_t oldest_ns, youngest_ns; /* ages of the condition */
    size_t n_findings;               /* == count, unless the list was cut */
    const struct finding *findings;
    size_t n_frames;
    const struct frame *frames;
    size_t n_whole; /* as in struct told */
    const struct frame *whole;
};

struct exhaustion; /* exhaustion.h */

struct report {
    uint32_t pid;
    const char *exe, *host;
    uint8_t reason;
    uint64_t now_ns, now_real_ns;
    size_t n_groups;
    struct group *groups;
    uint64_t leaks, sites; /* over all groups, the cut ones too */
    uint64_t by_kind[KIND_COUNT];
    uint64_t suppressed, dropped, groups_left_out, sockets_left_out;
    uint64_t unwritten; /* of those dropped: pieces of the log, which say nothing of the counts */
    uint64_t young;     /* at exit: sockets that ended within the last second, not reported */
    /*
     * the period that the watcher keeps instead of its interval, to stay within its budget; 0: the
     * interval
     */
    uint32_t stretched_ms;
    bool print_summary;
    bool brief;           /* in text: what an assertion has reported already comes without its stacks */
    unsigned max_sockets; /* in text; JSON lists up to 64 */
    bool color;
    const struct exhaustion *exhaustion; /* why it is made, of REASON_EXHAUSTED; else NULL */
};

/*
 * A retraction: a socket that was reported and is closed by now, or has left its condition; or all
 * of one site and kind.
 */
struct release {
    int fd; /* the first of them */
    uint8_t kind;
    uint64_t siteid;
    uint64_t stuck_ns; /* the longest, from the beginning of what was reported */
    uint64_t count;
    size_t n_fds; /* listed: at most `count` */
    const int *fds;
};

#endif
