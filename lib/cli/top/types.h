/* SPDX-License-Identifier: MIT */
/*
 * types.h: what the parts of `sockleak top` share: sites (what is known of the process), view (what
 * is shown of it, as lines of text) and screen (the terminal and its keys).
 *
 * The lines of a page live until the next page is made of the same struct. Its length does not bound
 * the work: of sites and sockets, which may be many, only those lines are made that a window shows.
 */
#ifndef SOCKLEAK_CLI_TOP_TYPES_H
#define SOCKLEAK_CLI_TOP_TYPES_H

#include "../base/arena.h"
#include "../model/types.h"
#include "../state/load_set.h"
#include "../symbolize/symbolize.h"

/* One group at the look before. */
struct top_before {
    uint64_t siteid, count;
    uint32_t variant;
    uint8_t kind;
};

/* Since the look before: sockets more and fewer, over all groups, and groups that came and went. */
struct top_changes {
    bool known; /* there was a look before */
    uint64_t more, fewer, stuck;
    size_t fresh, gone;
};

struct top {
    const struct loaded_file *from; /* NULL: the agent is there but has no table yet */
    struct model model;             /* empty when from is NULL */
    enum model_sort sort;
    pid_t pid;
    char command[64];
    /* Counters of this look and the one before, for the rate at which sockets are opened. */
    uint64_t now_ns, before_ns;
    uint64_t opened, opened_before, closed;
    uint64_t fds, fd_limit; /* 0: unknown */
    uint8_t kind;           /* the chosen group, by kind and site: groups change places */
    uint64_t siteid;
    uint32_t variant;
    bool chosen;
    struct top_before *before; /* by name; NULL: there was no look before */
    size_t n_before;
    struct top_changes changes;
    size_t n_with_stack;            /* groups, which come before those without */
    uint64_t took_ns;               /* the last look */
#define TOP_LONG_LOOK_NS 250000000u /* looks that take longer are made further apart */
};

enum top_tint { TINT_NONE = 0, TINT_GROWING, TINT_ALARM };

struct top_line {
    const char *text; /* clean of control characters */
    bool strong;
    uint8_t tint; /* enum top_tint */
};

/* What is shown of a page: its columns from LEFT on. */
struct top_window {
    unsigned width;
    size_t left;
};

struct top_page {
    struct top_line *head; /* stays at the top */
    struct top_line *body; /* scrolls; behind it come N_ROWS lines, which top_row makes */
    size_t n_head, n_body, cap_head, cap_body, n_rows;
    struct top_line foot;
    struct arena arena;
};

/* One run of the command. */
struct top_watch {
    struct top top;
    struct load_set set; /* at most the one process */
    struct symbolizer *symbols;
    struct top_page page;
    uint64_t delay_ns, next_ns;
    bool group; /* one group's page, else the list */
    bool help;  /* the page of the keys, in front of either */
    size_t scroll;
    struct top_window window;
};

#endif
