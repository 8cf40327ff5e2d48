/* SPDX-License-Identifier: MIT */
/*
 * top.h: between top.c (the command and its looks at the process), screen.c (the terminal and its keys) and view.c (what stands
 * there, as lines of text).
 *
 * One thread. The lines of a page live until the next page is made of the same struct.
 */
#ifndef SOCKLEAK_CLI_TOP_TOP_H
#define SOCKLEAK_CLI_TOP_TOP_H

#include "../base/arena.h"
#include "../state/load.h"
#include "../model/model.h"
#include "../symbolize/symbolize.h"

struct top {
    const struct loaded *from; /* NULL: the agent is there but has no table yet */
    struct model model;        /* void when from is NULL */
    enum model_sort sort;
    pid_t pid;
    char command[64];
    /* Counters of the look before, for the rate at which sockets are opened. */
    uint64_t now_ns, before_ns;
    uint64_t opened, opened_before, closed;
    uint64_t fds, fd_limit; /* 0: unknown */
    uint8_t kind;           /* the chosen group, by what it is: groups change places */
    uint64_t siteid;
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

void top_page_free(struct top_page *p);
/* The list of sites. */
void top_page_list(struct top_page *p, const struct top *t, unsigned width);
/* One group: its counts, stacks and sockets. G of T's model. */
void top_page_group(struct top_page *p, const struct top *t, const struct group *g, unsigned width);
/* Index of the chosen group, else 0. */
size_t top_chosen(const struct top *t);

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

/* top.c. Looks at the process again, when there is anything to see; sorts the groups by T's choice. */
void top_look(struct top_watch *s);
void top_sort(struct top *t);
/* screen.c. Shows it until the user has seen enough. False: there is no terminal for that, and nothing was shown. */
bool top_screen(struct top_watch *s);

#endif
