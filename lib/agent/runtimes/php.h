/* SPDX-License-Identifier: MIT */
/*
 * php.h: where PHP keeps what its reader needs: shared by the files of that reader.
 *
 * Filled once by php.c, before any other thread reads it. PHP's own structures are named as in its
 * sources: zend_globals.h, zend_compile.h, zend_generators.h, zend_types.h.
 */
#ifndef SOCKLEAK_AGENT_PHP_H
#define SOCKLEAK_AGENT_PHP_H

#include <string.h>

#include "../../core/bytes.h"
#include "../base/peek.h"
#include "runtime.h"

struct php_layout {
    uintptr_t executor; /* executor_globals: there is one, for the thread that runs PHP */
    uintptr_t generator_class;
    uint64_t evaluator, evaluator_end;
    bool ends_with_request; /* the program's end is the end of its one request */
    /* offsets in executor_globals */
    uint32_t current, exception, before_exception, exception_op, flags;
    /* offsets in zend_op_array */
    uint32_t n_ops, ops, file, first_line;
    /* offsets in zend_generator */
    uint32_t generator_frame, generator_parent, generator_fake;
};
extern struct php_layout php;

/* What is the same in all versions that are read. */
enum {
    /* zend_execute_data; call info is the word behind `This`, whose value is its first */
    PHP_FRAME_OP = 0,
    PHP_FRAME_FUNCTION = 24,
    PHP_FRAME_THIS = 32,
    PHP_FRAME_CALL_INFO = 40,
    PHP_FRAME_PREVIOUS = 48,
    PHP_FRAME_SIZE = 56, /* as much of it as is read */
    PHP_CALL_TOP = 1 << 17,
    /* zend_function, of which zend_op_array is the user's kind */
    PHP_FUNCTION_TYPE = 0,
    PHP_FUNCTION_NAME = 8,
    PHP_FUNCTION_CLASS = 16,
    PHP_FUNCTION_SIZE = 24,
    PHP_INTERNAL_FUNCTION = 1,
    PHP_USER_FUNCTION = 2,
    PHP_EVAL_CODE = 4,
    PHP_CLASS_NAME = 8,
    /* zend_op */
    PHP_OP_LINE = 24,
    PHP_OP_SIZE = 32,
    /* zend_string */
    PHP_STRING_TYPE = 4,
    PHP_STRING_HASH = 8,
    PHP_STRING_LENGTH = 16,
    PHP_STRING_TEXT = 24,
    PHP_TYPE_MASK = 15,
    PHP_TYPE_STRING = 6,
    PHP_STRING_MAX = 1 << 16, /* one of this length is not believed: the length has room above an address */
    /* zend_object */
    PHP_OBJECT_CLASS = 16,
};

/* An address that an object of PHP's can have. */
static inline bool php_is_address(uintptr_t p) { return p >= 4096 && p < (uintptr_t)1 << 47 && p % 8 == 0; }

enum runtime_answer php_walk(struct runtime_stack *s);
/* The next walk asks the kernel for each word, and believes nothing until a chain was right. */
void php_walk_reset(void);
bool php_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

/* The flag of a frame whose line is where its function begins, beside the line in word 1. */
#define PHP_LINE_OF_FUNCTION (1ull << 32)

#endif
