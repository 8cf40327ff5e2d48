/* SPDX-License-Identifier: MIT */
/*
 * perl_walk.c: the Perl frames of the calling thread, as words.
 *
 * Called in any thread that Perl made a C call in. Each of Perl's threads has an interpreter of its
 * own, which is at rest meanwhile, so plain loads are enough. Until one stack with a sub was right,
 * each word comes from the kernel, so that an unexpected layout gives no frames, and no fault.
 *
 * Perl keeps a stack of contexts; a sort, a signal's handler, a DESTROY or a tied variable begin
 * another, which has the one before. A context says which statement was left for it. Perl goes on
 * in the same C frame when a sub is called, and in one of its own when C code calls: such a context
 * has no operation to return to.
 */
#include <stdatomic.h>

#include "../../core/hash.h"
#include "perl.h"

#define MAX_CONTEXTS 65536
#define STRING_WORDS 64u /* of a file's name, at most */
#define SV_CODE 13u
#define SV_FORMAT 14u
#define SV_GLOB 9u
#define SV_STASH 12u
#define SV_HAS_AUX 0x2000000u
#define CODE_IS_NAMED 0x8000u
#define CODE_IS_LEXICAL 0x10000u

static _Atomic bool is_verified; /* a stack with a sub was right */

void perl_walk_reset(void) { atomic_store(&is_verified, false); }

/* ---- what a sub is called -------------------------------------------------------------------- */

/* The head of each value (struct sv). */
struct value {
    uintptr_t body;
    uint32_t references, flags;
    uintptr_t more;
};

static bool value_at(bool by_kernel, uintptr_t a, struct value *v)
{
    return a % 8 == 0 && perl_load(by_kernel, a, v, sizeof *v) && v->body;
}

static unsigned type_of(const struct value *v) { return v->flags & 0xff; }

/* HvNAME_HEK: the name of the package STASH; *NAME 0: it has lost it. */
static bool name_of_stash(bool by_kernel, uintptr_t stash, uintptr_t *name)
{
    struct value v;
    struct {
        uintptr_t name, pad[2];
        uint32_t pad2;
        int32_t names; /* not 0: name leads to a list of them */
    } aux;
    uintptr_t at, max;
    *name = 0;
    if (!stash)
        return true;
    if (!value_at(by_kernel, stash, &v))
        return false;
    if (type_of(&v) != SV_STASH || !(v.flags & SV_HAS_AUX))
        return type_of(&v) == SV_STASH;
    at = v.body + 32;
    if (!perl.layout.aux_in_body) {
        if (!perl_load(by_kernel, v.body + 24, &max, sizeof max) || max > UINT32_MAX)
            return false;
        at = v.more + (max + 1) * 8;
    }
    if (!perl_load(by_kernel, at, &aux, sizeof aux))
        return false;
    *name = aux.name;
    return !aux.name || !aux.names || perl_load(by_kernel, aux.name, name, sizeof *name);
}

/* The glob that GLOB was made from, which gives a sub its name; GLOB itself, when there is none. */
static bool original_glob(bool by_kernel, uintptr_t glob, struct value *v)
{
    uintptr_t original = 0;
    if (!value_at(by_kernel, glob, v) || type_of(v) != SV_GLOB)
        return false;
    if (v->more && !perl_load(by_kernel, v->more + 56, &original, sizeof original))
        return false;
    return !original || original == glob || (value_at(by_kernel, original, v) && type_of(v) == SV_GLOB);
}

bool perl_names_of(bool by_kernel, uintptr_t code, struct perl_names *n)
{
    struct value v, glob;
    struct {
        uintptr_t name, stash;
    } of_glob;
    uint32_t flags;
    uintptr_t stash;
    n->name = n->package = 0;
    if (!value_at(by_kernel, code, &v) || (type_of(&v) != SV_CODE && type_of(&v) != SV_FORMAT))
        return false;
    if (!perl_load(by_kernel, v.body + 92, &flags, sizeof flags) || !perl_load(by_kernel, v.body + 56, &n->name, sizeof n->name))
        return false;
    n->lexical = flags & CODE_IS_LEXICAL;
    if (!n->name)
        return true;
    if (type_of(&v) == SV_CODE && flags & CODE_IS_NAMED)
        return perl_load(by_kernel, v.body + 32, &stash, sizeof stash) && name_of_stash(by_kernel, stash, &n->package);
    if (!original_glob(by_kernel, n->name, &glob) || !perl_load(by_kernel, glob.body + 32, &of_glob, sizeof of_glob))
        return false;
    n->name = of_glob.name;
    return n->name && name_of_stash(by_kernel, of_glob.stash, &n->package);
}

