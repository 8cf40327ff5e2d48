/* SPDX-License-Identifier: MIT */
/*
 * text.h: a report as text for people.
 *
 * Only reads the report. Async-signal-safe if O's flush is. The form of the text is not a contract:
 * programs read json.h's.
 */
#ifndef SOCKLEAK_CORE_TEXT_H
#define SOCKLEAK_CORE_TEXT_H

#include "out.h"
#include "report.h"

/* The whole report; nothing when there are no groups, unless it is of exhaustion. */
void text_report(struct out *o, const struct report *r);
void text_group(struct out *o, const struct report *r, const struct group *g);
void text_summary(struct out *o, const struct report *r);
/* " variant 1a2b3c4d", " other variants" for the rest of a site's; nothing where it has none. */
void text_variant(struct out *o, const struct group *g);
/*
 * One line for a retraction: "==PID==sockleak: released: 37 of site 5f3a... after up to 812 s: they
 * were stuck in CLOSE_WAIT (fd 14, 15 ...)".
 */
void text_release(struct out *o, const struct report *r, const struct release *rel);

/* Sentences without a newline, for text and JSON alike. */
/* "2 more groups with 15 sockets left out (max_leaks)"; nothing when none were left out. */
void text_left_out(struct out *o, const struct report *r);
/* "3 sockets that ended within the last second: leak_check_at_exit=all lists them" */
void text_young(struct out *o, const struct report *r);
/*
 * "looks take long: the watcher looks every 2.5 s now, ..."; nothing when the period is not
 * stretched.
 */
void text_stretched(struct out *o, const struct report *r);

/*
 * The note of a site whose COUNT open sockets have been idle for youngest_ns or longer, and which
 * has never closed one: a line, with its end.
 */
void text_idle_note(struct out *o, const struct report *r, const struct group *g);
/* Its words, without the process. */
void text_idle_words(struct out *o, const struct group *g);

#endif
