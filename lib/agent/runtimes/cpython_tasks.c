/* SPDX-License-Identifier: MIT */
/*
 * cpython_tasks.c: the coroutines that wait for the asyncio task that runs.
 *
 * Called by the walk, under its rules, where a coroutine's frame was called by the event loop. In
 * Python's chain the loop follows; who awaits the task is known to the task alone. Frames of C's
 * asyncio in 3.11 to 3.14 are followed this way, each step by what its objects say of one another:
 *
 * - The loop's frame is Handle._run, whose first variable is a Handle. Its callback is a step or a
 *   wake-up of a task (_asyncio.Task), whose coroutine is the one that runs.
 * - A callback of the task wakes another task up; or it is a function of asyncio's own that ends a
 *   future: those of gather, wait and shield have it in their closure, that of wait_for in 3.11 in a
 *   partial, and a callback of that future goes on in the same way. Or it is the method of a
 *   TaskGroup that ends a future among the group's attributes; or that of as_completed, which has a
 *   queue: where one future alone waits for what comes, it is ended.
 * - That other task's coroutine is suspended. From one coroutine or generator to the one that it
 *   awaits, the last one waits for that very task or future: a group's or a queue's in their own
 *   method.
 *
 * All these belong to the thread of the loop, which is inside of a C call now; it holds them. Where
 * a step is none of these there are no more frames: nobody waits (yet), or it is not known who does.
 * What 3.14 keeps of its own on who awaits a task (awaited_by) is not asked: it also has the task
 * that has called gather or create_task of a group, while that does something else.
 */
#include <stdatomic.h>
#include <string.h>

#include "../base/peek.h"
#include "cpython_tasks.h"

#define STATE_BEFORE 5u /* the byte of a coroutine before its frame that says how it is */
#define SUSPENDED 0xffu /* -1: in 3.13 it awaits something */
#define C_FUNCTION_SELF 24u
#define METHOD_FUNCTION 16u
#define METHOD_SELF 24u
#define FUTURE_CALLBACK 24u  /* the first one */
#define FUTURE_CALLBACKS 40u /* the others: a list of pairs, each a callback and its context */
#define PARTIAL_FUNCTION 16u
#define PARTIAL_ARGUMENTS 24u

#define MAX_TASKS 16u
#define MAX_FUTURES 4u    /* from a task to the one that awaits it, the task included */
#define MAX_CALLBACKS 64u /* that are looked at for one task */
#define MAX_DEPTH 32u     /* of the coroutines of one task */
#define MAX_CELLS 16u
#define MAX_DRIVERS 2u /* anext() with a default sends to one that sends to the generator */
#define MAX_ATTRIBUTES 32u
#define MAX_VALUES 4096u

/* ---- from one object to the next; 0: there is none that is known ------------------------------- */

static uint64_t task_of(const struct cpython_loader *l, uint64_t callback)
{
    uint64_t task = 0;
    if (cpython_is_of(l, callback, cpython.c_function_type))
        task = cpython_follow(l, callback, C_FUNCTION_SELF);
    else if (cpython_kind_of(l, callback) == STEP)
        task = cpython_follow(l, callback, CPYTHON_OB_FIRST);
    return task && cpython_kind_of(l, task) == TASK ? task : 0;
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
    cpython_objects_reset();
}

/*
 * The argument of a function that takes one; 0: it is another. The first variable of others may be
 * anything that was there before.
 */
static uint64_t only_argument(const struct cpython_loader *l, uint64_t frame)
{
    uint64_t code = cpython_in_frame(l, frame, cpython.code), n;
    if (!code || !cpython_is_of(l, code, cpython.code_type) || !cpython_load(l, code, cpython.arguments, &n) || (uint32_t)n != 1)
        return 0;
    return cpython_in_frame(l, frame, cpython.variables);
}

/* The task that Handle._run in RUN_FRAME runs; its coroutine is COROUTINE. */
static uint64_t running_task(const struct cpython_loader *l, uint64_t run_frame, uint64_t coroutine)
{
    uint64_t handle = only_argument(l, run_frame), type;
    if (!handle || cpython_kind_of(l, handle) != HANDLE || !cpython_load(l, handle, CPYTHON_OB_TYPE, &type))
        return 0;
    uint32_t place = atomic_load_explicit(&callback_place, memory_order_relaxed);
    if (!place) {
        place = cpython_member(type, "_callback");
        atomic_store_explicit(&callback_place, place, memory_order_relaxed);
    }
    uint64_t callback = place ? cpython_follow(l, handle, place) : 0, task = callback ? task_of(l, callback) : 0;
    if (!task)
        return 0;
    place = atomic_load_explicit(&coroutine_place, memory_order_relaxed);
    if (!place) {
        place = place_of_coroutine(task, coroutine);
        atomic_store_explicit(&coroutine_place, place, memory_order_relaxed);
    }
    return place && cpython_follow(l, task, place) == coroutine ? task : 0;
}

/* ---- callbacks ------------------------------------------------------------------------------- */

