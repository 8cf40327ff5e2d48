/* SPDX-License-Identifier: MIT */
/*
 * report.h: what a report says, before it is text or JSON: the seam between judging and rendering.
 *
 * Filled by the agent (from its live table, names from symbol tables) and by the command (from state files, with
 * files, lines and inlined calls from DWARF). Renderers (text.h, json.h, and the command's folded, junit, sarif) only read it.
 * Arrays and strings belong to whoever filled the report and live until rendering is over.
 */
#ifndef SOCKLEAK_CORE_REPORT_H
#define SOCKLEAK_CORE_REPORT_H

#include "out.h"
#include "state.h"

/* One socket that is a finding. */
struct finding {
    int fd;
    uint8_t kind, how, eof, origin;
    uint8_t family, tcp_state, told_errno;
    bool past_grace;
    bool adopted; /* nobody saw it opened: opened_ns is when it was first seen, its age cannot be known */
    uint32_t tid;
    uint32_t pid; /* 0: of the report's own process; else of another one of a report over several */
    uint16_t tag_number;
    uint64_t siteid; /* of the allocating stack; 0: none. With `site` the grouping key */
    state_ref site, told_site;
    uint64_t opened_ns, since_ns; /* CLOCK_MONOTONIC */
    uint64_t unread;
    const char *local, *peer; /* "" or NULL: unknown */
    const char *tag;          /* NULL: none */
};

/* One line of a stack. Inlined calls are lines of their own, before the physical frame that holds them. Unknown strings NULL. */
struct frame {
    uint64_t pc;
    uint64_t
        offset; /* in MODULE; the *call's* address (return address - 1) is what names are looked up by, but offset is of the return address */
    const char *module;   /* path, NULL for JIT code */
    const char *build_id; /* hex digits */
    const char *symbol;
    const char *file;
    uint32_t line; /* 0 unknown */
    bool inlined;
};

/* The state as ss(8) would write it, "" for none. An MPTCP socket's tcp_state is only its first subflow's: then the kind names the state. */
const char *finding_state(const struct finding *f);

struct group {
    uint8_t kind, how, eof; /* eof: of most of its sockets */
    uint64_t siteid;
    state_ref site, told_site;
    uint64_t opened, closed, live; /* at this site (all sockets without a stack are one) since the start; live is opened - closed */
    uint64_t count;                /* sockets of this kind here: stuck */
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
    uint32_t stretched_ms; /* the watcher looks so seldom now, to stay within its budget; 0: at its interval */
    bool print_summary;
    unsigned max_sockets; /* in text; JSON lists up to 64 */
    bool color;
};

/* Sorts FINDINGS (N of them) by (kind, siteid, oldest first) and cuts them into GROUPS (room for N). Returns the number of groups, largest count first.
 * Fills kind, how, eof, siteid, site, told_site, count, ages, findings; the rest is the caller's. Sockets with no stack group by kind alone. O(n log n), in place. */
size_t group_findings(struct finding *findings, size_t n, struct group *groups, uint64_t now_ns);
/* Fills in opened, closed and live from the counters in VIEW, which the group's findings came from. False: of sockets without a stack. */
bool group_count(struct group *g, const struct state_view *view);

/* "2 more groups with 15 sockets left out (max_leaks)"; nothing when none were. Plain words, in text and JSON. */
void report_left_out(struct out *o, const struct report *r);
/* "looks take long: the watcher looks every 2.5 s now, ...": the same, when the period is stretched. */
void report_stretched(struct out *o, const struct report *r);

/* The peer whose ephemeral ports G may use up: that of clients which all go to one, from some number on; below it nobody wants to hear of ports.
 * Else NULL. */
const char *group_ports_peer(const struct group *g);
/* When PORTS ephemeral ports towards that peer run out at G's rate: fills ports, ports_in_s and ports_peer, or leaves them. */
void group_forecast_ports(struct group *g, uint64_t ports);

/* text.c: the whole report; nothing when there are no groups. */
void text_report(struct out *o, const struct report *r);
void text_group(struct out *o, const struct report *r, const struct group *g);
void text_summary(struct out *o, const struct report *r);
/* One line for a retraction: "==PID==sockleak: fd 14 released after 812 s: it was stuck in CLOSE_WAIT (site ...)". */
struct release {
    int fd;
    uint8_t kind;
    uint64_t siteid;
    uint64_t stuck_ns;
};
void text_release(struct out *o, const struct report *r, const struct release *rel);

/* json.c: one object a line. */
void json_report(struct out *o, const struct report *r);
void json_group(struct out *o, const struct report *r, const struct group *g);
void json_summary(struct out *o, const struct report *r);
void json_release(struct out *o, const struct report *r, const struct release *rel);
#define JSON_MAX_SOCKETS 64u

#endif
