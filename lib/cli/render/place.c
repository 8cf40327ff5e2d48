/* SPDX-License-Identifier: MIT */
/*
 * place.c: one line of the program for a stack.
 *
 * Called by export and html.c. The same on every host that runs a build: no address in memory,
 * no path of a module.
 */
#include "place.h"

#include "../../core/own_frames.h"
#include "../../core/textstack.h"

size_t place_frame(const struct frame *frames, size_t n)
{
    size_t begin = own_frames_begin(frames, n), named = begin + own_frames_name(frames + begin, n - begin);
    for (size_t i = named; i < n; i++)
        if (frames[i].file && frames[i].line && frames[i].symbol)
            return i;
    return named;
}

struct place place_of(struct arena *a, const struct frame *frames, size_t n)
{
    struct place p = {"", ""};
    if (!n)
        return p;
    const struct frame *f = &frames[place_frame(frames, n)];
    if (f->symbol && f->symbol[0])
        p.function = f->symbol;
    else if (f->module)
        p.function = arena_printf(a, "%s+0x%llx", text_base_name(f->module), (unsigned long long)f->offset);
    if (f->file && f->line)
        p.file = arena_printf(a, "%s:%u", f->file, f->line);
    else if (f->file)
        p.file = f->file;
    return p;
}