/* Callback I of FUTURE. False: there is none, nor any behind it. *OUT is 0: this one was removed. */
static bool callback_at(const struct cpython_loader *l, uint64_t future, unsigned i, uint64_t *out)
{
    if (i == 0)
        return cpython_load(l, future, FUTURE_CALLBACK, out);
    uint64_t pairs = cpython_follow(l, future, FUTURE_CALLBACKS), pair = pairs ? cpython_item(l, pairs, i - 1) : 0;
    *out = pair ? cpython_item(l, pair, 0) : 0;
    return *out != 0;
}

/* Whether FUNCTION is the one of that name. A function's name stands before its code, defaults and closure. */
static bool is_function(const struct cpython_loader *l, uint64_t function, const char *name)
{
    uint64_t is = cpython_is_of(l, function, cpython.function_type) ? cpython_follow(l, function, cpython.closure - 32) : 0;
    return is && cpython_is_text(l, is, name);
}

/* What FUNCTION, one of asyncio's own, closes over and ends, or puts its task into: a future, or a queue. */
static uint64_t closed_over(const struct cpython_loader *l, uint64_t function)
{
    static const struct {
        const char *name;
        enum cpython_kind kind;
    } ends[] = {{"gather.<locals>._done_callback", FUTURE},
                {"shield.<locals>._inner_done_callback", FUTURE},
                {"_wait.<locals>._on_completion", FUTURE},
                {"as_completed.<locals>._on_completion", QUEUE}};
    unsigned e = 0;
    while (e < sizeof ends / sizeof *ends && !is_function(l, function, ends[e].name))
        e++;
    uint64_t cells = e < sizeof ends / sizeof *ends ? cpython_follow(l, function, cpython.closure) : 0, cell, content;
    for (unsigned i = 0; cells && i < MAX_CELLS && (cell = cpython_item(l, cells, i)); i++)
        if (cpython_is_of(l, cell, cpython.cell_type) && (content = cpython_follow(l, cell, CPYTHON_OB_FIRST)) &&
            cpython_kind_of(l, content) == ends[e].kind)
            return content;
    return 0;
}

/* The future that CALLBACK, a partial, is to end. */
static uint64_t argument_of(const struct cpython_loader *l, uint64_t callback)
{
    uint64_t function = cpython_follow(l, callback, PARTIAL_FUNCTION), arguments = cpython_follow(l, callback, PARTIAL_ARGUMENTS);
    uint64_t future = function && arguments && is_function(l, function, "_release_waiter") ? cpython_item(l, arguments, 0) : 0;
    return future && cpython_kind_of(l, future) == FUTURE ? future : 0;
}

/* The future that GROUP's parent waits for. The group sets it last. */
static uint64_t future_of_group(const struct cpython_loader *l, uint64_t group)
{
    uint64_t attributes[MAX_ATTRIBUTES];
    for (unsigned n = cpython_attributes(l, group, attributes, MAX_ATTRIBUTES); n > 0; n--)
        if (attributes[n - 1] && cpython_kind_of(l, attributes[n - 1]) == FUTURE)
            return attributes[n - 1];
    return 0;
}

/* The future of the only one that waits for what comes into QUEUE. */
static uint64_t future_of_queue(const struct cpython_loader *l, uint64_t queue)
{
    uint64_t attributes[MAX_ATTRIBUTES], future = 0, item;
    for (unsigned n = cpython_attributes(l, queue, attributes, MAX_ATTRIBUTES); n > 0; n--) {
        uint64_t a = attributes[n - 1];
        if (!a || cpython_kind_of(l, a) != DEQUE || !(item = cpython_only_item(l, a)) || cpython_kind_of(l, item) != FUTURE)
            continue;
        if (future)
            return 0;
        future = item;
    }
    return future;
}

/* The queue of as_completed among the attributes of what goes through its tasks, from 3.13 on. */
static uint64_t queue_of(const struct cpython_loader *l, uint64_t completed)
{
    uint64_t attributes[MAX_ATTRIBUTES];
    for (unsigned n = cpython_attributes(l, completed, attributes, MAX_ATTRIBUTES); n > 0; n--)
        if (attributes[n - 1] && cpython_kind_of(l, attributes[n - 1]) == QUEUE)
            return attributes[n - 1];
    return 0;
}

