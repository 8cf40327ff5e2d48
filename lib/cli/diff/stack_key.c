/* SPDX-License-Identifier: MIT */
/*
 * stack_key.c: the functions of a stack, as a text that can be compared.
 *
 * Called by match.c. Frames of system libraries and of what comes with a language are left out, as
 * long as there are others: with another release of these a stack has other such frames.
 */
#include "stack_key.h"

#include <stdlib.h>
#include <string.h>

#include "../../core/own_frames.h"
#include "../../core/textstack.h"

static bool is_own(const struct frame *f)
{
    if (!f->symbol || !*f->symbol)
        return false;
    if (f->runtime != RUNTIME_NATIVE)
        return !own_frames_is_library(f, true);
    return !f->module || (!own_frames_is_system_library(f->module) && !own_frames_is_inner_object(f->module));
}

static bool has_own(const struct diff_site *s)
{
    for (size_t i = 0; i < s->n_frames; i++)
        if (is_own(&s->frames[i]))
            return true;
    return false;
}

/* The number of the next frame that counts, from I on; n_frames: none. */
static size_t next_frame(const struct diff_site *s, bool own, size_t i)
{
    while (i < s->n_frames && !(own ? is_own(&s->frames[i]) : s->frames[i].symbol && *s->frames[i].symbol))
        i++;
    return i;
}

const struct frame *stack_key_first(const struct diff_site *s)
{
    size_t i = next_frame(s, has_own(s), 0);
    return i < s->n_frames ? &s->frames[i] : NULL;
}

/* The length of NAME without what GCC and clang put behind that of a part or copy of a function. */
static size_t plain_length(const char *name)
{
    static const char *const parts[] = {".isra.", ".part.", ".constprop.", ".cold", ".lto_priv.", ".llvm.", ".localalias"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *at = strstr(name, parts[i]);
        if (at && at != name && (size_t)(at - name) < n)
            n = (size_t)(at - name);
    }
    return n;
}

static void put(char **at, const char *text, size_t n)
{
    memcpy(*at, text, n);
    *at += n;
}

const char *stack_key(struct arena *arena, const struct diff_site *s, bool files)
{
    bool own = has_own(s);
    size_t room = 2;
    for (size_t i = next_frame(s, own, 0); i < s->n_frames; i = next_frame(s, own, i + 1))
        room += strlen(s->frames[i].symbol) + strlen(text_base_name(s->frames[i].file)) + 2;
    if (room == 2)
        return NULL;
    char *key = arena_take(arena, room), *at = key;
    *at++ = s->of_eof ? 'e' : 'o';
    for (size_t i = next_frame(s, own, 0); i < s->n_frames; i = next_frame(s, own, i + 1)) {
        const struct frame *f = &s->frames[i];
        const char *file = text_base_name(f->file);
        put(&at, f->symbol, plain_length(f->symbol));
        *at++ = '\t';
        if (files)
            put(&at, file, strlen(file));
        *at++ = '\n';
    }
    return key;
}

int stack_key_lines(const struct diff_site *a, const struct diff_site *b)
{
    bool own = has_own(a);
    size_t i = next_frame(a, own, 0), k = next_frame(b, own, 0);
    while (i < a->n_frames && k < b->n_frames) {
        if (a->frames[i].line != b->frames[k].line)
            return a->frames[i].line < b->frames[k].line ? -1 : 1;
        i = next_frame(a, own, i + 1);
        k = next_frame(b, own, k + 1);
    }
    return 0;
}

bool stack_key_is_other_call(const struct diff_site *a, const struct diff_site *b)
{
    bool own = has_own(a);
    size_t i = next_frame(a, own, 0), k = next_frame(b, own, 0);
    while (i < a->n_frames && k < b->n_frames) {
        const struct frame *f = &a->frames[i], *g = &b->frames[k];
        if (f->runtime == RUNTIME_NATIVE && f->build_id && g->build_id && strcmp(f->build_id, g->build_id) == 0 && f->offset != g->offset)
            return true;
        i = next_frame(a, own, i + 1);
        k = next_frame(b, own, k + 1);
    }
    return false;
}
