/* SPDX-License-Identifier: MIT */
/*
 * advice_place.c: the one function of the program in which something happened to a group's sockets,
 * and how a line of advice names it.
 *
 * Called while a report is written, by agent and command.
 */
#include "advice_place.h"

#include <string.h>

#include "program_frame.h"
#include "textstack.h"

bool advice_nearly_all(uint64_t n, uint64_t of) { return of && n * 10 >= of * 9; }

static bool same_line(const struct frame *a, const struct frame *b) { return a->line ? a->line == b->line : a->offset == b->offset; }

static bool same_call(const struct frame *a, const struct frame *b) { return program_frame_same(a, b) && same_line(a, b); }

/*
 * The call in F also led to the opening of these sockets: it runs a loop, which may be that of a
 * library.
 */
static bool is_loop(const struct group *g, const struct frame *f)
{
    for (size_t i = 0; i < g->n_frames; i++)
        if (same_call(&g->frames[i], f))
            return true;
    return false;
}

/* The event loops of Python's own library, which stand between the program and the call. */
static bool is_run_by_library(const struct told *t, const struct frame *f)
{
    static const char *const loops[] = {"/asyncio/", "/socketserver.py", "/asyncore.py"};
    for (size_t i = 0; i < t->n_whole && !same_call(&t->whole[i], f); i++)
        for (size_t k = 0; k < sizeof loops / sizeof *loops; k++)
            if (t->whole[i].file && strstr(t->whole[i].file, loops[k]))
                return true;
    return false;
}

static const struct frame *function_of(const struct told *t)
{
    const struct frame *f = program_frame(t->frames, t->n_frames);
    return f && !is_run_by_library(t, f) ? f : NULL;
}

bool advice_find_place(const struct group *g, enum event event, uint64_t of, struct advice_place *p)
{
    uint64_t others = 0;
    *p = (struct advice_place){.line = true};
    for (unsigned i = 0; i < g->n_told; i++) {
        const struct told *t = &g->told[i];
        if (t->event != event)
            continue;
        const struct frame *f = function_of(t);
        if (!p->t) {
            *p = (struct advice_place){.f = f, .t = t, .count = t->count, .error = t->error, .line = true};
        } else if (f && p->f && program_frame_same(f, p->f)) {
            p->count += t->count;
            p->line &= same_line(f, p->f);
            p->error = t->error == p->error ? p->error : 0;
        } else {
            others += t->count; /* which may be of the same sockets */
        }
    }
    bool known = p->f && advice_nearly_all(p->count, of) && others * 10 <= of;
    return known && (event == EVENT_SIBLINGS || !is_loop(g, p->f));
}

const struct frame *advice_common_function(const struct advice_place *a, const struct advice_place *b, size_t *from_a, size_t *from_b)
{
    size_t first = (size_t)(a->f - a->t->frames), last = (size_t)(b->f - b->t->frames);
    for (size_t i = first; i < a->t->n_frames; i++)
        for (size_t k = last; k < b->t->n_frames; k++)
            if (program_frame_is_own(&a->t->frames[i]) && program_frame_same(&a->t->frames[i], &b->t->frames[k])) {
                *from_a = i - first;
                *from_b = k - last;
                return &b->t->frames[k];
            }
    return NULL;
}

bool advice_put_line(struct out *o, const struct frame *f, bool line)
{
    if (!f->file || !*f->file)
        return false;
    text_clean(o, f->file);
    if (line && f->line && !f->line_of_function)
        out_fmt(o, ":%u", f->line);
    return true;
}

void advice_put_function(struct out *o, const struct frame *f, bool line)
{
    text_clean(o, f->symbol);
    if (!f->file || !*f->file)
        return;
    out_str(o, " (");
    advice_put_line(o, f, line);
    out_char(o, ')');
}

void advice_put_place(struct out *o, const struct advice_place *p) { advice_put_function(o, p->f, p->line); }
