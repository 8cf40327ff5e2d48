/* SPDX-License-Identifier: MIT */
/*
 * cpython_tasks.h: the objects of asyncio, and of Python, that lead from a task to who awaits it.
 *
 * For cpython_tasks.c. All are looked at under the rules of a walk.
 */
#ifndef SOCKLEAK_AGENT_CPYTHON_TASKS_H
#define SOCKLEAK_AGENT_CPYTHON_TASKS_H

#include "cpython.h"

/* The first member behind an object's head: of a step its task, of a future's iterator the future. */
#define CPYTHON_OB_FIRST 16u

/* DRIVER: its first member is what it sends to, as `async for` and anext() send to a generator. */
enum cpython_kind { OTHER, HANDLE, STEP, TASK, FUTURE, FUTURE_ITERATOR, PARTIAL, DRIVER, QUEUE, DEQUE };

enum cpython_kind cpython_kind_of(const struct cpython_loader *l, uint64_t object);
bool cpython_is_of(const struct cpython_loader *l, uint64_t object, uintptr_t type);
void cpython_objects_reset(void);

/* The object at OFFSET of OBJECT; 0: none. */
uint64_t cpython_follow(const struct cpython_loader *l, uint64_t object, uint32_t offset);
/* The same of a frame, where a reference has bits that are no address. */
uint64_t cpython_in_frame(const struct cpython_loader *l, uint64_t frame, uint32_t offset);

/* Item I of a tuple, or of a list; 0: there is none, or it is neither. */
uint64_t cpython_item(const struct cpython_loader *l, uint64_t sequence, unsigned i);
/* What is in a deque that has one item; 0: it has none, or several. */
uint64_t cpython_only_item(const struct cpython_loader *l, uint64_t deque);
/* Whether STRING has these characters, all of them ASCII. */
bool cpython_is_text(const struct cpython_loader *l, uint64_t string, const char *text);

/* The attributes of OBJECT, up to MAX of them, as Python keeps them without a dict; 0: there are none. */
unsigned cpython_attributes(const struct cpython_loader *l, uint64_t object, uint64_t *out, unsigned max);

#endif
