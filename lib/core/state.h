/* SPDX-License-Identifier: MIT */
/*
 * state.h: the layout of a state file, and the strict decoder that reads it.
 *
 * The agent keeps its whole live table in one shared mapping of one file, so that any reader with
 * the owner's rights sees it while the process runs, hangs, is stopped, or was killed.
 * lib/agent/table writes it; the agent's own reports and the command read it, both through the
 * decoder of state.c.
 *
 * A file is: one header page; one table of 32-bit extent words; then the body, cut into extents of
 * one page, 4 KiB. Each extent holds records of one type. A record is named by its *ref*: its file
 * offset divided by 64; ref 0 is "none". The file is sparse: an extent that was never allocated
 * takes no memory.
 *
 *     0        struct state_header               4 KiB
 *     4096     uint32_t extents[65536]           256 KiB  type << 28 | parameter
 *     266240   extent 0, extent 1, ...           4 KiB each
 *
 * All integers are in the byte order and widths of the writing machine (header.byte_order says
 * which). Times are CLOCK_MONOTONIC nanoseconds, unless the name says real_ns (CLOCK_REALTIME); the
 * header holds one pair of both, so a reader can convert.
 *
 * A reader must treat the file as hostile: every ref, count and length is checked by the decoder,
 * loops are bounded by the number of extents, strings are cut at their field's end. The writer may
 * change any byte meanwhile: a slot is read as a copy between two equal readings of its word.
 */
#ifndef SOCKLEAK_CORE_STATE_H
#define SOCKLEAK_CORE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kinds.h"
#include "runtime_name.h"

#define STATE_MAGIC "sockleak" /* 8 bytes, no NUL */
#define STATE_VERSION 2u
#define STATE_VERSION_LIVES 2u /* from here on lives are as below; readers pass over those before */
#define STATE_BYTE_ORDER 0x01020304u
#define STATE_PAGE 4096u
#define STATE_EXTENT_SIZE 4096u
#define STATE_MAX_EXTENTS 65536u
#define STATE_TABLE_OFFSET STATE_PAGE
#define STATE_BODY_OFFSET (STATE_PAGE + STATE_MAX_EXTENTS * 4u)
#define STATE_MAX_SIZE (STATE_BODY_OFFSET + (uint64_t)STATE_MAX_EXTENTS * STATE_EXTENT_SIZE)
#define STATE_REF_UNIT 64u
#define STATE_MAX_FRAMES 128u
#define STATE_NO_MODULE 0xffffu

typedef uint32_t state_ref; /* file offset / 64; 0: none */

/*
 * Extent types; the parameter stands beside each. The word of an extent is (type << 28) |
 * parameter.
 */
enum state_extent_type {
    EXTENT_FREE = 0,
    EXTENT_SLOTS, /* 64 slots; parameter: first descriptor / 64 */
    EXTENT_SITES, /* struct state_site records, one after the other, each `size` bytes long */
    /* 8 struct state_module; module number = (place of this extent among its type) * 8 + index */
    EXTENT_MODULES,
    EXTENT_DETAILS, /* 16 struct state_detail */
    EXTENT_SHARES,  /* 64 struct state_share */
    /*
     * 64 tag names of 64 bytes, NUL-padded; tag number = (place among its type) * 64 + index; tag 0
     * unused
     */
    EXTENT_TAGS,
    /*
     * one struct state_text: the program's own options and suppressions, if it has any; several
     * extents when these are long
     */
    EXTENT_TEXT,
    EXTENT_INDEX,    /* the writer's own hash heads; readers skip it */
    EXTENT_ATTEMPTS, /* 32 struct state_attempt by descriptor; parameter: the first one / 32 */
    EXTENT_CHILDREN, /* 21 struct state_child */
    EXTENT_FRAMES,   /* struct state_frame records, one after the other, each `size` bytes long */
    EXTENT_LIVES,    /* 128 struct state_life by descriptor; parameter: the first one / 128 */
    EXTENT_PAIRS,    /* 64 struct state_pair */
    EXTENT_CLOSES,   /* struct state_closes records, one after the other, each `size` bytes long */
    EXTENT_HELD,     /* 8 struct state_held */
    EXTENT_COUNT
};
#define STATE_SLOTS_PER_EXTENT (STATE_EXTENT_SIZE / 64u)
#define STATE_MODULES_PER_EXTENT (STATE_EXTENT_SIZE / 512u)
#define STATE_TAGS_PER_EXTENT (STATE_EXTENT_SIZE / 64u)
#define STATE_ATTEMPTS_PER_EXTENT (STATE_EXTENT_SIZE / 128u)
#define STATE_LIVES_PER_EXTENT (STATE_EXTENT_SIZE / 32u)
#define STATE_PAIRS_PER_EXTENT (STATE_EXTENT_SIZE / 64u)
#define STATE_PAIRS_EXTENTS 64u /* that the writer makes at most */

/* ---- header ---------------------------------------------------------------------------------- */

enum state_drop { DROP_TABLE_FULL = 0, DROP_SITE_FULL, DROP_NESTED, DROP_NO_STACK, DROP_RELEASE_RING, DROP_LOG, DROP_LOOK, DROP_COUNT };
/* a killed process stays END_RUNNING */
enum state_end { END_RUNNING = 0, END_EXIT, END_EXEC, END_ABORT };

#define STATE_STATUS_UNKNOWN INT32_MIN

