/* SPDX-License-Identifier: MIT */
/*
 * cpython_walk.c: the Python frames of the calling thread, as words.
 *
 * Called in any thread that Python made a C call in, without Python's lock. The thread's own chain
 * of frames is at rest meanwhile, so plain loads are enough, but for one danger: an interpreter that
 * ends frees the frames of daemon threads while these are still inside of C calls. It says so in a
 * word first, and does much before the first of them is freed. Three guards follow from that: a look
 * at the word before the loads of each object; look and loads as one restartable sequence, where the
 * C library has registered the thread for these, so that a thread that loses its processor in
 * between looks again; and names through the kernel (cpython_name.c).
 *
 * Until one whole chain was right, each word comes from the kernel, so that an unexpected layout
 * gives no frames, and no fault.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "../../core/hash.h"
#include "../../arch/cpu.h"
#include "../../arch/rseq.h"
#include "../base/peek.h"
#include "../elf/symbol_tables.h"
#include "cpython.h"

#define TRIES 16u         /* of a restartable sequence that is interrupted again and again */
#define MAX_ENTRIES 4096u /* of a chain, the evaluator's own included */

/* The words of a frame that a walk reads, and of the table of lines of its code object. */
enum { W_PREVIOUS, W_CODE, W_AT, W_OWNER, W_TABLE_SIZE, W_TABLE, WORDS };
_Static_assert(WORDS == ARCH_RSEQ_PATH_WORDS, "as the sequence has them");
/* Of its code object: all that this is made of. Products are added up: none waits for another. */
enum { C_FIRST, C_NAME, C_FILE, C_LINES, C_WORDS };

#define WRONG_MAX 16u /* walks, of which none was right: the layout is another one */

static _Atomic bool is_verified; /* a whole chain was right, and each of its frames has a name */
static _Atomic unsigned n_wrong;
/* The loader's __rseq_offset, which it has since glibc 2.35; NULL: it has none. */
static const ptrdiff_t *_Atomic rseq_offset;

void cpython_walk_reset(void)
{
    atomic_store(&is_verified, false);
    atomic_store(&n_wrong, 0);
    atomic_store(&rseq_offset, (const ptrdiff_t *)symbol_tables_libcs("__rseq_offset"));
    cpython_tasks_reset();
}

/* This thread's area for restartable sequences; NULL: it has none. */
static void *rseq_area(void)
{
#if ARCH_HAS_RSEQ
    const ptrdiff_t *offset = atomic_load_explicit(&rseq_offset, memory_order_relaxed);
    if (offset) {
        char *area = (char *)arch_thread_pointer() + *offset;
        int32_t cpu = *(volatile int32_t *)(area + ARCH_RSEQ_CPU_ID);
        return cpu >= 0 ? area : NULL;
    }
#endif
    return NULL;
}

struct cpython_loader {
    void *area; /* NULL: no restartable sequences */
    bool by_kernel;
    struct arch_rseq_path path;
};

static void begin(struct cpython_loader *l)
{
    *l = (struct cpython_loader){
        .by_kernel = !atomic_load_explicit(&is_verified, memory_order_relaxed),
        .path = {.first = {cpython.previous, cpython.code, cpython.at, cpython.owner},
                 .end_at = cpython.owner + cpython.owner_byte,
                 .end_from = cpython.frame_objects || cpython.version < 0x030c ? 256 : CPYTHON_OWNED_BY_C_STACK,
                 .mask = ~cpython.tag_mask,
                 .type = cpython.code_type,
                 .type_at = CPYTHON_OB_TYPE,
                 .second = {cpython.first_line, cpython.name, cpython.file, cpython.lines},
                 .third = {cpython.bytes_size, cpython.bytes_data},
                 .factor = {0xa0761d6478bd642fu, 0xc2b2ae3d27d4eb4fu, 0xd6e8feb86659fd93u, 0x165667b19e3779f9u},
                 .own_factor = 0x9e3779b97f4a7c15u},
    };
    if (!l->by_kernel)
        l->area = rseq_area();
}

/* The N words at BASE plus each of OFFSETS. */
static bool load_words(const struct cpython_loader *l, uintptr_t base, const uint32_t *offsets, unsigned n, uint64_t *out)
{
    if (!cpython_is_address(base) || cpython_finalizes())
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!l->by_kernel)
            out[i] = *(const volatile uint64_t *)(base + offsets[i]);
        else if (!peek(base + offsets[i], &out[i], sizeof *out))
            return false;
    return !cpython_finalizes();
}

/* From 3.12 on: the evaluator's own frame, where those that it runs begin. */
static bool is_owned_by_c(const struct cpython_loader *l, const uint64_t w[WORDS])
{
    return (w[W_OWNER] >> 8 * cpython.owner_byte & 0xff) >= l->path.end_from;
}

