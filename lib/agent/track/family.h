/* SPDX-License-Identifier: MIT */
/*
 * family.h: which of the processes that hold an inherited socket reports it.
 *
 * A socket that several processes hold is a finding of the one that uses it; of those that do not,
 * of the last that carries the agent: an ancestor goes before its children, a child before those
 * with a higher pid. At its end a process leaves the finding to any other that stays.
 *
 * A process knows its ancestors by their pids, and its brothers and sisters by the records that
 * their parent's table has of them (struct state_child). /proc/PID/fd tells whether one holds the
 * same socket under the same number.
 */
#ifndef SOCKLEAK_AGENT_TRACK_FAMILY_H
#define SOCKLEAK_AGENT_TRACK_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/state.h"

/* By the forking thread, before the fork, with a table: a record for the child. NULL: no room. */
struct state_child *family_reserve(void);
/*
 * In the child: RECORD (may be NULL) is its own, in PARENT's table, which stays mapped from now on.
 */
void family_born(struct state_child *record, const struct state_view *parent);
/* The parent's table; base NULL: no parent had one. */
const struct state_view *family_parent_view(void);
/* Writes into this process' new table whom its inherited sockets came from. */
void family_describe(void);
/*
 * This process was started by exec, with sockets; PID was its parent then. Whether they came from
 * there is not known.
 */
void family_started_by(uint32_t pid);
/* Before an exec this process had its inherited sockets from FAMILY's parent. */
void family_came_with(const struct state_family *family);
/* Before a look: finds out whether the parent still lives. */
void family_look(void);
/* No other process is there to report the inherited socket FD, which SLOT stands for. */
bool family_is_last(int fd, const struct state_slot *slot);
/* For the others: this process uses the inherited socket FD, or has none under that number. */
void family_uses(int fd, bool uses);
/* The last check of this process begins: from now on others that stay go first. */
void family_leaves(void);
/* The parent that the inherited sockets came from lives. */
bool family_parent_lives(void);

#endif