#define STATE_HEADER_FIRST 1064u /* sizeof(struct state_header) in version 0.1 */
struct state_header {
    char magic[8];
    uint32_t version;
    uint32_t byte_order;
    uint32_t header_size; /* sizeof(struct state_header) of the writer */
    uint32_t slot_size;   /* 64 */
    uint32_t pid, ppid, uid;
    uint32_t word_bits;      /* 64 */
    uint64_t start_ticks;    /* field 22 of /proc/PID/stat: with pid, the process' identity */
    uint64_t opened_mono_ns; /* one instant in both clocks */
    uint64_t opened_real_ns;
    uint64_t boot_id_hash;      /* FNV-1a of /proc/sys/kernel/random/boot_id; 0 unknown */
    uint64_t exe_dev, exe_ino;  /* of /proc/self/exe, 0 unknown */
    _Atomic uint32_t n_extents; /* extents allocated so far */
    /* futex word: 1 recording, 0 dormant. `sockleak attach/detach` flips and wakes it */
    _Atomic uint32_t enabled;
    /* futex word: a reader adds 1 and wakes it to ask for a check now */
    _Atomic uint32_t request;
    /* futex word: the agent sets it to the request that it has served */
    _Atomic uint32_t answered;
    /*
     * Effective options that a reader needs; the command may write grace_ns and kinds while enabled
     * is 0.
     */
    _Atomic uint32_t kinds;
    uint32_t max_frames;
    _Atomic uint64_t grace_ns;
    _Atomic uint64_t interval_ns;
    _Atomic uint64_t last_look_ns; /* when the watcher's last complete check began; 0: none yet */
    _Atomic uint64_t looks;
    _Atomic uint64_t dropped[DROP_COUNT + 1];
    /* those without a stack: the others are counted at their sites */
    _Atomic uint64_t sockets_opened;
    _Atomic uint64_t sockets_closed;
    _Atomic uint32_t end;            /* enum state_end */
    _Atomic uint32_t exit_status;    /* STATE_STATUS_UNKNOWN: the C library did not say it */
    _Atomic uint32_t nofile_limit;   /* RLIMIT_NOFILE's soft value at the last check; 0 unknown */
    _Atomic uint32_t inherited_from; /* pid of the parent that forked us with sockets; 0: none */
    _Atomic uint32_t watcher_tid;
    /*
     * checks take longer than their budget: the period in ms that is kept instead of the interval;
     * 0: the interval
     */
    _Atomic uint32_t stretched;
    _Atomic uint32_t attached;   /* 1: injected or woken by attach */
    uint32_t interval_given;     /* 1: the user chose interval_ns, it does not follow grace_ns */
    _Atomic uint64_t port_range; /* ephemeral ports: low << 16 | high; 0 unknown */
    char exe[512];
    char host[256];
    char agent_version[32];
    /* What version 0.1 wrote ends here; the rest of the page is zero in its files. */
    /*
     * what was opened until then may have been read where no wrapper saw it: by a forked child, by
     * io_uring, or while the agent was dormant; 0: nothing
     */
    _Atomic uint64_t unwatched_ns;
    /*
     * 1: the file system was full, and some extents are in private memory of the process. Whoever
     * maps the file may get SIGBUS in their places.
     */
    _Atomic uint32_t overflowed;
    /* 1: written from outside, by a tracer: stacks begin where the system call is made, in the C library too */
    uint32_t traced;
};

/*
 * Whom the process has its inherited sockets from. In the page of the header, at a place of its
 * own:
 * all zero in the files of version 0.1.
 */
#define STATE_FAMILY_OFFSET 3072u
#define STATE_ANCESTORS 8u
struct state_family {
    uint32_t parent;               /* that these sockets came from, by fork or exec; 0: none */
    _Atomic uint32_t parent_ended; /* as the last check saw it */
    uint64_t parent_start;         /* its start_ticks; 0 unknown */
    /* this process has begun its last check (CLOCK_MONOTONIC); 0: not yet */
    _Atomic uint64_t leaving_ns;
    uint32_t ancestors[STATE_ANCESTORS]; /* the parent's parent first; 0: no more */
};

/*
 * Where the reports go, when `sockleak attach` said so. In the page of the header, at a place of
 * its own: all zero in older files.
 */
#define STATE_LOG_OFFSET 2048u
struct state_log {
    _Atomic uint32_t turn; /* the command adds 1 when it has written another place; 0: never */
    uint32_t unused;
    _Atomic uint64_t place[64]; /* as log_path, ended by NUL; "none": kept from a place that the user chose */
};

/* ---- records --------------------------------------------------------------------------------- */

/*
 * The word of a slot: generation << 8 | phase. A new generation begins with each open of that
 * number.
 */
enum slot_phase {
    SLOT_EMPTY = 0,
    SLOT_FILLING,
    SLOT_LIVE,
    SLOT_CLOSING,
    SLOT_ADOPTING,    /* FILLING, by another thread than the opening one */
    SLOT_CLOSING_MANY /* CLOSING, by a call that closes a range and has not returned yet */
};
#define SLOT_WORD(gen, phase) (((uint64_t)(gen) << 8) | (phase))
#define SLOT_GEN(word) ((uint32_t)((word) >> 8))
#define SLOT_PHASE(word) ((unsigned)((word)&0xff))