/* ---- what identifies a frame ----------------------------------------------------------------- */

/* Of the text at A; where it is aligned, eight bytes at a time, which lie in one page. */
static bool hash_text(bool by_kernel, uintptr_t a, uint64_t *h)
{
    uint64_t w, zeros = 0;
    if (!a)
        return true;
    for (unsigned i = 0; i < STRING_WORDS && !zeros; i++, a += 8) {
        if (a % 8 == 0) {
            if (!perl_load(by_kernel, a, &w, sizeof w))
                return false;
        } else {
            uint8_t c = 1;
            w = 0;
            for (unsigned b = 0; b < 8 && c; b++) {
                if (!perl_load(by_kernel, a + b, &c, 1))
                    return false;
                w |= (uint64_t)c << 8 * b;
            }
        }
        zeros = (w - 0x0101010101010101u) & ~w & 0x8080808080808080u;
        if (zeros) /* what is behind the end may be anything */
            w &= (zeros & -zeros) - 1;
        *h = hash_mix(*h, w);
    }
    return true;
}

/* Of a shared string: its own hash and length. */
static bool hash_string(bool by_kernel, uintptr_t string, uint64_t *h)
{
    uint64_t w = 0;
    if (string && !perl_load(by_kernel, string, &w, sizeof w))
        return false;
    *h = hash_mix(*h, w);
    return true;
}

/* ---- the walk -------------------------------------------------------------------------------- */

struct walk {
    struct runtime_stack *s;
    bool by_kernel;
    bool has_sub;
    bool is_from_c; /* the last frame: it returns to no operation */
    bool just_left; /* the context before was that of such a frame, on the same stack */
    int left;
    uintptr_t at;      /* the context that the next frame left; 0: it is the innermost */
    uintptr_t cop, op; /* where it is */
};

static bool hash_position(const struct walk *w, uint64_t *h)
{
    struct perl_op cop;
    if (w->cop % 8 || !perl_load(w->by_kernel, w->cop, &cop, sizeof cop))
        return false;
    *h = hash_mix(hash_mix(w->cop, w->op), (uint64_t)cop.sequence << 32 | cop.line);
    return hash_text(w->by_kernel, cop.file, h);
}

/* The frame of the context C at OWN; OWN 0: of the main program. */
static bool add_frame(struct walk *w, uintptr_t own, const struct perl_context *c)
{
    struct perl_names names;
    uint64_t h;
    if (w->s->n == w->s->max) {
        w->s->cut = true;
        return true;
    }
    if (!hash_position(w, &h))
        return false;
    if (own && (c->type & PERL_CX_TYPE) == PERL_CX_EVAL) {
        h = hash_mix(h, c->depth_and_op);
    } else if (own) {
        if (!perl_names_of(w->by_kernel, c->code, &names) || !hash_string(w->by_kernel, names.package, &h) ||
            !hash_string(w->by_kernel, names.name, &h))
            return false;
        w->has_sub = true;
    }
    w->s->frames[w->s->n++] = (struct runtime_frame){.hash = h, .word = {w->at, own}};
    return true;
}

/*
 * One of the evaluator's C frames begins with this context. BLOCK: of code that has no frame of its
 * own, the block of a sort or in a pattern; a sub that it calls last has no operation to return to
 * either.
 */
static void add_mark(struct walk *w, bool block)
{
    struct runtime_stack *s = w->s;
    if (s->n_marks < RUNTIME_MAX_FRAMES && !(block && w->just_left))
        s->marks[s->n_marks++] = (struct runtime_mark){.count = s->n};
}

