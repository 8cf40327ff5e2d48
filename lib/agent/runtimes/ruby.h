/* SPDX-License-Identifier: MIT */
/*
 * ruby.h: where Ruby (MRI) keeps what its reader needs: shared by the files of that reader.
 *
 * Filled once by ruby.c, before any other thread reads it. The structures are those of vm_core.h,
 * iseq.c and of the headers of strings and arrays.
 */
#ifndef SOCKLEAK_AGENT_RUBY_H
#define SOCKLEAK_AGENT_RUBY_H

#include <string.h>

#include "../base/peek.h"
#include "runtime.h"

struct ruby_layout {
    const char *version; /* "3.1.": what ruby_version begins with */
    /* offsets in rb_vm_t */
    uint16_t main_thread;
    /* in rb_thread_t; the two lowest bits of the status' byte are it */
    uint16_t self, vm, execution, blocking, status;
    /* in rb_execution_context_t, which begins with the stack and its size */
    uint16_t frame, thread;
    uint16_t frame_size; /* of a rb_control_frame_t, whose first words are alike in all versions */
    /* in the body of a compiled method or block (rb_iseq_constant_body) */
    uint16_t path, label, first_line, lines, n_lines, positions;
    uint16_t parent;    /* not 0: code of an eval has its parent's label */
    uint16_t line_size; /* of an entry of its lines, which begins with the line */
    uint16_t finish;    /* a frame's flag: a C frame of the evaluator begins with it */
    bool string_length; /* embedded strings have their length in a word of its own */
    /*
     * The current thread is a variable of the process, which holds for the thread with the lock.
     * Each thread has its own behind a key of pthread_getspecific.
     */
    bool has_key;
};

struct ruby {
    struct ruby_layout layout;
    const uintptr_t *vm;       /* NULL: it is not exported, but each thread leads to it */
    uintptr_t (*thread)(void); /* rb_thread_current; only in a thread that is Ruby's */
    int (*is_ruby_thread)(void);
    int (*has_lock)(void);
    uint64_t evaluator, evaluator_end;
};
extern struct ruby ruby;

/* The beginning of such a body. */
struct ruby_body {
    uint32_t type, size; /* in words */
    uintptr_t code;
};

/* The beginning of any of Ruby's objects that are read: a compiled method, a string, an array. */
struct ruby_object {
    uintptr_t flags, class, word[3];
};
#define RUBY_TYPE 0x1fu
enum ruby_type { RUBY_STRING = 5, RUBY_ARRAY = 7, RUBY_IMEMO = 26 };
#define RUBY_IMEMO_KIND(flags) ((flags) >> 12 & 15)
#define RUBY_ISEQ 7u
#define RUBY_BODY_OF_EVAL 6u  /* ruby_body.type */
#define RUBY_MAX_NESTING 16u  /* of evals */
#define RUBY_ON_HEAP 0x2000u  /* of a string: its bytes are elsewhere */
#define RUBY_EMBEDDED 0x2000u /* of an array: its elements are in it */

#define RUBY_THREAD_KILLED 3u

static inline bool ruby_is_address(uintptr_t a) { return a >= 4096 && !(a >> 47) && a % 4 == 0; }

static inline bool ruby_load(bool by_kernel, uintptr_t a, void *to, size_t n)
{
    if (!ruby_is_address(a))
        return false;
    if (by_kernel)
        return peek(a, to, n);
    memcpy(to, (const void *)a, n);
    return true;
}

/* Where the bytes of the string S at A are, and how many. False: it is no string. */
bool ruby_string(const struct ruby_object *s, uintptr_t a, uintptr_t *bytes, size_t *n);
enum runtime_answer ruby_walk(struct runtime_stack *s);
/* The virtual machine; 0: there is none, or none was seen yet. */
uintptr_t ruby_machine(void);
/* The next walk asks the kernel for each word, and believes nothing until a stack was right. */
void ruby_walk_reset(void);
bool ruby_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
