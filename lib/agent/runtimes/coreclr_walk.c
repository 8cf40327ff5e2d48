/* SPDX-License-Identifier: MIT */
/*
 * coreclr_walk.c: the managed frames of the calling thread, as words.
 *
 * coreclr_step is called by the native walk where it meets an address that lies in no object, and
 * goes on to the first one that does: native code that has called managed code. coreclr_walk is
 * called behind it. The thread is in native code that managed code has called, so none of what is
 * on its stack is freed. Each address must lie in a method that the perf map or an assembly's file
 * knows, and each method's frame must be understood; which methods are the program's own the map
 * says.
 */
#include <string.h>

#include "../../core/hash.h"
#include "../base/peek.h"
#include "../base/sys.h"
#include "../elf/object.h"
#include "coreclr.h"

#define MAX_PASSED 4096u     /* frames between two native ones */
#define MAX_FRAME (1u << 20) /* in bytes */
#define CODE_BYTES 32u       /* before a return address, which tell a method from another there */
#define KNOWN 8192u
#define PROLOGUE_BYTES 64u

/* In runtime_stack.scratch. */
enum { FLAGS };
enum { IS_WRONG = 1 };

bool coreclr_holds(uintptr_t entry)
{
    struct object o;
    return !object_at(entry - 1, &o);
}

/* ---- what is known of addresses -------------------------------------------------------------- */

/*
 * Of the method that a return address is in: whether it is the program's own, and how its frame is
 * left. One word: the address, and 17 bits. All of them 0: the method is not known.
 */
static _Atomic uint64_t known[KNOWN] LARGE_TABLE;

#define BITS 17
enum { SHOWN = 1, FROM_FP = 2, BELOW = 4, ADD = 32 };
_Static_assert(CORECLR_MAX_BELOW *BELOW < ADD && (CORECLR_MAX_ADD / 8 - 1) * ADD < 1 << BITS, "fits");

struct method {
    bool shown;
    struct coreclr_frame frame;
};

static _Atomic uint64_t *place_of(uintptr_t pc) { return &known[hash_spread(pc) >> 40 & (KNOWN - 1)]; }

/* False: it was not looked up. */
static bool recall(uintptr_t pc, struct method *m)
{
    uint64_t word = atomic_load_explicit(place_of(pc), memory_order_relaxed);
    *m = (struct method){.shown = word & SHOWN,
                         .frame = {.from_fp = word & FROM_FP,
                                   .fp_below = word / BELOW & CORECLR_MAX_BELOW,
                                   .add = (uint16_t)((word & ((1 << BITS) - 1)) / ADD * 8)}};
    return word >> BITS == pc;
}

static void remember(uintptr_t pc, const struct method *m)
{
    uint64_t word = (uint64_t)pc << BITS | (uint64_t)m->frame.add / 8 * ADD | (uint64_t)m->frame.fp_below * BELOW;
    word |= (m->shown ? SHOWN : 0) | (m->frame.from_fp ? FROM_FP : 0);
    atomic_store_explicit(place_of(pc), word, memory_order_relaxed);
}

/*
 * A method that was compiled while it ran in a loop has a frame over that of the one that it has
 * replaced: it is not known how it is left.
 */
static bool has_own_frame(const struct perf_map_target *t)
{
    static const char replaced[] = "[OptimizedTier1OSR]";
    const char *tier = t->name + t->len;
    for (size_t i = 0; tier[i] == replaced[i]; i++)
        if (i == sizeof replaced - 2)
            return false;
    return true;
}

/* Of a method compiled at run time. False: the map cannot be read; *FOUND: it has the method. */
static bool look_up_in_map(uintptr_t pc, struct method *m, bool *found)
{
    struct perf_map_target t = {.addr = pc - 1}; /* the call is before it */
    struct scratch *scratch = NULL;
    uint8_t code[PROLOGUE_BYTES];
    struct runtime_name name;
    bool is_readable = coreclr_map_names(&t, 1, &scratch);
    *found = is_readable && t.name;
    if (*found)
        m->shown = coreclr_name_parse(t.name, t.len, &name);
    if (*found && has_own_frame(&t))
        coreclr_frame_of_code(code, peek_some(t.start, code, sizeof code), &m->frame);
    scratch_free(&scratch);
    return is_readable;
}

