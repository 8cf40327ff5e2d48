/* SPDX-License-Identifier: MIT */
/*
 * cpython_tasks.c: the coroutines that wait for the asyncio task that runs.
 *
 * Called by the walk, under its rules, where a coroutine's frame was called by the event loop. In
 * Python's chain the loop follows; who awaits the task is known to the task alone. Frames of C's
 * asyncio in 3.11 to 3.13 are followed this way, each step by what its objects say of one another:
 *
 * - The loop's frame is Handle._run, whose first variable is a Handle. Its callback is a step or a
 *   wake-up of a task (_asyncio.Task), whose coroutine is the one that runs.
 * - The task's first callback wakes another task up, directly or by way of a future that the
 *   callback has: those of gather and wait in its closure, that of wait_for in 3.11 in a partial.
 * - That other task's coroutine is suspended. From one coroutine to the one that it awaits, the last
 *   one waits for that very task or future.
 *
 * All these belong to the thread of the loop, which is inside of a C call now; it holds them. Where
 * a step is none of these there are no more frames: nobody waits (yet), or it is not known who does.
 */
#include <stdatomic.h>
#include <string.h>

#include "../../core/hash.h"
#include "../base/peek.h"
#include "cpython.h"

#define TP_NAME 24u
#define TP_MEMBERS 240u

#define STACK_TOP 64u   /* in a frame: how many variables and values it has */
#define STATE_BEFORE 5u /* the byte of a coroutine before its frame that says how it is */
#define SUSPENDED 0xffu /* -1: in 3.13 it awaits something */
/* The first member behind an object's head: of a step its task, of a future's iterator the future. */
#define OB_FIRST 16u
#define C_FUNCTION_SELF 24u
#define FUTURE_CALLBACK 24u
#define TUPLE_ITEMS 24u
#define PARTIAL_ARGUMENTS 24u

#define MAX_TASKS 16u
#define MAX_DEPTH 32u /* of the coroutines of one task */
#define MAX_CELLS 16u
#define MAX_VALUES 4096u

/* ---- types ----------------------------------------------------------------------------------- */

enum object_kind { OTHER, HANDLE, STEP, TASK, FUTURE, FUTURE_ITERATOR, PARTIAL };

static const struct {
    const char *name;
    enum object_kind kind;
} names[] = {
    {"Handle", HANDLE},
    {"TaskStepMethWrapper", STEP},
    {"_asyncio.TaskStepMethWrapper", STEP},
    {"_asyncio.Task", TASK},
    {"_asyncio.Future", FUTURE},
    {"_GatheringFuture", FUTURE},
    {"FutureIter", FUTURE_ITERATOR},
    {"_asyncio.FutureIter", FUTURE_ITERATOR},
    {"functools.partial", PARTIAL},
};

/*
 * Types whose kind is known. VALUE has what the type was made of, and the kind in its low half: a
 * type that took a freed one's place has other words.
 */
#define KNOWN 64u
static struct {
    _Atomic uint64_t type, value;
} known[KNOWN];

static enum object_kind kind_of_name(uintptr_t at)
{
    char name[32] = "";
    peek_some(at, name, sizeof name - 1);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].kind;
    return OTHER;
}

static enum object_kind kind_of(const struct cpython_loader *l, uint64_t object)
{
    uint64_t type, name, size, members;
    if (!cpython_load(l, object, CPYTHON_OB_TYPE, &type) || !cpython_load(l, type, TP_NAME, &name) ||
        !cpython_load(l, type, CPYTHON_TP_BASICSIZE, &size) || !cpython_load(l, type, TP_MEMBERS, &members))
        return OTHER;
    uint64_t value = hash_mix(hash_mix(hash_mix(type, name), size), members) & ~(uint64_t)UINT32_MAX;
    unsigned at = (unsigned)(hash_spread(type) >> 32) % KNOWN;
    uint64_t seen = atomic_load_explicit(&known[at].value, memory_order_acquire);
    if (atomic_load_explicit(&known[at].type, memory_order_acquire) == type && (seen & ~(uint64_t)UINT32_MAX) == value)
        return (enum object_kind)(seen & UINT32_MAX);
    enum object_kind kind = kind_of_name(name);
    atomic_store_explicit(&known[at].type, type, memory_order_release);
    atomic_store_explicit(&known[at].value, value | kind, memory_order_release);
    return kind;
}