enum slot_flag {
    SLOT_CONNECTED = 1 << 0,  /* connect returned 0, accepted, a pair, or seen established */
    SLOT_CONNECTING = 1 << 1, /* connect returned EINPROGRESS */
    SLOT_SHUT_WR = 1 << 2,    /* this process called shutdown(SHUT_WR or SHUT_RDWR) */
    SLOT_SHUT_RD = 1 << 3,
    SLOT_TOLD_EOF = 1 << 4,   /* a receive call returned 0, or poll or epoll the hangup */
    SLOT_TOLD_ERROR = 1 << 5, /* a call returned the connection's error; told_errno */
    SLOT_INHERITED = 1 << 6,  /* came through fork or exec and ... */
    SLOT_USED = 1 << 7,       /* ... was used here since */
    SLOT_IGNORED = 1 << 8,    /* sockleak_ignore() */
    SLOT_CLOEXEC = 1 << 9,    /* opened with SOCK_CLOEXEC (a hint) */
    /* inherited: every transfer of the process is tracked until this socket was used */
    SLOT_AWAITED = 1 << 10,
    SLOT_UNCOUNTED = 1 << 11, /* opened under sockleak_pause(): its site does not count it */
    SLOT_ADOPTED = 1 << 12,   /* no wrapper saw it opened: opened_ns is when it was first seen */
    SLOT_MPTCP = 1 << 13,     /* protocol is 262, of which only the low byte is kept */
    SLOT_UNWATCHED = 1 << 14, /* something may have read it where no wrapper saw that */
    /* inherited, unused, and at the last check no other process was there to report it */
    SLOT_LAST = 1 << 15,
};

struct state_slot { /* 64 bytes, one cache line, one descriptor */
    _Atomic uint64_t word;
    /* written by the opening thread, before word says SLOT_LIVE */
    uint64_t opened_ns;
    state_ref site; /* the allocating stack; 0: no stack */
    uint32_t tid;
    state_ref share;     /* struct state_share when dup'ed, else 0 */
    uint16_t tag;        /* 0: none */
    uint8_t family;      /* AF_*; 0 unknown yet */
    uint8_t type_origin; /* SOCK_* type | enum origin << 4 */
    /* written by the program's threads later on */
    _Atomic state_ref told_site; /* the stack of the call that saw EOF or the error; 0: none */
    _Atomic uint16_t flags;
    _Atomic uint8_t told_errno;
    uint8_t protocol; /* low 8 bits of IPPROTO_* as given to socket(2) */
    _Atomic uint64_t told_ns;
    /* written by the watcher alone; void unless watch_gen is the generation of word */
    _Atomic uint32_t watch_gen;
    _Atomic state_ref detail; /* struct state_detail, once a check has found a condition */
    _Atomic uint64_t cookie;  /* SO_COOKIE; 0: not read yet */
};
#define SLOT_TYPE(s) ((unsigned)(s)->type_origin & 15u)
#define SLOT_ORIGIN(s) ((unsigned)(s)->type_origin >> 4)
/*
 * Whether this socket may have been read, shut down or told of an error where no wrapper saw that:
 * who opened it elsewhere, or before, could do so first. FLAGS: with those of its other
 * descriptors. UNTIL_NS: the header's unwatched_ns.
 */
static inline bool slot_is_unwatched(const struct state_slot *s, uint16_t flags, uint64_t until_ns)
{
    return (flags & (SLOT_UNWATCHED | SLOT_ADOPTED)) || SLOT_ORIGIN(s) > ORIGIN_SOCKETPAIR || s->opened_ns <= until_ns;
}

/* of the stuck count over the last checks */
enum trend { TREND_NONE = 0, TREND_STEADY, TREND_GROWING };

/* the kinds of 0.1, which a watcher counts at each site: of a later one no counts stand in its record */
#define STATE_SITE_KINDS 6u
/*
 * `size` bytes: this, then uint64_t pcs[nframes], then uint16_t modules[nframes], rounded up to 64
 */
struct state_site {
    _Atomic uint32_t size;  /* 0: end of this extent's records */
    _Atomic uint32_t ready; /* 1 once complete */
    uint64_t hash;          /* writer's key over the raw addresses */
    uint64_t siteid;        /* what reports print: stable over processes and hosts (siteid.h) */
    /* sockets opened here; 0 for a stack of which only EOF or an error is known */
    _Atomic uint64_t opened;
    _Atomic uint64_t closed;
    _Atomic state_ref next; /* writer's hash chain; readers never follow it */
    _Atomic uint8_t stale;  /* a frame's module was unloaded */
    /*
     * the call that was made there (calls.h), with CALL_FAILED for one that saw an error; 0: 0.1
     * did not say
     */
    uint8_t call;
    uint8_t nframes; /* 0..STATE_MAX_FRAMES */
    /* sockets of this stack that an assertion has reported with it (SITE_ASSERTED_MAX: or more) */
    _Atomic uint8_t asserted;
    /* the watcher's: */
    _Atomic uint32_t stuck[STATE_SITE_KINDS];    /* past grace, at the last check */
    _Atomic uint32_t reported[STATE_SITE_KINDS]; /* the count at which the group was last reported */
    /* growth: thousandths of a socket a minute; 0: not growing, or too early to say how fast */
    _Atomic uint32_t rate_milli[STATE_SITE_KINDS];
    _Atomic uint32_t trend[STATE_SITE_KINDS]; /* enum trend */
    /* uint64_t pcs[]; uint16_t modules[]; */
};
#define SITE_ASSERTED_MAX 255u
#define STATE_SITE_SIZE(nframes) ((uint32_t)((sizeof(struct state_site) + (nframes)*10u + 63u) & ~63u))

struct state_module { /* 512 bytes */
    _Atomic uint32_t ready;
    uint32_t build_id_len; /* 0..20 */
    /* address in memory minus address in the file (dl_phdr_info.dlpi_addr); offset = pc - bias */
    uint64_t bias;
    uint64_t start, end;          /* mapped range [start, end) */
    _Atomic uint64_t unloaded_ns; /* 0: still there */
    uint8_t build_id[20];
    /* enum runtime_number whose interpreter's code it holds; 0: of none */
    uint8_t interpreter;
    uint8_t pad[3];
    /* NUL-terminated; the executable's real path for the program itself; "[vdso]" */
    char path[448];
};

