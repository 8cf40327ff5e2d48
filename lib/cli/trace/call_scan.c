/* SPDX-License-Identifier: MIT */
/*
 * call_scan.c: finds the caller of a function whose frame the unwind tables do not lead out of.
 */
#include "call_scan.h"

#include "call_code.h"

/* The frames that one candidate led to. */
struct outcome {
    enum native_end end;
    unsigned n;
    uint64_t pcs[STATE_MAX_FRAMES], places[STATE_MAX_FRAMES], go_pc, go_sp;
};

struct scan {
    struct native_walk *w;
    const struct frame *f;
    uint64_t start; /* of the function */
    bool needs_bp;
    unsigned base;     /* frames before the scan */
    unsigned n_direct; /* candidates behind a call of this very function, with different addresses */
    uint64_t direct_pc;
    bool is_first_direct; /* no other kind of candidate stands before it */
    bool is_ambiguous, has_whole, has_partial;
    enum call_kind whole_kind;
    struct outcome whole, partial;
};

static void keep(struct outcome *o, const struct native_walk *w, enum native_end end)
{
    o->end = end;
    o->n = w->n;
    memcpy(o->pcs, w->pcs, w->n * sizeof *w->pcs);
    memcpy(o->places, w->places, w->n * sizeof *w->places);
    o->go_pc = w->go_pc;
    o->go_sp = w->go_sp;
}

static enum native_end use(struct native_walk *w, const struct outcome *o)
{
    w->n = o->n;
    memcpy(w->pcs, o->pcs, o->n * sizeof *w->pcs);
    memcpy(w->places, o->places, o->n * sizeof *w->places);
    w->go_pc = o->go_pc;
    w->go_sp = o->go_sp;
    return o->end;
}

static bool is_same(const struct outcome *o, const struct native_walk *w)
{
    return o->n == w->n && memcmp(o->pcs, w->pcs, w->n * sizeof *w->pcs) == 0;
}

/*
 * AT is the place of a return address on the way that was found: to begin there would leave out
 * frames.
 */
static bool is_on_way(const struct scan *s, uint64_t at)
{
    for (unsigned i = s->base; s->has_whole && i < s->whole.n; i++)
        if (s->whole.places[i] == at)
            return true;
    return false;
}

/* The walk from the return address at AT. */
static enum native_end try_from(struct scan *s, uint64_t at, uint64_t pc)
{
    struct frame caller = {.pc = pc, .known = 1u << REGISTER_SP};
    caller.value[REGISTER_SP] = at + 8;
    if (s->needs_bp) {
        caller.stored = 1u << REGISTER_BP;
        caller.value[REGISTER_BP] = at - 8;
    }
    s->w->n = s->base;
    return s->w->go_on(s->w, &caller);
}

static enum call_kind candidate(struct scan *s, uint64_t at, uint64_t *pc)
{
    struct object *o;
    return stack_code_word(&s->w->view, at, pc, &o) ? call_before(&o->image, *pc, s->start) : CALL_NONE;
}

/* The frame is SIZE bytes large, so that its return address can only stand at one place. */
static bool at_known_place(struct scan *s, uint64_t size, enum native_end *end)
{
    uint64_t pc, at = s->f->value[REGISTER_SP] + size + 8;
    enum call_kind kind = candidate(s, at, &pc);
    if (kind == CALL_NONE)
        return false;
    *end = try_from(s, at, pc);
    if (*end != NATIVE_PREFIX || kind == CALL_DIRECT)
        return true;
    s->w->n = s->base;
    return false;
}

static void weigh(struct scan *s, uint64_t at)
{
    uint64_t pc;
    enum call_kind kind = candidate(s, at, &pc);
    if (kind == CALL_NONE || is_on_way(s, at) || (kind != CALL_DIRECT && s->has_whole && s->whole_kind == CALL_DIRECT))
        return;
    if (kind == CALL_DIRECT && (!s->n_direct || pc != s->direct_pc))
        s->n_direct++;
    else if (!s->n_direct)
        s->is_first_direct = false;
    enum native_end end = try_from(s, at, pc);
    if (end != NATIVE_PREFIX) {
        if (!s->has_whole) {
            keep(&s->whole, s->w, end);
            s->whole_kind = kind;
        } else if (!is_same(&s->whole, s->w))
            s->is_ambiguous = true;
        s->has_whole = true;
    } else if (kind == CALL_DIRECT && !s->has_partial) {
        keep(&s->partial, s->w, end);
        s->has_partial = true;
    }
    if (kind == CALL_DIRECT)
        s->direct_pc = pc;
}

enum native_end call_scan(struct native_walk *w, struct object *o, const struct frame *f, bool needs_bp)
{
    struct scan s = {.w = w, .f = f, .needs_bp = needs_bp, .base = w->n, .is_first_direct = true};
    struct call_frame shape;
    enum native_end end;
    uint64_t function_end;
    if (!image_function(&o->image, f->pc - !f->is_exact, &s.start, &function_end))
        return NATIVE_PREFIX;
    call_frame_of(&o->image, s.start, function_end, f->pc, &shape);
    if (needs_bp && shape.is_exact && at_known_place(&s, shape.least, &end))
        return end;
    uint64_t sp = (f->value[REGISTER_SP] + 7) & ~7ull, top = w->view.sample->sp + w->view.sample->stack_bytes;
    if (sp >= top) /* on another stack, where a signal came */
        return NATIVE_PREFIX;
    uint64_t n = top - sp;
    if (shape.most < n)
        n = shape.most + 8;
    for (uint64_t at = needs_bp ? shape.least + 8 : 0; at < n && !s.is_ambiguous && w->budget; at += 8)
        weigh(&s, sp + at);
    w->n = s.base;
    if (s.is_ambiguous || !w->budget)
        return NATIVE_PREFIX;
    if (s.has_whole)
        return use(w, &s.whole);
    /* not the bottom, but no other word may be its return address */
    if (s.has_partial && s.n_direct == 1 && s.is_first_direct)
        return use(w, &s.partial);
    return NATIVE_PREFIX;
}
