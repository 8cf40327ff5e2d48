/* SPDX-License-Identifier: MIT */
/*
 * json_life.h: stacks, and what was done with a group's sockets, as members of its JSON object.
 *
 * Only reads the group. Async-signal-safe if O's flush is.
 */
#ifndef SOCKLEAK_CORE_JSON_LIFE_H
#define SOCKLEAK_CORE_JSON_LIFE_H

#include "out.h"
#include "report.h"

/* WHOLE, with the interpreter's own frames, where there are such; else FRAMES. */
void json_put_frames(struct out *o, const char *key, const struct frame *frames, size_t n, const struct frame *whole, size_t n_whole);
/* "history": what happened to the sockets, each stack with the number of those that it is true of. */
void json_put_history(struct out *o, const struct group *g);
/* "siblings_closed": the stacks that closed the other sockets of the site; with "cousins" those of other sites. */
void json_put_siblings(struct out *o, const struct group *g);

#endif