/*
 * A frame of a language runtime: function, file and line of the program's source. Where it stands
 * in a stack, its address is STATE_FRAME_BIT | ref (ref 0: there was no room to say which it is),
 * and its module STATE_NO_MODULE. `size` bytes: this, then the function's name and the file's, each
 * with a NUL, rounded up to 64. Records are written once.
 */
#define STATE_FRAME_BIT (1ull << 63)
#define STATE_FRAME_FORMAT 1u
#define STATE_FUNCTION_MAX 256u /* with its NUL */
#define STATE_FILE_MAX 512u     /* with its NUL: the end of a longer one */
struct state_frame {
    _Atomic uint32_t ready; /* 1 once complete */
    uint16_t size;
    uint8_t format;                    /* STATE_FRAME_FORMAT: a reader passes over those that it does not know */
    uint8_t runtime;                   /* enum runtime_number, not RUNTIME_NATIVE */
    uint32_t line;                     /* 0: not known */
    uint16_t column;                   /* 0: not known, or in wide_column */
    uint16_t flags;                    /* enum frame_flag */
    uint16_t function_size, file_size; /* with their NULs */
    uint32_t wide_column;              /* the column where `column` has no room for it, else 0 */
    uint64_t hash;                     /* writer's key */
};
enum frame_flag { FRAME_LINE_OF_FUNCTION = 1 /* the line is where the function begins: the call's is not certain */ };
/*
 * The part of the stack that the frame belongs to, in the high byte of its flags: zero in older
 * files. OR: no frame, but the place between two stacks of which one is the socket's, nobody knows
 * which.
 */
enum frame_role { FRAME_ROLE_STACK = 0, FRAME_ROLE_CREATED_BY, FRAME_ROLE_WAITED_FOR_BY, FRAME_ROLE_OR, FRAME_ROLE_COUNT };
#define FRAME_ROLE(role) ((uint16_t)((role) << 8))
static inline unsigned state_frame_role(const struct state_frame *f)
{
    unsigned role = (unsigned)__atomic_load_n(&f->flags, __ATOMIC_RELAXED) >> 8;
    return role < FRAME_ROLE_COUNT ? role : FRAME_ROLE_STACK;
}
/* Its column; 0: not known. A bundle that is one line of a megabyte has wide ones. */
static inline uint32_t state_frame_column(const struct state_frame *f)
{
    uint32_t column = __atomic_load_n(&f->column, __ATOMIC_RELAXED);
    return column ? column : __atomic_load_n(&f->wide_column, __ATOMIC_RELAXED);
}
#define STATE_FRAME_SIZE(strings) ((uint32_t)((sizeof(struct state_frame) + (strings) + 63u) & ~63u))

/*
 * By which stacks the sockets of one site were closed, and how often. Records are never removed; a
 * site has one, or two where two threads began it at one moment.
 */
#define STATE_CLOSERS 8u
struct state_closes {       /* 128 bytes */
    _Atomic uint32_t size;  /* 0: end of this extent's records */
    _Atomic uint32_t ready; /* 1 once complete */
    uint8_t format;         /* STATE_CLOSES_SITE: a reader passes over those that it does not know */
    /* a stack was taken for another: the counts of this site's stacks are about right, their sum is */
    _Atomic uint8_t about;
    uint8_t pad[2];
    state_ref site;                      /* of the stack that opened them */
    _Atomic state_ref next;              /* writer's hash chain; readers never follow it */
    _Atomic state_ref lives;             /* the first struct state_closed of this site; 0: none */
    _Atomic uint64_t others;             /* closed in further stacks, or in one that could not be kept */
    _Atomic state_ref by[STATE_CLOSERS]; /* the stacks that closed; 0: free */
    _Atomic uint64_t count[STATE_CLOSERS];
};
#define STATE_CLOSES_SITE 1u

/*
 * A call on a descriptor that was closed before (KIND_USE_AFTER_CLOSE), in EXTENT_CLOSES too. What
 * was closed, by whom, and the call; if the call has hit another socket, that one.
 */
struct state_use { /* 384 bytes */
    _Atomic uint32_t size;
    _Atomic uint32_t ready; /* 1 once complete; 0 again when it was part of a sweep after all */
    uint8_t format;         /* STATE_CLOSES_USE */
    uint8_t call, error;    /* the call (calls.h), and its errno: EBADF; 0: it succeeded */
    uint8_t flags;          /* enum use_flag */
    uint32_t fd;
    _Atomic uint32_t reported;
    /* the threads that opened and closed first, that called, and that opened the number again */
    uint32_t opened_tid, closed_tid, used_tid, victim_tid;
    state_ref opened, closed, used; /* their stacks; 0: none */
    state_ref victim, victim_epoll; /* that opened the number again, and put it on an epoll */
    uint8_t family, type, origin, protocol;
    uint64_t opened_ns, closed_ns, used_ns;
    char local[96], peer[96]; /* as it was closed first, as in state_detail */
    uint16_t tag;             /* 0: none */
    uint8_t pad[102];
};
#define STATE_CLOSES_USE 2u
enum use_flag { USE_UNDER_WAY = 1, /* the call had begun before the close */ USE_MPTCP = 2 };

