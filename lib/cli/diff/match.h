/* SPDX-License-Identifier: MIT */
/*
 * match.h: which site of the new report is which of the old one.
 *
 * Sites with one id are the same. An id is made of build-ids and offsets, so in another build each
 * has another; then sites are the same whose stacks have the same functions in the same files, and
 * after these those with the same functions in files of other names. Only the program's own frames
 * count for that, no lines, and no names that a compiler has put behind a function's (".isra.0").
 * Two sites of one build are never taken for the same, nor any without names.
 *
 * A stack can stand at several places of one function, which differ in their lines alone. If both
 * reports have as many of them they are paired in the order of the lines; if not, it is not certain
 * which of them is new or gone.
 */
#ifndef SOCKLEAK_CLI_DIFF_MATCH_H
#define SOCKLEAK_CLI_DIFF_MATCH_H

#include "side.h"

enum diff_change { DIFF_NEW, DIFF_GROWN, DIFF_SHRUNK, DIFF_GONE, DIFF_SAME, DIFF_CHANGES };
enum diff_matched { MATCHED_NOT, MATCHED_SITE, MATCHED_FILES, MATCHED_FUNCTIONS };

struct diff_pair {
    const struct diff_site *before, *now; /* NULL: new, or gone */
    enum diff_change change;
    enum diff_matched matched;
    bool uncertain; /* other sites have the same functions, in one report more than in the other */
};

struct diff_pairs {
    struct diff_pair *items; /* new, grown, shrunk, gone, same; in each the largest change first */
    size_t n;
    size_t changes[DIFF_CHANGES]; /* how many of each */
    uint64_t before, now;         /* sockets */
    bool unnamed;                 /* some may have found no partner because they have no names */
};

/* Both sides are settled, and outlive the pairs, whose memory ARENA has. */
void diff_match(struct diff_pairs *pairs, struct arena *arena, const struct diff_side *before, const struct diff_side *now);
/*
 * The first frame of S by which it is matched: of the program's own code, with a name. NULL: it has
 * none.
 */
const struct frame *diff_place(const struct diff_site *s);

#endif
