/* SPDX-License-Identifier: MIT */
/*
 * types.h: what the parts of `sockleak top` share: sites (what is known of the process), view (what
 * is shown of it, as lines of text) and screen (the terminal and its keys).
 *
 * The lines of a page live until the next page is made of the same struct.
 */
#ifndef SOCKLEAK_CLI_TOP_TYPES_H
#define SOCKLEAK_CLI_TOP_TYPES_H

#include "../base/arena.h"
#include "../model/types.h"
#include "../state/load_set.h"
#include "../symbolize/symbolize.h"

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
};

struct top_line {
    const char *text; /* clean of control characters, at most the page's width in columns */
    bool strong;
};

struct top_page {
    struct top_line *head; /* stays at the top */
    struct top_line *body; /* scrolls; of the list: one line a group, in the model's order */
    size_t n_head, n_body, cap_head, cap_body;
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
    size_t scroll;
};

#endif