/* What the sequence does, where there is none. */
static __attribute__((noinline)) enum arch_rseq load_slowly(const struct cpython_loader *l, uintptr_t frame, uint64_t out[WORDS],
                                                            uint64_t *sum)
{
    const struct arch_rseq_path *p = &l->path;
    uint64_t type, c[C_WORDS];
    if (!load_words(l, frame, p->first, W_TABLE_SIZE, out))
        return ARCH_RSEQ_LOST;
    if (is_owned_by_c(l, out))
        return ARCH_RSEQ_ENDS;
    uintptr_t code = out[W_CODE] & p->mask;
    if (!load_words(l, code, &p->type_at, 1, &type))
        return ARCH_RSEQ_LOST;
    if (type != p->type)
        return ARCH_RSEQ_ENDS;
    if (!load_words(l, code, p->second, C_WORDS, c) || !load_words(l, c[C_LINES], p->third, 2, out + W_TABLE_SIZE))
        return ARCH_RSEQ_LOST;
    c[C_FIRST] &= UINT32_MAX;
    *sum = code * p->own_factor;
    for (unsigned i = 0; i < C_WORDS; i++)
        *sum += c[i] * p->factor[i];
    return ARCH_RSEQ_DONE;
}

/*
 * DONE, or ENDS: FRAME has no code object, and only its own words are there. Else it cannot be read,
 * or Python ends.
 */
static inline __attribute__((always_inline)) enum arch_rseq load_frame(const struct cpython_loader *l, uintptr_t frame, uint64_t out[WORDS],
                                                                       uint64_t *sum)
{
#if ARCH_HAS_RSEQ
    enum arch_rseq how;
    if (!cpython_is_address(frame))
        return ARCH_RSEQ_LOST;
    for (unsigned i = 0; l->area && i < TRIES; i++) {
        ARCH_RSEQ_LOAD_PATH(how, l->area, cpython.finalizing, frame, &l->path, out, *sum);
        if (how != ARCH_RSEQ_AGAIN)
            return how;
    }
#endif
    return load_slowly(l, frame, out, sum);
}

bool cpython_load(const struct cpython_loader *l, uintptr_t base, uint32_t offset, uint64_t *out)
{
    if (!cpython_is_address(base))
        return false;
#if ARCH_HAS_RSEQ
    enum arch_rseq how;
    for (unsigned i = 0; l->area && i < TRIES; i++) {
        ARCH_RSEQ_LOAD(how, l->area, cpython.finalizing, base, &offset, 1, out);
        if (how != ARCH_RSEQ_AGAIN)
            return how == ARCH_RSEQ_DONE;
    }
#endif
    if (cpython_finalizes() || (l->by_kernel && !peek(base + offset, out, sizeof *out)))
        return false;
    if (!l->by_kernel)
        *out = *(const volatile uint64_t *)(base + offset);
    return !cpython_finalizes();
}

/*
 * A frame of a code object with SUM. Its hash has all that the code object was made of: one that
 * took a freed one's place differs in it.
 */
static inline __attribute__((always_inline)) void add_frame(struct runtime_stack *s, const uint64_t w[WORDS], uint64_t sum)
{
    uintptr_t code = w[W_CODE] & ~cpython.tag_mask;
    uint64_t at = cpython.frame_objects ? (uint32_t)w[W_AT] : w[W_AT], table = w[W_TABLE];
    if (s->n == s->max) {
        s->cut = true;
        return;
    }
    if (w[W_TABLE_SIZE] < 8) /* behind its end lies anything */
        table &= ((uint64_t)1 << w[W_TABLE_SIZE] * 8) - 1;
    sum += (w[W_TABLE_SIZE] << 48 ^ table) * 0xe7037ed1a0b428dbu;
    s->frames[s->n++] = (struct runtime_frame){.hash = hash_mix(sum, at * 0x8ebc6af09c88c6e3u), .word = {code, at}};
}

static void add_mark(struct runtime_stack *s, uintptr_t on_stack)
{
    if (s->n_marks < RUNTIME_MAX_FRAMES)
        s->marks[s->n_marks++] = (struct runtime_mark){on_stack, s->n};
}

/*
 * 3.11: the C frames of the evaluator are a chain of their own. *C, the one that runs the frames up
 * to here, ends with this frame.
 */
static bool next_cframe(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t *c)
{
    uint64_t previous = 0;
    add_mark(s, *c);
    /* the last one belongs to the thread state, and has none before it */
    if (*c && !cpython_load(l, *c, cpython.cframe_frame + 8, &previous))
        return false;
    *c = previous;
    return true;
}

