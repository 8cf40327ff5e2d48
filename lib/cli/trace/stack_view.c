/* SPDX-License-Identifier: MIT */
/*
 * stack_view.c: the words of a sample's stack, and the trail of those that a walk has read.
 */
#include "stack_view.h"

#define NEAR_STACK (1u << 16)

static bool read_word(const struct sample *s, uint64_t at, uint64_t *word)
{
    uint64_t n = s->stack_bytes < SAMPLE_STACK ? s->stack_bytes : SAMPLE_STACK;
    return at >= s->sp && span_copy((struct span){s->stack, (size_t)n}, at - s->sp, word, sizeof *word);
}

static void leave(const struct stack_view *v, uint64_t at, uint64_t word, enum trail_kind kind)
{
    struct trail *t = v->trail;
    if (!t)
        return;
    if (t->n == TRAIL_MAX) {
        t->is_cut = true;
        return;
    }
    t->words[t->n++] = (struct trail_word){kind == TRAIL_RELATIVE ? word - v->sample->sp : word, (uint16_t)(at - v->sample->sp), kind};
}

static bool is_near(const struct stack_view *v, uint64_t word) { return word - v->sample->sp < NEAR_STACK; }

bool stack_word(const struct stack_view *v, uint64_t at, uint64_t *word)
{
    if (!read_word(v->sample, at, word))
        return false;
    leave(v, at, *word, is_near(v, *word) ? TRAIL_RELATIVE : TRAIL_SAME);
    return true;
}

bool stack_code_word(const struct stack_view *v, uint64_t at, uint64_t *word, struct object **object)
{
    *object = NULL;
    if (!read_word(v->sample, at, word))
        return false;
    *object = objects_at(v->objects, *word);
    leave(v, at, *word, *object ? TRAIL_SAME : TRAIL_NO_CODE);
    return *object != NULL;
}

bool stack_follows(const struct stack_view *v, const struct trail_word *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t word;
        if (!read_word(v->sample, v->sample->sp + w[i].offset, &word))
            return false;
        if (w[i].kind == TRAIL_NO_CODE) {
            if (objects_at(v->objects, word))
                return false;
        } else if (w[i].value != (w[i].kind == TRAIL_RELATIVE ? word - v->sample->sp : word)) {
            return false;
        }
    }
    return true;
}
