/* SPDX-License-Identifier: MIT */
/*
 * suppress.h: suppression files: parsing, matching, writing a ready line.
 *
 * The rules point into the text they were parsed from, which the caller keeps. No allocation: rules
 * go into the caller's array.
 */
#ifndef SOCKLEAK_CORE_SUPPRESS_H
#define SOCKLEAK_CORE_SUPPRESS_H

#include "out.h"
#include "report.h"

enum suppress_subject { SUPPRESS_STACK = 0, SUPPRESS_PEER, SUPPRESS_LOCAL };
struct suppression {
    uint8_t subject;
    uint8_t kinds; /* mask; "leak:" is all */
    bool builtin;  /* from suppress_builtin: never listed */
    uint32_t pattern_len;
    const char *pattern;
    uint64_t sockets, groups; /* how often it matched */
};
/*
 * Rules for idioms that look like a leak and are intended, in the same format. Whoever parses them
 * sets `builtin`.
 */
extern const char suppress_builtin[];
/*
 * Parses TEXT of LEN bytes, appending at RULES[*N] (CAP in all). WARN gets one sentence for each
 * bad line ("line 3: ...").
 */
void suppress_parse(const char *text, size_t len, struct suppression *rules, size_t *n, size_t cap,
                    void (*warn)(void *arg, const char *line), void *arg);
/*
 * The sanitizers' patterns: * any text, ^ start, $ end; without anchors it matches anywhere. About
 * linear time, no recursion.
 */
bool pattern_match(const char *pattern, size_t pattern_len, const char *s);
/*
 * The first rule that matches the group's stack (a frame's symbol, file or module, or its first
 * frames as suppress_write_line names them), or NULL. Counting is the caller's.
 */
struct suppression *suppress_group(struct suppression *rules, size_t n, const struct group *g);
/*
 * True when a rule that is not builtin is about stacks of KIND: it may match a file or an inlined
 * function that the agent's own frames do not show yet.
 */
bool suppress_may_match(const struct suppression *rules, size_t n, unsigned kind);
/* The first peer:/local: rule that matches this socket, or NULL. */
struct suppression *suppress_socket(struct suppression *rules, size_t n, const struct finding *f);
/*
 * A ready line for G, as narrow as its stack: the first eight frames of the program's own code,
 * each with its file and line, or else its module and offset: "close_wait:^db_connect (db.c:42) <
 * login (web.c:88)$\n"; peer:... for a group without a stack. suppress_group compares a pattern
 * that has such a place ("(db.c:42)") with these frames as one text too, where * stands for any
 * text.
 */
void suppress_write_line(struct out *o, const struct group *g);
/*
 * The table printed at exit: "Suppressions used:" with count, and pattern; nothing when none but
 * builtin ones matched.
 */
void suppress_print(struct out *o, uint32_t pid, const struct suppression *rules, size_t n);
/* The same as JSON Lines, an object for each; of R only the time and the pid. */
void suppress_json(struct out *o, const struct report *r, const struct suppression *rules, size_t n);

#endif