bool cpython_add_suspended(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame)
{
    uint64_t sum = 0, w[WORDS];
    if (load_frame(l, frame, w, &sum) != ARCH_RSEQ_DONE)
        return false;
    add_frame(s, w, sum);
    return true;
}

/*
 * A frame that C code has called, with its words W: behind a coroutine's stand those that await it.
 * 3.11: it says so itself, byte 1 is its owner.
 */
static bool add_called_311(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame, const uint64_t w[WORDS], uintptr_t *c)
{
    if (cpython.coroutine_frame && (w[W_OWNER] >> 8 & 0xff) == CPYTHON_OWNED_BY_GENERATOR)
        cpython_add_awaiting(l, s, frame, w[W_PREVIOUS]);
    return next_cframe(l, s, c);
}

/* From 3.12 on: the evaluator's own FRAME follows. BEFORE is the one before that, OWNER its word. */
static void add_called(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame, const uint64_t w[WORDS], uintptr_t before,
                       uint64_t owner)
{
    if (cpython.coroutine_frame && before && (owner >> 8 * cpython.owner_byte & 0xff) == CPYTHON_OWNED_BY_GENERATOR)
        cpython_add_awaiting(l, s, before, w[W_PREVIOUS]);
    add_mark(s, frame);
}

/* The frame FRAME, which follows BEFORE with OWNER. */
static inline bool add_one(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t frame, uint64_t w[WORDS], uintptr_t before,
                           uint64_t owner, uintptr_t *c)
{
    uint64_t sum = 0;
    enum arch_rseq how = load_frame(l, frame, w, &sum);
    if (how == ARCH_RSEQ_DONE)
        add_frame(s, w, sum);
    else if (how != ARCH_RSEQ_ENDS || cpython.frame_objects)
        return false;
    else if (is_owned_by_c(l, w))
        add_called(l, s, frame, w, before, owner);
    return cpython.version != 0x030b || !(w[W_OWNER] & 0xff) || add_called_311(l, s, frame, w, c);
}

/* All frames that were asked for, and where the last of them are run. */
static bool is_enough(const struct runtime_stack *s)
{
    return s->cut && (cpython.frame_objects || (s->n_marks && s->marks[s->n_marks - 1].count == s->n));
}

static bool walk_chain(const struct cpython_loader *l, struct runtime_stack *s, uintptr_t thread)
{
    uint64_t frame, w[WORDS], owner = 0;
    uintptr_t c = 0, before = 0;
    if (!cpython_load(l, thread, cpython.thread_frame, &frame))
        return false;
    if (cpython.has_cframe) {
        c = frame;
        if (!frame || !cpython_load(l, c, cpython.cframe_frame, &frame))
            return false;
    }
    for (unsigned i = 0; frame && !is_enough(s); i++) {
        if (i == MAX_ENTRIES || !add_one(l, s, frame, w, before, owner, &c))
            return false;
        before = frame;
        owner = w[W_OWNER];
        frame = w[W_PREVIOUS];
    }
    return true;
}

/* A chain may look right and be something else: its frames must have names, too. */
static bool has_names(const struct runtime_stack *s)
{
    struct runtime_name name;
    bool hidden;
    for (unsigned i = 0; i < s->n; i++)
        if (!cpython_name(&s->frames[i], &name, &hidden))
            return false;
    return true;
}

/* Decides what the first walks say of the layout. An interpreter that ends says nothing of it. */
static void verify(const struct runtime_stack *s, bool right)
{
    if (cpython_finalizes())
        return;
    if (right && s->n)
        atomic_store_explicit(&is_verified, true, memory_order_relaxed);
    else if (!right && atomic_fetch_add(&n_wrong, 1) == WRONG_MAX - 1)
        runtime_refuse(&runtime_cpython, "its frames are not as expected");
}

enum runtime_answer cpython_walk(struct runtime_stack *s)
{
    struct cpython_loader l;
    begin(&l);
    s->n = s->n_marks = 0;
    s->cut = s->generated = false;
    s->evaluator = cpython.evaluator;
    s->evaluator_end = cpython.evaluator_end;
    if (cpython_finalizes() || (l.by_kernel && atomic_load_explicit(&n_wrong, memory_order_relaxed) >= WRONG_MAX))
        return RUNTIME_NO_FRAMES;
    uintptr_t thread = cpython.thread_state();
    if (!thread)
        return RUNTIME_NO_FRAMES;
    bool right = walk_chain(&l, s, thread);
    if (l.by_kernel) {
        right = right && has_names(s);
        verify(s, right);
    }
    return right && s->n ? RUNTIME_FRAMES : RUNTIME_NO_FRAMES;
}
