/* SPDX-License-Identifier: MIT */
/*
 * traced_stack.c: settles the frames of a stack that was walked from outside.
 *
 * Called by stacks.c once the frames have their names.
 */
#include "traced_stack.h"

#include <string.h>

#include "../../core/calls.h"
#include "../../core/frame_role.h"
#include "../../core/word.h"

/* F is the C library's function for CALL: "socket", "__libc_accept", or musl's "__syscall_cp". */
static bool makes_call(const struct frame *f, const char *call)
{
    const char *symbol = f->symbol;
    size_t n = strlen(call);
    if (f->runtime != RUNTIME_NATIVE || !symbol)
        return false;
    if (strncmp(symbol, "__syscall", 9) == 0)
        return true;
    symbol += strspn(symbol, "_");
    symbol += strncmp(symbol, "libc_", 5) == 0 ? 5 : 0;
    return strncmp(symbol, call, n) == 0 && (!symbol[n] || strcmp(symbol + n, "64") == 0);
}

static bool begins_stack(const struct frame *f) { return f->begins && f->role == FRAME_ROLE_OR; }

void traced_stack_mark(struct frame *frames, size_t n, unsigned call)
{
    const char *name = call_name(call);
    bool at_begin = true;
    for (size_t i = 0; name && i < n; i++) {
        at_begin = (at_begin || begins_stack(&frames[i])) && makes_call(&frames[i], name);
        frames[i].of_libc = at_begin;
    }
}

/* The end of the stack that begins at AT. */
static size_t end_of(const struct frame *frames, size_t n, size_t at)
{
    size_t end = at + 1;
    while (end < n && !begins_stack(&frames[end]))
        end++;
    return end;
}

static bool reads_the_same(const struct frame *a, size_t n_a, const struct frame *b, size_t n_b)
{
    for (; n_a && a->of_libc; n_a--)
        a++;
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++) {
        bool same = a[i].file && a[i].line
                        ? a[i].line == b[i].line && same_text(a[i].file, b[i].file) && same_text(a[i].symbol, b[i].symbol)
                        : a[i].offset == b[i].offset && same_text(a[i].module, b[i].module);
        if (!same)
            return false;
    }
    return true;
}

static bool is_told_already(const struct frame *frames, size_t kept, const struct frame *stack, size_t n)
{
    for (size_t at = 0, end; at < kept; at = end) {
        end = end_of(frames, kept, at);
        if (reads_the_same(frames + at, end - at, stack, n))
            return true;
    }
    return false;
}

size_t traced_stack_settle(struct frame *frames, size_t n)
{
    size_t kept = frame_role_first(frames, n);
    for (size_t at = kept, end; at < n; at = end) {
        end = end_of(frames, n, at);
        while (at + 1 < end && frames[at].of_libc)
            at++;
        if (is_told_already(frames, kept, frames + at, end - at))
            continue;
        frames[at].begins = true;
        memmove(frames + kept, frames + at, (end - at) * sizeof *frames);
        kept += end - at;
    }
    return kept;
}