static bool is_of(const struct cpython_loader *l, uint64_t object, uintptr_t type)
{
    uint64_t is;
    return cpython_load(l, object, CPYTHON_OB_TYPE, &is) && is == type;
}

/* ---- from one object to the next; 0: there is none that is known ------------------------------- */

/* The object at OFFSET of OBJECT; 0: none. */
static uint64_t follow(const struct cpython_loader *l, uint64_t object, uint32_t offset)
{
    uint64_t to;
    return cpython_load(l, object, offset, &to) ? to : 0;
}

static uint64_t task_of(const struct cpython_loader *l, uint64_t callback)
{
    uint64_t task = 0;
    if (is_of(l, callback, cpython.c_function_type))
        task = follow(l, callback, C_FUNCTION_SELF);
    else if (kind_of(l, callback) == STEP)
        task = follow(l, callback, OB_FIRST);
    return task && kind_of(l, task) == TASK ? task : 0;
}

/* Where a task has its coroutine: TASK has COROUTINE there, and nowhere else. 0: not so. */
static uint32_t place_of_coroutine(uint64_t task, uint64_t coroutine)
{
    uint64_t w[32];
    uint32_t place = 0;
    size_t n = peek_some(task, w, sizeof w) / sizeof *w;
    for (uint32_t i = FUTURE_CALLBACK / 8 + 1; i < n; i++)
        if (w[i] == coroutine) {
            if (place)
                return 0;
            place = i * 8;
        }
    return place;
}

static _Atomic uint32_t callback_place, coroutine_place; /* in a Handle and in a task; 0: not known yet */

void cpython_tasks_reset(void)
{
    atomic_store(&callback_place, 0);
    atomic_store(&coroutine_place, 0);
    for (unsigned i = 0; i < KNOWN; i++)
        atomic_store(&known[i].type, 0);
}

/*
 * The argument of a function that takes one; 0: it is another. The first variable of others may be
 * anything that was there before.
 */
static uint64_t only_argument(const struct cpython_loader *l, uint64_t frame)
{
    uint64_t code = follow(l, frame, cpython.code), n;
    if (!code || !is_of(l, code, cpython.code_type) || !cpython_load(l, code, cpython.arguments, &n) || (uint32_t)n != 1)
        return 0;
    return follow(l, frame, CPYTHON_VARIABLES);
}

/* The task that Handle._run in RUN_FRAME runs; its coroutine is COROUTINE. */
static uint64_t running_task(const struct cpython_loader *l, uint64_t run_frame, uint64_t coroutine)
{
    uint64_t handle = only_argument(l, run_frame), type;
    if (!handle || kind_of(l, handle) != HANDLE || !cpython_load(l, handle, CPYTHON_OB_TYPE, &type))
        return 0;
    uint32_t place = atomic_load_explicit(&callback_place, memory_order_relaxed);
    if (!place) {
        place = cpython_member(type, "_callback");
        atomic_store_explicit(&callback_place, place, memory_order_relaxed);
    }
    uint64_t callback = place ? follow(l, handle, place) : 0, task = callback ? task_of(l, callback) : 0;
    if (!task)
        return 0;
    place = atomic_load_explicit(&coroutine_place, memory_order_relaxed);
    if (!place) {
        place = place_of_coroutine(task, coroutine);
        atomic_store_explicit(&coroutine_place, place, memory_order_relaxed);
    }
    return place && follow(l, task, place) == coroutine ? task : 0;
}

/* The task that the first callback of FUTURE wakes up. */
static uint64_t woken_by(const struct cpython_loader *l, uint64_t future)
{
    uint64_t callback = follow(l, future, FUTURE_CALLBACK);
    return callback ? task_of(l, callback) : 0;
}

