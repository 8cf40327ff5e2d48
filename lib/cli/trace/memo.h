/* SPDX-License-Identifier: MIT */
/*
 * memo.h: walks that were made before, to be found again without reading a table.
 */
#ifndef SOCKLEAK_CLI_TRACE_MEMO_H
#define SOCKLEAK_CLI_TRACE_MEMO_H

#include "beside.h"
#include "stack_view.h"

struct memo;
/* NULL: no memory; the others then do nothing. */
struct memo *memo_new(void);
void memo_free(struct memo *m);
/* All walks are forgotten. */
void memo_clear(struct memo *m);
/* The walk of a sample that has the same words where they count. Fills OUT and *END. */
bool memo_find(struct memo *m, const struct stack_view *v, struct walk *out, enum walk_end *end);
/* Remembers the walk that V's trail belongs to, and gives it its number. */
void memo_add(struct memo *m, const struct stack_view *v, struct walk *walk, enum walk_end end);

#endif
