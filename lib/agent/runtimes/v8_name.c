/* SPDX-License-Identifier: MIT */
/*
 * v8_name.c: function, file, line and column of a JavaScript frame.
 *
 * Called once for each new frame, in the thread that has it, before the call returns that the walk
 * was made for: the objects are where the walk has seen them.
 */
#include "../../core/v8_name.h"

#include <string.h>

#include "v8.h"

static const void *bytes(void *memory, uint64_t a, size_t n) { return v8_bytes(memory, a, n); }

bool v8_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    struct v8_memory m = {.trusting = false};
    const struct v8_heap heap = {.layout = &v8, .at = bytes, .arg = &m};
    struct v8_function name;
    *hidden = false;
    memset(out, 0, sizeof *out);
    if (!v8_name_function(&heap, f->word[0], (int32_t)(intptr_t)f->word[1], &name))
        return false;
    memcpy(out->function, name.function, sizeof out->function);
    memcpy(out->file, name.file, sizeof out->file);
    out->line = name.line;
    out->column = name.column;
    out->flags = name.line_of_function ? FRAME_LINE_OF_FUNCTION : 0;
    return true;
}