/* False: nothing can be said now. */
static bool look_up(uintptr_t pc, struct method *m)
{
    bool found = false;
    *m = (struct method){.shown = false};
    if (!coreclr_image_is_known(pc - 1) && !look_up_in_map(pc, m, &found))
        return false;
    if (!found)
        coreclr_frame_in_image(pc - 1, &m->frame);
    remember(pc, m);
    return true;
}

/* ---- the native walk's part ------------------------------------------------------------------ */

/* Native frames alone are shown then, as far as the native walk comes from AT. */
static enum generated_step drop(struct walk *w, struct arch_frame at)
{
    ((struct runtime_stack *)w->collect)->scratch[FLAGS] |= IS_WRONG;
    w->at = at;
    return GENERATED_NONE;
}

static bool leave(struct walk *w, const struct coreclr_frame *f)
{
    uintptr_t begin = (f->from_fp ? w->at.fp : w->at.sp) + f->add, fp = w->at.fp, pc;
    if (begin % 8 || begin <= w->at.sp || begin - w->at.sp > MAX_FRAME || !stack_load(&w->span, begin - 8, &pc) ||
        (f->fp_below && !stack_load(&w->span, begin - 8 * f->fp_below, &fp)))
        return false;
    w->at = (struct arch_frame){.pc = pc, .sp = begin, .fp = fp};
    w->exact = false;
    return true;
}

static void take(struct runtime_stack *s, uintptr_t pc)
{
    s->cut |= s->n == s->max;
    if (!s->cut)
        s->frames[s->n++].word[0] = pc;
}

enum generated_step coreclr_step(struct walk *w)
{
    struct runtime_stack *s = w->collect;
    const struct arch_frame at = w->at;
    for (unsigned passed = 0; !s->cut && coreclr_holds(w->at.pc); passed++) {
        struct method m;
        uintptr_t pc = w->at.pc;
        if ((!recall(pc, &m) && !look_up(pc, &m)) || !leave(w, &m.frame) || passed == MAX_PASSED)
            return drop(w, at);
        if (m.shown)
            take(s, pc);
    }
    if (s->n_marks < RUNTIME_MAX_FRAMES)
        s->marks[s->n_marks++] = (struct runtime_mark){w->at.sp, s->n};
    return s->cut ? GENERATED_END : GENERATED_PASSED;
}

enum runtime_answer coreclr_walk(struct runtime_stack *s)
{
    unsigned char code[RUNTIME_MAX_FRAMES][CODE_BYTES];
    struct iovec here[RUNTIME_MAX_FRAMES], there[RUNTIME_MAX_FRAMES];
    if (!s->n || s->scratch[FLAGS] & IS_WRONG)
        return RUNTIME_NO_FRAMES;
    for (unsigned i = 0; i < s->n; i++) {
        /* cppcheck-suppress legacyUninitvar -- it is filled through this */
        here[i] = (struct iovec){code[i], CODE_BYTES};
        there[i] = (struct iovec){(void *)(s->frames[i].word[0] - CODE_BYTES), CODE_BYTES};
    }
    if (!peek_each(here, there, s->n))
        return RUNTIME_NO_FRAMES;
    for (unsigned i = 0; i < s->n; i++) {
        if (!arch_after_call(code[i] + CODE_BYTES))
            return RUNTIME_NO_FRAMES;
        s->frames[i].hash = hash_mix(hash_bytes(HASH_START, code[i], CODE_BYTES), s->frames[i].word[0]);
    }
    return RUNTIME_FRAMES;
}