static bool is_frame(uint8_t type)
{
    switch (type & PERL_CX_TYPE) {
    case PERL_CX_SUB:
        return !(type & PERL_CX_RE_FAKE);
    case PERL_CX_EVAL:
        return !(type & PERL_CX_BLOCK);
    }
    return (type & PERL_CX_TYPE) == PERL_CX_FORMAT;
}

static bool add_context(struct walk *w, uintptr_t own)
{
    struct perl_context c;
    if (!perl_load(w->by_kernel, own, &c.type, 1))
        return false;
    if (!is_frame(c.type)) {
        unsigned type = c.type & PERL_CX_TYPE;
        if ((type == PERL_CX_NULL || type == PERL_CX_SUB) && c.type & PERL_CX_MULTICALL)
            add_mark(w, true);
        w->just_left = false;
        return true;
    }
    if (!perl_load(w->by_kernel, own, &c, sizeof c))
        return false;
    if (!add_frame(w, own, &c) || w->s->cut)
        return w->s->cut;
    w->at = own;
    w->cop = c.old_cop;
    w->op = c.return_op;
    w->is_from_c = !c.return_op;
    if (w->is_from_c)
        add_mark(w, false);
    w->just_left = w->is_from_c;
    return true;
}

/* The contexts of the stack INFO, innermost first; *INFO becomes the stack before it. */
static bool add_contexts(struct walk *w, uintptr_t *info)
{
    struct {
        uintptr_t stack, contexts, previous, next;
        int32_t index;
    } i;
    if (--w->left < 0 || !perl_load(w->by_kernel, *info, &i, sizeof i))
        return false;
    w->just_left = false;
    for (int32_t k = i.index; k >= 0 && !w->s->cut; k--)
        if (--w->left < 0 || !add_context(w, i.contexts + (uintptr_t)k * PERL_CONTEXT_SIZE))
            return false;
    *info = i.previous;
    return true;
}

/*
 * The main program; but not where C code has called the outermost sub while it does not run: in a
 * thread, whose interpreter was copied, and at the end. While Perl compiles it, it is where the
 * use or BEGIN stands, and no code of it runs yet.
 */
static bool add_main(struct walk *w, unsigned phase)
{
    if (w->is_from_c && phase > PERL_STARTS)
        return true;
    if (!add_frame(w, 0, NULL))
        return false;
    if (!w->is_from_c)
        add_mark(w, false);
    else if (w->s->n_marks)
        w->s->marks[w->s->n_marks - 1].count = w->s->n;
    return true;
}

enum runtime_answer perl_walk(struct runtime_stack *s)
{
    struct walk w = {.s = s, .by_kernel = !atomic_load_explicit(&is_verified, memory_order_relaxed), .left = MAX_CONTEXTS};
    const struct perl_layout *l = &perl.layout;
    uintptr_t p = perl_interpreter(), info;
    uint32_t phase;
    s->n = s->n_marks = 0;
    s->cut = false;
    s->evaluator = perl.evaluator;
    s->evaluator_end = perl.evaluator_end;
    if (!perl_load(w.by_kernel, p, &info, sizeof info) || !perl_load(w.by_kernel, p + 8, &w.op, sizeof w.op) ||
        !perl_load(w.by_kernel, p + l->cop, &w.cop, sizeof w.cop) || !perl_load(w.by_kernel, p + l->phase, &phase, sizeof phase) ||
        !perl_load(w.by_kernel, p + l->stack_info, &info, sizeof info) || phase >= PERL_DESTRUCTS)
        return RUNTIME_NO_FRAMES;
    while (info && !s->cut)
        if (!add_contexts(&w, &info))
            return RUNTIME_NO_FRAMES;
    if (s->cut)
        add_mark(&w, false);
    else if (!add_main(&w, phase))
        return RUNTIME_NO_FRAMES;
    if (!s->n)
        return RUNTIME_NO_FRAMES;
    if (w.by_kernel && w.has_sub)
        atomic_store_explicit(&is_verified, true, memory_order_relaxed);
    return RUNTIME_FRAMES;
}