/* The future that CALLBACK ends. *GROUP: the task group or queue whose it is; 0: of none. */
static uint64_t ended_by(const struct cpython_loader *l, uint64_t callback, uint64_t *group)
{
    uint64_t function, self, ended = 0;
    *group = 0;
    if (cpython_is_of(l, callback, cpython.function_type)) {
        ended = closed_over(l, callback);
    } else if (cpython_is_of(l, callback, cpython.method_type)) {
        function = cpython_follow(l, callback, METHOD_FUNCTION);
        self = cpython_follow(l, callback, METHOD_SELF);
        if (function && self && is_function(l, function, "TaskGroup._on_task_done")) {
            *group = self;
            return future_of_group(l, self);
        }
        if (function && self && is_function(l, function, "_AsCompletedIterator._handle_completion"))
            ended = queue_of(l, self);
    } else if (cpython_kind_of(l, callback) == PARTIAL) {
        return argument_of(l, callback);
    }
    if (!ended || cpython_kind_of(l, ended) != QUEUE)
        return ended;
    *group = ended;
    return future_of_queue(l, ended);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* What the suspended coroutine of FRAME awaits. */
static uint64_t awaited_by(const struct cpython_loader *l, uint64_t frame)
{
    uint64_t state, top;
    if (!cpython_load(l, frame - cpython.coroutine_frame, (cpython.coroutine_frame - STATE_BEFORE) & ~7u, &state) ||
        (state >> 8 * ((cpython.coroutine_frame - STATE_BEFORE) % 8) & 0xff) != SUSPENDED || !cpython_load(l, frame, CPYTHON_STACK, &top))
        return 0;
    if (cpython.version < 0x030e)
        top &= UINT32_MAX;
    else
        top = top > frame + cpython.variables ? (top - frame - cpython.variables) / 8 : 0;
    return top && top < MAX_VALUES ? cpython_in_frame(l, frame, cpython.variables + 8 * (uint32_t)(top - 1)) : 0;
}

/* The coroutine or generator that OBJECT is, or sends to; 0: it is none. */
static uint64_t coroutine_of(const struct cpython_loader *l, uint64_t object)
{
    for (unsigned i = 0; i < MAX_DRIVERS && cpython_kind_of(l, object) == DRIVER; i++)
        object = cpython_follow(l, object, CPYTHON_OB_FIRST);
    bool is_one = cpython_is_of(l, object, cpython.coroutine_type) || cpython_is_of(l, object, cpython.generator_type) ||
                  cpython_is_of(l, object, cpython.async_generator_type);
    return is_one ? object : 0;
}

/* Whether the coroutine of FRAME is the one in which GROUP waits for its tasks, or in which one waits for a queue. */
static bool is_end_of_group(const struct cpython_loader *l, uint64_t frame, uint64_t group)
{
    uint64_t code = cpython_in_frame(l, frame, cpython.code), name = code ? cpython_follow(l, code, cpython.name) : 0;
    return name &&
           (cpython_is_text(l, name, "TaskGroup.__aexit__") || cpython_is_text(l, name, "TaskGroup._aexit") ||
            cpython_is_text(l, name, "Queue.get")) &&
           cpython_in_frame(l, frame, cpython.variables) == group;
}

/* Adds the frames of TASK, which waits for AWAITED, innermost first. False: they do not lead there. */
static bool add_task(const struct cpython_loader *l, struct runtime_stack *s, uint64_t task, uint64_t awaited, uint64_t group)
{
    uint64_t frames[MAX_DEPTH], at = cpython_follow(l, task, atomic_load_explicit(&coroutine_place, memory_order_relaxed)), coroutine;
    unsigned n = 0;
    for (; at && (coroutine = coroutine_of(l, at)); at = awaited_by(l, frames[n - 1])) {
        if (n == MAX_DEPTH)
            return false;
        frames[n++] = coroutine + cpython.coroutine_frame;
    }
    if (!n || !at || cpython_kind_of(l, at) != FUTURE_ITERATOR || cpython_follow(l, at, CPYTHON_OB_FIRST) != awaited ||
        (group && !is_end_of_group(l, frames[n - 1], group)))
        return false;
    unsigned before = s->n;
    while (n)
        if (!cpython_add_suspended(l, s, frames[--n])) {
            s->n = before;
            return false;
        }
    return true;
}

/* Adds the frames of the first task that is found to wait for TASK, and returns it; 0: none. */
static uint64_t add_waiting(const struct cpython_loader *l, struct runtime_stack *s, uint64_t task)
{
    struct {
        uint64_t future, group;
        unsigned next; /* of its callbacks */
    } at[MAX_FUTURES] = {{.future = task}};
    for (unsigned i = 0, n = 1; n && i < MAX_CALLBACKS; i++) {
        uint64_t future = at[n - 1].future, group = at[n - 1].group, callback, waits, next;
        if (!callback_at(l, future, at[n - 1].next++, &callback)) {
            n--;
        } else if (callback && (waits = task_of(l, callback))) {
            if (add_task(l, s, waits, future, group))
                return waits;
        } else if (callback && n < MAX_FUTURES && (next = ended_by(l, callback, &group))) {
            at[n].future = next;
            at[n].group = group;
            at[n++].next = 0;
        }
    }
    return 0;
}

void cpython_add_awaiting(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame, uintptr_t run_frame)
{
    uint64_t coroutine = frame - cpython.coroutine_frame;
    if (!run_frame || !cpython_is_of(l, coroutine, cpython.coroutine_type))
        return;
    uint64_t task = running_task(l, run_frame, coroutine);
    for (unsigned i = 0; i < MAX_TASKS && task && !s->cut; i++)
        task = add_waiting(l, s, task);
}
