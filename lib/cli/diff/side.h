/* SPDX-License-Identifier: MIT */
/*
 * side.h: one of the two reports that are compared: its sites, each with the number of its sockets.
 *
 * Readers (json_lines.c, state_files.c) add what each process reports; side_settle then makes one of
 * what several processes, kinds and variants have of a site.
 */
#ifndef SOCKLEAK_CLI_DIFF_SIDE_H
#define SOCKLEAK_CLI_DIFF_SIDE_H

#include "../../core/report.h"
#include "../base/arena.h"

struct diff_site {
    uint64_t id;     /* 0: no stack; then it is all such sockets of programs that are called EXE */
    bool of_eof;     /* no stack opened them: ID and FRAMES are of the one that saw EOF */
    const char *exe; /* the program's name without its folder */
    uint64_t by_kind[KIND_COUNT], count;
    uint64_t opened, closed; /* at this site, over all processes */
    const struct frame *frames;
    size_t n_frames;
    unsigned process; /* a number for each process, of the reader's choice */
};

/* A zeroed one is empty. All strings and frames are in its arena. */
struct diff_side {
    struct arena arena;
    struct diff_site *sites;
    size_t n, cap;
};

void side_add(struct diff_side *side, const struct diff_site *site);
/* One entry a site, in the order of the ids. To be called once, after all was added. */
void side_settle(struct diff_side *side);
/* Leaves the kinds of MASK alone. */
void side_keep_kinds(struct diff_side *side, uint32_t mask);
void side_free(struct diff_side *side);

#endif
