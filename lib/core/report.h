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

#include "state.h"

/* One socket that is a finding. */
struct finding {
    int fd;
    uint8_t kind, how, eof, origin;
    uint8_t family, tcp_state, told_errno;
    bool past_grace;
    /* no wrapper saw it opened: opened_ns is when it was first seen, its age cannot be known */
    bool adopted;
    uint32_t tid;
    bool until_exit;   /* the end of the program closed it, and nothing before */
    bool parent_ended; /* else it has closed its copy */
    uint32_t parent;   /* inherited, and reported here because PARENT holds it no more; 0: neither */
    uint32_t pid;      /* 0: of the report's own process; else of another one of a report over several */
    uint16_t tag_number;
    uint64_t siteid; /* of the allocating stack; 0: none. With `site` the grouping key */
    state_ref site, told_site;
    uint64_t opened_ns, since_ns; /* CLOCK_MONOTONIC */
    uint64_t unread;
    const char *local, *peer; /* "" or NULL: unknown */
    const char *tag;          /* NULL: none */
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
    uint32_t line; /* 0 unknown */
    bool inlined;
};

struct group {
    uint8_t kind, how, eof; /* eof: of most of its sockets */
    uint64_t siteid;
    state_ref site, told_site;
    /*
     * at this site (all sockets without a stack are one) since the start; live is opened - closed
     */
    uint64_t opened, closed, live;
    uint64_t count; /* sockets of this kind here: stuck */
    bool growing, steady;
    uint32_t rate_milli;              /* growth, thousandths of a socket a minute */
    uint64_t fd_limit, fd_limit_in_s; /* forecast; fd_limit 0: none */
    uint64_t ports, ports_in_s;       /* ephemeral ports towards `ports_peer`; 0: none */
    const char *ports_peer;
    uint64_t oldest_ns, youngest_ns; /* ages of the condition */
    size_t n_findings;               /* == count, unless the list was cut */
    const struct finding *findings;
    size_t n_frames, n_told;
    const struct frame *frames, *told;
};

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
    /*
     * the period that the watcher keeps instead of its interval, to stay within its budget; 0: the
     * interval
     */
    uint32_t stretched_ms;
    bool print_summary;
    unsigned max_sockets; /* in text; JSON lists up to 64 */
    bool color;
};

/* A retraction: a socket that was reported and is closed by now, or has left its condition. */
struct release {
    int fd;
    uint8_t kind;
    uint64_t siteid;
    uint64_t stuck_ns;
};

#endif
