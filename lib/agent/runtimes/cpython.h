/* SPDX-License-Identifier: MIT */
/*
 * cpython.h: where CPython keeps what its reader needs: shared by the files of that reader.
 *
 * Filled once by cpython.c, before any other thread reads it.
 */
#ifndef SOCKLEAK_AGENT_CPYTHON_H
#define SOCKLEAK_AGENT_CPYTHON_H

#include "runtime.h"

struct cpython_layout {
    uint32_t version;   /* 0x030b is 3.11; 0x0306 stands for 3.6 to 3.9, 0x030a for 3.10 */
    bool frame_objects; /* up to 3.10: a PyFrameObject for each call, in a C frame of its own */
    uintptr_t (*thread_state)(void);
    /* not 0: from then on the frames of other threads are freed while these are in C calls */
    const uintptr_t *finalizing;
    uint64_t evaluator, evaluator_end;
    uintptr_t code_type, unicode_type, bytes_type;
    /* offsets in PyThreadState; in _PyCFrame (3.11, 3.12), which has_cframe says to be there */
    bool has_cframe;
    uint32_t thread_frame, cframe_frame;
    /* offsets in a frame; the byte that says who owns it is byte owner_byte of the word at owner */
    uint32_t previous, code, at, owner, owner_byte;
    uintptr_t tag_mask; /* bits of a reference that are no address */
    /* offsets in a code object, whose instructions begin at code_start */
    uint32_t file, name, lines, first_line, code_start, first_traceable;
    uint32_t bytes_size, bytes_data;
    /* where a coroutine has its frame (0: it is not known who awaits a task); the closure of a function */
    uint32_t coroutine_frame, closure, arguments; /* ... how many arguments a code object takes */
    uint32_t variables;                           /* of a frame; behind them stand the values that it works with */
    uint32_t tuple_items;
    uintptr_t coroutine_type, generator_type, async_generator_type, c_function_type, function_type, method_type, cell_type, tuple_type,
        list_type;
    uint32_t string_length, string_state, string_ascii, string_compact;
};
extern struct cpython_layout cpython;

#define CPYTHON_TP_BASICSIZE 32u
#define CPYTHON_OB_TYPE 8u
#define CPYTHON_OB_SIZE 16u /* of a code object from 3.11 on: how many instructions */
#define CPYTHON_STACK 64u   /* in a frame from 3.11 on: how many values it has; from 3.14 on: where they end */
#define CPYTHON_OWNED_BY_GENERATOR 1u
/* Owners of a frame from 3.12 on, from which on it is the evaluator's own, on the C stack. */
#define CPYTHON_OWNED_BY_C_STACK 3u

/* An address that an object or a frame can have. */
static inline bool cpython_is_address(uintptr_t p) { return p >= 4096 && p < (uintptr_t)1 << 47 && p % 8 == 0; }
static inline bool cpython_finalizes(void) { return *(const volatile uintptr_t *)cpython.finalizing != 0; }

enum runtime_answer cpython_walk(struct runtime_stack *s);
/* The next walks ask the kernel for each word, and believe nothing until one was right. */
void cpython_walk_reset(void);
/* The offset of a member that TYPE tells Python programs of; 0: it has none of that name. */
uint32_t cpython_member(uintptr_t type, const char *name);

/* What a walk loads with. */
struct cpython_loader;
/* The word at BASE + OFFSET. False: it cannot be read, or Python ends. */
bool cpython_load(const struct cpython_loader *l, uintptr_t base, uint32_t offset, uint64_t *out);
/* Adds the frame of a coroutine that does not run. */
bool cpython_add_suspended(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame);
/* Adds the coroutines that wait for the task whose coroutine has FRAME, which RUN_FRAME called. */
void cpython_add_awaiting(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame, uintptr_t run_frame);
void cpython_tasks_reset(void);

bool cpython_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