/* The future of the variables that CALLBACK closes over, which wakes up *TASK. */
static uint64_t closed_over(const struct cpython_loader *l, uint64_t callback, uint64_t *task)
{
    uint64_t cells = follow(l, callback, cpython.closure), n = 0, content;
    if (!cells || !is_of(l, cells, cpython.tuple_type) || !cpython_load(l, cells, CPYTHON_OB_SIZE, &n) || n > MAX_CELLS)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t cell = follow(l, cells, TUPLE_ITEMS + 8 * i);
        if (cell && is_of(l, cell, cpython.cell_type) && (content = follow(l, cell, OB_FIRST)) && kind_of(l, content) == FUTURE &&
            (*task = woken_by(l, content)))
            return content;
    }
    return 0;
}

/* The task that FUTURE wakes up, and what that waits for: FUTURE, or one that is done by then. */
static uint64_t waiting_task(const struct cpython_loader *l, uint64_t future, uint64_t *awaited)
{
    uint64_t callback = follow(l, future, FUTURE_CALLBACK), arguments, task = 0;
    *awaited = future;
    if (!callback)
        return 0;
    if (is_of(l, callback, cpython.function_type)) {
        *awaited = closed_over(l, callback, &task);
        return *awaited ? task : 0;
    }
    if (kind_of(l, callback) != PARTIAL)
        return task_of(l, callback);
    arguments = follow(l, callback, PARTIAL_ARGUMENTS);
    if (!arguments || !is_of(l, arguments, cpython.tuple_type) || !follow(l, arguments, CPYTHON_OB_SIZE))
        return 0;
    *awaited = follow(l, arguments, TUPLE_ITEMS);
    return *awaited && kind_of(l, *awaited) == FUTURE ? woken_by(l, *awaited) : 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* What the suspended COROUTINE awaits. */
static uint64_t awaited_by(const struct cpython_loader *l, uint64_t coroutine)
{
    uint64_t frame = coroutine + cpython.coroutine_frame, state, top;
    if (!cpython_load(l, coroutine, (cpython.coroutine_frame - STATE_BEFORE) & ~7u, &state) ||
        (state >> 8 * ((cpython.coroutine_frame - STATE_BEFORE) % 8) & 0xff) != SUSPENDED || !cpython_load(l, frame, STACK_TOP, &top))
        return 0;
    top &= UINT32_MAX;
    return top && top < MAX_VALUES ? follow(l, frame, CPYTHON_VARIABLES + 8 * (uint32_t)(top - 1)) : 0;
}

/* Adds the frames of TASK, which waits for AWAITED, innermost first. False: they do not lead there. */
static bool add_task(const struct cpython_loader *l, struct runtime_stack *s, uint64_t task, uint64_t awaited)
{
    uint64_t frames[MAX_DEPTH], at = follow(l, task, atomic_load_explicit(&coroutine_place, memory_order_relaxed));
    unsigned n = 0;
    for (; at && is_of(l, at, cpython.coroutine_type); at = awaited_by(l, at)) {
        if (n == MAX_DEPTH)
            return false;
        frames[n++] = at + cpython.coroutine_frame;
    }
    if (!n || !at || kind_of(l, at) != FUTURE_ITERATOR || follow(l, at, OB_FIRST) != awaited)
        return false;
    unsigned before = s->n;
    while (n)
        if (!cpython_add_suspended(l, s, frames[--n])) {
            s->n = before;
            return false;
        }
    return true;
}

void cpython_add_awaiting(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame, uintptr_t run_frame)
{
    uint64_t coroutine = frame - cpython.coroutine_frame;
    if (!run_frame || !is_of(l, coroutine, cpython.coroutine_type))
        return;
    uint64_t task = running_task(l, run_frame, coroutine), awaited;
    for (unsigned i = 0; i < MAX_TASKS && task && !s->cut; i++) {
        uint64_t next = waiting_task(l, task, &awaited);
        if (!next || !add_task(l, s, next, awaited))
            return;
        task = next;
    }
}
