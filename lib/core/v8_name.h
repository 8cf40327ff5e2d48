/* SPDX-License-Identifier: MIT */
/*
 * v8_name.h: function, file, line and column of a place in a JavaScript program.
 *
 * Pure; nothing is allocated. Anything may stand in the heap: what is not as expected has no name.
 */
#ifndef SOCKLEAK_CORE_V8_NAME_H
#define SOCKLEAK_CORE_V8_NAME_H

#include "state.h"
#include "v8_heap.h"

struct v8_function {
    char function[STATE_FUNCTION_MAX];
    char file[STATE_FILE_MAX];
    uint32_t line;         /* 0: not known */
    uint32_t column;       /* 0: not known */
    bool line_of_function; /* LINE is where the function begins */
};

/*
 * The function of a SharedFunctionInfo, and POSITION in its script's source; < 0: where the function
 * begins. False: SHARED is none, or a part of its name cannot be read.
 */
bool v8_name_function(const struct v8_heap *h, uint64_t shared, int32_t position, struct v8_function *out);
/* The text of STRING as UTF-8, as much as CAP has room for. False: it is no string, or cannot be read. */
bool v8_name_string(const struct v8_heap *h, uint64_t string, char *to, size_t cap);

#endif