/*
 * How many sockets of one site and kind were stuck, from check to check, in EXTENT_CLOSES too: of
 * sites that had one past grace, and of no more than STATE_GROWTH_RECORDS of them. Between two points
 * the count is that of the first. growth_ring.h writes and reads the points.
 */
#define STATE_GROWTH_POINTS 64u
#define STATE_GROWTH_RECORDS 1024u /* that the writer makes at most */
struct state_growth {              /* 576 bytes */
    _Atomic uint32_t size;
    _Atomic uint32_t ready; /* 1 once complete */
    uint8_t format;         /* STATE_CLOSES_GROWTH */
    uint8_t kind;           /* enum kind */
    uint8_t pad[2];
    state_ref site;     /* of the stack that opened them; 0: no stack */
    _Atomic uint32_t n; /* points */
    uint32_t pad2[11];
    /* milliseconds of CLOCK_MONOTONIC << 24 | sockets, in the order of time */
    _Atomic uint64_t points[STATE_GROWTH_POINTS];
};
#define STATE_CLOSES_GROWTH 4u

/*
 * How many bytes came and went on a TCP connection, as the last check saw it (transfer.h). Behind
 * the end of an address: zero in the files of version 0.1.
 */
struct state_transfer {
    uint64_t received, sent; /* one more than that; 0: not known */
    uint64_t moved_ns;       /* 0: not known */
    uint32_t waits;          /* something is not acknowledged, or not sent yet */
    uint32_t pad;
};

struct state_detail {     /* 256 bytes: what the checks know of one socket in a condition */
    _Atomic uint32_t gen; /* the slot's generation; 0: free */
    uint32_t fd;
    uint8_t kind, how, eof, tcp_state;
    _Atomic uint8_t reported; /* a report has named it */
    uint8_t past_grace;
    uint8_t reported_kind; /* the kind that the report gave it */
    /* enum never, for KIND_NEVER_CONNECTED; with DETAIL_UNTIL_EXIT */
    _Atomic uint8_t never;
    uint64_t since_ns;  /* the condition's clock: since when, with no byte moving */
    uint64_t unread;    /* bytes waiting before the FIN */
    uint64_t signature; /* of the byte counters; a change restarts the clock */
    uint64_t looked_ns; /* when all this was read */
    uint64_t inode;     /* of the socket, 0 unknown */
    /* since_ns as the report gave it that first named it: bytes may have moved since */
    uint64_t reported_since_ns;
    /* "10.0.0.7:51222", "[::1]:80", "/run/x.sock", "@abstract", "2:1024" (vsock); empty: unknown */
    char local[96];
    union {
        char peer[96];
        struct {
            char inet_peer[64];
            struct state_transfer transfer; /* of a TCP socket, whose address leaves room for it */
        };
    };
};

#define DETAIL_UNTIL_EXIT 0x80u /* the end of the program has closed it, and nothing before */
static inline unsigned detail_never(const struct state_detail *d) { return atomic_load(&d->never) & ~DETAIL_UNTIL_EXIT; }
static inline bool detail_is_until_exit(const struct state_detail *d) { return atomic_load(&d->never) & DETAIL_UNTIL_EXIT; }

#define STATE_SHARE_DUPS 3u
struct state_share { /* 64 bytes: one open socket behind several descriptors */
    _Atomic uint32_t refs;
    _Atomic uint32_t reported; /* a report has named one of its descriptors that is closed by now */
    /* SLOT_SHUT_*: a shutdown by one of the descriptors is one of the socket */
    _Atomic uint32_t shut;
    /* the check that has counted the socket: it is one, however many descriptors it has */
    _Atomic uint32_t counted;
    /*
     * as told_site, told_errno and SLOT_TOLD_* of a slot, of whichever descriptor was told last;
     * and SLOT_UNWATCHED. Zero in files of 0.1
     */
    _Atomic state_ref told_site;
    _Atomic uint32_t told_errno;
    _Atomic uint32_t told;
    /* the stacks of dup and its kin, three different ones at most; 0: no more */
    _Atomic state_ref dup_site[STATE_SHARE_DUPS];
    uint32_t pad[6];
};

/*
 * 128 bytes: the last connect, bind or listen of the socket in a slot that failed. Only numbers
 * that ever had such a failure have one, and their neighbours.
 */
struct state_attempt {
    _Atomic uint32_t gen; /* the slot's generation; 0: none, or being written */
    uint8_t call;         /* enum attempt_call */
    uint8_t error;        /* errno; 0 for ATTEMPT_DISCONNECT */
    uint8_t pad0[2];
    uint64_t at_ns;
    char address[96]; /* that the call was given, as in state_detail; empty: it was given none */
    uint8_t pad[16];
};
enum attempt_call { ATTEMPT_NONE = 0, ATTEMPT_CONNECT, ATTEMPT_BIND, ATTEMPT_LISTEN, ATTEMPT_DISCONNECT /* connect(AF_UNSPEC) */ };

/*
 * 32 bytes: what a program did with the socket in a slot, between its opening and its end. Of the
 * calls that received something, and of those that sent something, the first and the last are kept
 * by their pairs (struct state_pair): one word, LIFE_USE, so that a reader sees what belongs
 * together.
 */
struct state_life {
    _Atomic uint32_t gen;        /* the slot's generation; 0: none, or being written */
    _Atomic state_ref epoll_add; /* a stack: the first ADD */
    _Atomic uint64_t receive, send;
    _Atomic state_ref epoll_del; /* the first DEL */
    _Atomic uint32_t rare;       /* the stack of the first shutdown; and enum life_flag */
};
/*
 * The low half, WORD, tells the last call: the word of its pair plus LIFE_THREAD of the thread that
 * made it. LIFE_FRESH: nothing yet; LIFE_NOBODY: another process has made it; 0: not kept, as of a
 * number that is no socket. Then the numbers of the last call's pair and of the first one's; 0: no
 * pair is known.
 */
#define LIFE_USE(word, last, first) ((uint64_t)(first) << 48 | (uint64_t)(last) << 32 | (uint32_t)(word))
#define LIFE_WORD(use) ((uint32_t)(use))
#define LIFE_LAST(use) ((uint32_t)((use) >> 32) & 0xffffu)
#define LIFE_FIRST(use) ((uint32_t)((use) >> 48))
#define LIFE_FRESH 1u
#define LIFE_NOBODY 2u
/* An odd factor, and what undoes it: LIFE_THREAD(tid) * LIFE_THREAD_UNDONE is TID again. */
#define LIFE_THREAD(tid) ((uint32_t)(tid)*0x85ebca6bu)
#define LIFE_THREAD_UNDONE 0xa5cb9243u
#define LIFE_TIDS (1u << 22) /* Linux gives no higher ones (PID_MAX_LIMIT) */
/* All of FROM to TO, while threads change it: the generation is read first, each use at once. */
static inline void state_copy_life(struct state_life *to, const struct state_life *from)
{
    typedef uint64_t part __attribute__((may_alias));
    for (unsigned i = 0; i < sizeof *to / sizeof(part); i++)
        __atomic_store_n((part *)to + i, __atomic_load_n((const part *)from + i, __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
}
#define LIFE_RARE_REF 0x00ffffffu
enum life_flag {
    LIFE_RECEIVED_ELSEWHERE = 1u << 24, /* first received by another thread than opened it */
    LIFE_SENT_ELSEWHERE = 1u << 25,     /* and first sent */
    LIFE_ON_EPOLL = 1u << 26,           /* the last of its calls of epoll_ctl was an ADD */
    LIFE_DELETED_AGAIN = 1u << 27,      /* epoll_del is not the stack of the last DEL */
    LIFE_TOLD_ELSEWHERE = 1u << 28      /* another thread than opened it saw the EOF or error of told_site */
};

/*
 * What was done with a socket until it was closed, in EXTENT_CLOSES too: of those that one stack of
 * a struct state_closes has closed, the last for which that stack was walked. TURN is odd while a
 * thread writes ERROR, TOLD, and what follows TURN.
 */
struct state_closed { /* 64 bytes */
    _Atomic uint32_t size;
    _Atomic uint32_t ready;
    uint8_t format;        /* STATE_CLOSES_LIFE */
    _Atomic uint8_t error; /* as told_errno of a slot */
    _Atomic uint8_t told;  /* enum closed_flag */
    uint8_t pad;
    _Atomic state_ref next; /* of another stack of the same record; 0: no more */
    state_ref by;           /* the stack that has closed */
    _Atomic uint32_t turn;
    _Atomic uint32_t fd;
    _Atomic state_ref told_site;
    struct state_life life;
};
#define STATE_CLOSES_LIFE 3u
enum closed_flag { CLOSED_TOLD_EOF = 1, CLOSED_TOLD_ERROR = 2 };

/*
 * 64 bytes: a call (calls.h), the address it returns to and the place of the stack there, relative
 * to the thread's control block, mixed to one word: mostly one stack, of whichever thread. It was
 * walked when the pair was new to the process, and again at the 2^k-th time that a socket's last
 * pair was another one.
 */
struct state_pair {
    _Atomic uint32_t word;
    _Atomic uint32_t uses; /* how often it was looked up */
    struct {
        _Atomic state_ref site; /* 0: none */
        _Atomic uint32_t fd;    /* the socket that it was walked for: number and generation */
        _Atomic uint32_t gen;
    } stack[2]; /* two were seen under one word: it may be either */
    /* 1: the word was made from stack[0] itself, and stands for no other (pairs_of_stack) */
    _Atomic uint32_t exact;
    _Atomic uint32_t number; /* by which lives name it; 0: none, another one has its word */
    uint32_t pad[6];
};
/* The thread whose last call is USE, by the pair P; 0: not known. */
static inline uint32_t state_pair_thread(const struct state_pair *p, uint64_t use)
{
    uint32_t tid = (LIFE_WORD(use) - atomic_load_explicit(&p->word, memory_order_relaxed)) * LIFE_THREAD_UNDONE;
    return LIFE_WORD(use) > LIFE_NOBODY && tid < LIFE_TIDS ? tid : 0;
}

/*
 * A child that was forked with sockets. Its parent reserves the record before the fork; the child
 * writes it, through the mapping that it shares with its parent.
 */
#define STATE_CHILD_FDS 832u
#define STATE_CHILD_TOLD 8u
struct state_child {             /* 192 bytes */
    _Atomic uint32_t pid;        /* 0: free; STATE_CHILD_UNBORN: reserved for a fork that is under way */
    state_ref started;           /* the stack of the fork, in the parent's table; 0: not known */
    _Atomic uint64_t since_ns;   /* when it was reserved */
    _Atomic uint64_t leaving_ns; /* as in struct state_family */
    /* the inherited descriptors that it has used and still holds, a bit each */
    _Atomic uint64_t used[STATE_CHILD_FDS / 64];
    /* cookies of the inherited sockets that it reports at its end, as the last that holds them; 0: none */
    _Atomic uint64_t told[STATE_CHILD_TOLD];
};
#define STATE_CHILD_UNBORN UINT32_MAX

/*
 * A socket that this process closed, and that may live on: a process that was started meanwhile got
 * a copy. The closing thread writes the first part, once, before PHASE says HELD_CLOSED; whoever
 * checks writes the rest. Only HELD_KEPT is a finding: a process that does not use its copy keeps the
 * connection open.
 */
#define STATE_HOLDERS 4u
enum held_phase { HELD_FREE = 0, HELD_CLOSED, HELD_KEPT };
enum holder_flag { HOLDER_SAME_PROGRAM = 1 /* it was forked and has executed no other program */ };
struct state_holder { /* 64 bytes */
    uint32_t pid;
    int32_t fd; /* its descriptor */
    uint64_t start_ticks;
    uint32_t flags; /* enum holder_flag */
    char exe[44];   /* the end of a longer path; NUL-terminated */
};
struct state_held { /* 512 bytes */
    _Atomic uint32_t phase;
    uint32_t fd; /* under which it was closed */
    uint64_t opened_ns, closed_ns;
    state_ref site; /* the allocating stack; 0: no stack */
    uint32_t tid;
    uint16_t tag;
    uint8_t family, type_origin; /* as in a slot */
    uint16_t flags;              /* those of its slot */
    uint8_t protocol;
    uint8_t copied; /* this process had several descriptors of it */
    uint64_t cookie;
    /* written by whoever checks */
    uint64_t since_ns; /* since when no byte has moved; not before closed_ns */
    uint64_t signature, looked_ns, unread, inode;
    uint64_t reported_since_ns;   /* 0: no report has named it */
    state_ref started;            /* the stack of the call that started the first holder; 0: not known */
    uint8_t tcp_state, n_holders; /* n_holders: of those listed */
    uint8_t unused_looks, tries;
    uint32_t holders; /* all that there are */
    uint32_t pad[5];
    char local[64], peer[64]; /* as in struct state_detail */
    struct state_holder holder[STATE_HOLDERS];
};

/*
 * a whole extent: the program's own options and suppressions, which reports by other processes
 * honour too
 */
struct state_text {
    _Atomic uint32_t ready;
    uint32_t options_len, rules_len;
    uint32_t pad;
    /*
     * of sockleak_default_options(); cut before an option that does not fit. In the first of them
     */
    char options[1008];
    /*
     * suppressions, of sockleak_default_suppressions() and its file; cut at a line's end, the rest
     * is in the next
     */
    char rules[3072];
};

_Static_assert(sizeof(struct state_header) <= STATE_PAGE, "the header is one page");
_Static_assert(sizeof(struct state_slot) == 64, "a slot is one cache line");
_Static_assert(sizeof(struct state_module) == 512, "8 modules an extent");
_Static_assert(sizeof(struct state_detail) == 256, "16 details an extent");
_Static_assert(offsetof(struct state_detail, transfer) + sizeof(struct state_transfer) == sizeof(struct state_detail), "no byte is added");
_Static_assert(sizeof(struct state_share) == 64, "64 shares an extent");
_Static_assert(offsetof(struct state_header, unwatched_ns) == STATE_HEADER_FIRST, "fields are added behind those of 0.1");
_Static_assert(sizeof(struct state_life) == 32, "128 lives an extent");
_Static_assert(sizeof(struct state_pair) == 64, "64 pairs an extent");
_Static_assert(STATE_PAIRS_PER_EXTENT <= 0xffff / STATE_PAIRS_EXTENTS, "a pair's number is 16 bits of a use");
_Static_assert(0x85ebca6bu * LIFE_THREAD_UNDONE == 1, "the one undoes the other");
_Static_assert(STATE_MAX_SIZE / STATE_REF_UNIT <= LIFE_RARE_REF, "a ref fits beside the flags");
_Static_assert(sizeof(struct state_attempt) == 128, "32 attempts an extent");
_Static_assert(EXTENT_COUNT <= 16, "the type is 4 bits of an extent's word");
_Static_assert(sizeof(struct state_header) <= STATE_LOG_OFFSET, "the place of the log follows in the same page");
_Static_assert(STATE_LOG_OFFSET + sizeof(struct state_log) <= STATE_FAMILY_OFFSET, "the family follows in the same page");
_Static_assert(STATE_FAMILY_OFFSET + sizeof(struct state_family) <= STATE_PAGE, "the header is one page");
_Static_assert(sizeof(struct state_child) == 192, "21 children an extent");
_Static_assert(sizeof(struct state_holder) == 64, "4 holders in a record");
_Static_assert(sizeof(struct state_held) == 512, "8 records of closed sockets an extent");
_Static_assert(sizeof(struct state_text) == STATE_EXTENT_SIZE, "one an extent");
_Static_assert(STATE_SITE_SIZE(32) <= 512, "at most 512 bytes a site at the default depth");
_Static_assert(STATE_SITE_SIZE(STATE_MAX_FRAMES) <= STATE_EXTENT_SIZE, "a site lies in one extent");
_Static_assert(sizeof(struct state_frame) == 32, "the strings follow");
_Static_assert(sizeof(struct state_closes) == 128, "two units of a ref");
_Static_assert(sizeof(struct state_closed) == 64, "one unit of a ref");
_Static_assert(sizeof(struct state_use) == 384, "six units of a ref");
_Static_assert(sizeof(struct state_growth) == 576, "nine units of a ref");
_Static_assert(STATE_FRAME_SIZE(STATE_FUNCTION_MAX + STATE_FILE_MAX) <= STATE_EXTENT_SIZE, "a frame lies in one extent");

/* ---- the decoder (state.c) ------------------------------------------------------------------- */

struct state_view {
    const unsigned char *base; /* of the mapping or buffer, at least 8-aligned */
    uint64_t size;             /* bytes that may be read */
    uint32_t n_extents;        /* as validated: never more than fit into size */
};

/*
 * state_open_view: checks magic, version, byte order, widths and sizes of the SIZE bytes at BASE
 * and fills VIEW. Returns NULL, or a static sentence that says what is wrong ("not a state file",
 * "written by a newer sockleak (format 2)"...). Reads at most SIZE bytes. No allocation;
 * async-signal-safe. The same holds for all below.
 */
const char *state_open_view(struct state_view *view, const void *base, uint64_t size);
/*
 * What a file of the agent of version WRITER lacks for a command of version READER: the rest of a
 * sentence that begins "recorded by sockleak WRITER, "; NULL: nothing.
 */
const char *state_lacks(const char *writer, const char *reader);
const struct state_header *state_head(const struct state_view *view);
const struct state_family *state_family(const struct state_view *view);
const struct state_log *state_log(const struct state_view *view);
/*
 * The string in a fixed field, cut at CAP-1 bytes and NUL-terminated into OUT; bytes that are no
 * printable UTF-8 become '?'.
 */
void state_string(char *out, size_t cap, const char *field, size_t field_size);

/*
 * Iterates live slots in descriptor order of extents: *POS starts at 0; returns false at the end.
 * COPY is a consistent copy, FD its number.
 */
bool state_next_slot(const struct state_view *view, uint64_t *pos, int *fd, struct state_slot *copy);
/* The same for one slot that is given by its address: for the writer itself. */
bool state_copy_slot(const struct state_slot *slot, struct state_slot *copy);

struct state_site_view {
    const struct state_site *site;
    unsigned nframes;
    const uint64_t *pcs;
    const uint16_t *modules;
};
/* False when REF is no complete site within bounds. */
bool state_site_at(const struct state_view *view, state_ref ref, struct state_site_view *out);
/* Iterates all sites; *POS starts at 0. REF gets the site's ref. */
bool state_next_site(const struct state_view *view, uint64_t *pos, state_ref *ref, struct state_site_view *out);
/* NULL when REF is no share. */
const struct state_share *state_share_at(const struct state_view *view, state_ref ref);
/* NULL when REF is no detail of generation GEN. */
const struct state_detail *state_detail_at(const struct state_view *view, state_ref ref, uint32_t gen);
/* Of the socket in the slot copy SLOT of descriptor FD; NULL when none of its calls failed. */
const struct state_attempt *state_attempt_of(const struct state_view *view, int fd, const struct state_slot *slot);
/* Where the records of the last calls were found; {0} at first. For one view, which may grow. */
#define STATE_FINDER_STACKS 64u
struct state_finder {
    uint32_t life; /* extent */
    uint32_t n_extents, n_pairs, pairs[STATE_PAIRS_EXTENTS];
    struct { /* variants.c: what a stack has of the program's own code */
        state_ref site;
        uint64_t own;
    } stacks[STATE_FINDER_STACKS];
};
/* A copy of the life of the socket in the slot copy SLOT of descriptor FD. False: it has none. */
bool state_life_of(const struct state_view *view, struct state_finder *find, int fd, const struct state_slot *slot,
                   struct state_life *copy);
/* The pair with this NUMBER; NULL: there is none. */
const struct state_pair *state_pair_of(const struct state_view *view, struct state_finder *find, uint32_t number);
/* Iterates the records of children; *POS starts at 0. NULL at the end. */
struct state_child *state_next_child(const struct state_view *view, uint64_t *pos);
/* Iterates the records of closes that are complete; *POS starts at 0. NULL at the end. */
const struct state_closes *state_next_closes(const struct state_view *view, uint64_t *pos);
/* A copy of the life of a socket that the stack BY of the record C has closed. False: none was kept. */
bool state_closed_by(const struct state_view *view, const struct state_closes *c, state_ref by, struct state_closed *copy);
/*
 * Iterates the closed sockets that another process keeps open (HELD_KEPT); *POS starts at 0. COPY is
 * a copy whose strings have their end and whose counts are within their bounds.
 */
bool state_next_held(const struct state_view *view, uint64_t *pos, struct state_held *copy);
/* The same of uses after a close. */
const struct state_use *state_next_use(const struct state_view *view, uint64_t *pos);
/* The same of counts over time. */
const struct state_growth *state_next_growth(const struct state_view *view, uint64_t *pos);
/* NULL when NUMBER is no module. */
const struct state_module *state_module_at(const struct state_view *view, unsigned number);
/* True when the address PC of a stack stands for a frame of a language runtime. */
static inline bool state_is_frame(uint64_t pc) { return pc & STATE_FRAME_BIT; }
struct state_frame_view {
    const struct state_frame *frame;
    /* NUL-terminated just now; their bytes may change: copy them with state_string */
    const char *function, *file;
    uint16_t function_size, file_size;
    uint8_t runtime;
};
/* False when PC stands for no complete frame of a format that is known. */
bool state_frame_at(const struct state_view *view, uint64_t pc, struct state_frame_view *out);
/* Empty string for tag 0 or one out of range. OUT has at least 64 bytes. */
void state_tag_at(const struct state_view *view, unsigned tag, char out[64]);
/*
 * NULL when there is none. The lengths were within their fields just now and may change: check the
 * copy that you use.
 */
const struct state_text *state_text_of(const struct state_view *view, unsigned nth);
/* The detail of a slot copy, if the watcher's part is of its generation; else NULL. */
const struct state_detail *state_slot_detail(const struct state_view *view, const struct state_slot *copy);

#endif
