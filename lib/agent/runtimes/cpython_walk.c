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
#include "cpython.h"

#if ARCH_HAS_RSEQ && defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
extern const ptrdiff_t __rseq_offset __attribute__((weak));
#define HAVE_RSEQ 1
#endif
#endif

#define TRIES 16u         /* of a restartable sequence that is interrupted again and again */
#define MAX_ENTRIES 4096u /* of a chain, the evaluator's own included */

/* The words of a frame and of a code object that a walk reads. */
enum { F_PREVIOUS, F_CODE, F_AT, F_OWNER, F_WORDS };
enum { C_TYPE, C_NAME, C_LINES, C_FILE, C_FIRST, C_WORDS };

#define WRONG_MAX 16u /* walks, of which none was right: the layout is another one */

static _Atomic bool is_verified; /* a whole chain was right, and each of its frames has a name */
static _Atomic unsigned n_wrong;

void cpython_walk_reset(void)
{
    atomic_store(&is_verified, false);
    atomic_store(&n_wrong, 0);
}

/* This thread's area for restartable sequences; NULL: it has none. */
static void *rseq_area(void)
{
#ifdef HAVE_RSEQ
    if (&__rseq_offset) {
        char *area = (char *)arch_thread_pointer() + __rseq_offset;
        int32_t cpu = *(volatile int32_t *)(area + ARCH_RSEQ_CPU_ID);
        return cpu >= 0 ? area : NULL;
    }
#endif
    return NULL;
}

struct loader {
    void *area; /* NULL: no restartable sequences */
    bool by_kernel;
    uint32_t frame[F_WORDS], code[C_WORDS]; /* offsets */
};

static void begin(struct loader *l)
{
    *l = (struct loader){.by_kernel = !atomic_load_explicit(&is_verified, memory_order_relaxed),
                         .frame = {cpython.previous, cpython.code, cpython.at, cpython.owner},
                         .code = {CPYTHON_OB_TYPE, cpython.name, cpython.lines, cpython.file, cpython.first_line}};
    if (!l->by_kernel)
        l->area = rseq_area();
}

static __attribute__((noinline)) bool load_slowly(const struct loader *l, uintptr_t base, const uint32_t *offsets, unsigned n,
                                                  uint64_t *out)
{
    if (cpython_finalizes())
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!l->by_kernel)
            out[i] = *(const volatile uint64_t *)(base + offsets[i]);
        else if (!peek(base + offsets[i], &out[i], sizeof *out))
            return false;
    return !cpython_finalizes();
}

/*
 * load_N copies the N words at BASE plus each of OFFSETS. False: Python ends, or they cannot be
 * read.
 */
#if ARCH_HAS_RSEQ
#define LOAD(N)                                                                                                 \
    static inline bool load_##N(const struct loader *l, uintptr_t base, const uint32_t *offsets, uint64_t *out) \
    {                                                                                                           \
        enum arch_rseq how;                                                                                     \
        if (!cpython_is_address(base))                                                                          \
            return false;                                                                                       \
        for (unsigned i = 0; l->area && i < TRIES; i++) {                                                       \
            ARCH_RSEQ_LOAD(how, l->area, cpython.finalizing, base, offsets, N, out);                            \
            if (how != ARCH_RSEQ_AGAIN)                                                                         \
                return how == ARCH_RSEQ_DONE;                                                                   \
        }                                                                                                       \
        return load_slowly(l, base, offsets, N, out);                                                           \
    }
#else
#define LOAD(N)                                                                                                 \
    static inline bool load_##N(const struct loader *l, uintptr_t base, const uint32_t *offsets, uint64_t *out) \
    {                                                                                                           \
        return cpython_is_address(base) && load_slowly(l, base, offsets, N, out);                               \
    }
#endif
LOAD(1)
LOAD(2)
LOAD(4)
LOAD(5)

/*
 * Of what a code object was made: one that took a freed one's place differs in it. 0: CODE is no
 * code object, or cannot be read (then *OK is false).
 */
static uint64_t print_of_code(const struct loader *l, uintptr_t code, bool *ok)
{
    const uint32_t table_at[] = {cpython.bytes_size, cpython.bytes_data};
    uint64_t c[C_WORDS], table[2];
    *ok = load_5(l, code, l->code, c);
    if (!*ok || c[C_TYPE] != cpython.code_type)
        return 0;
    *ok = cpython_is_address(c[C_NAME]) && cpython_is_address(c[C_FILE]) && load_2(l, c[C_LINES], table_at, table);
    if (!*ok)
        return 0;
    if (table[0] < 8) /* behind its end lies anything */
        table[1] &= ((uint64_t)1 << table[0] * 8) - 1;
    /* products that do not wait for one another */
    uint64_t h = code * 0x9e3779b97f4a7c15u + c[C_NAME] * 0xc2b2ae3d27d4eb4fu + c[C_LINES] * 0x165667b19e3779f9u;
    h += c[C_FILE] * 0xd6e8feb86659fd93u + (c[C_FIRST] & UINT32_MAX) * 0xa0761d6478bd642fu;
    h = hash_mix(h, (table[0] << 48 ^ table[1]) * 0xe7037ed1a0b428dbu);
    return h ? h : 1;
}

static void add_frame(struct runtime_stack *s, uintptr_t code, uint64_t at, uint64_t print)
{
    if (s->n == s->max)
        s->cut = true;
    else
        s->frames[s->n++] = (struct runtime_frame){.hash = hash_mix(print, at), .word = {code, at}};
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
static bool next_cframe(const struct loader *l, struct runtime_stack *s, uintptr_t *c)
{
    const uint32_t previous_at[] = {cpython.cframe_frame + 8};
    uint64_t previous = 0;
    add_mark(s, *c);
    /* the last one belongs to the thread state, and has none before it */
    if (*c && !load_1(l, *c, previous_at, &previous))
        return false;
    *c = previous;
    return true;
}

static bool add_one(const struct loader *l, struct runtime_stack *s, uintptr_t frame, const uint64_t w[F_WORDS], uintptr_t *c)
{
    unsigned owner = (unsigned)(w[F_OWNER] >> 8 * cpython.owner_byte & 0xff);
    uintptr_t code = w[F_CODE] & ~cpython.tag_mask;
    bool ok;
    if (!cpython.frame_objects && cpython.version >= 0x030c && owner >= CPYTHON_OWNED_BY_C_STACK) {
        add_mark(s, frame);
        return true;
    }
    uint64_t print = print_of_code(l, code, &ok);
    if (!ok || (!print && cpython.frame_objects))
        return false;
    if (print)
        add_frame(s, code, cpython.frame_objects ? (uint64_t)(uint32_t)w[F_AT] : w[F_AT], print);
    return cpython.version != 0x030b || !(w[F_OWNER] & 0xff) || next_cframe(l, s, c);
}

/* All frames that were asked for, and where the last of them are run. */
static bool is_enough(const struct runtime_stack *s)
{
    return s->cut && (cpython.frame_objects || (s->n_marks && s->marks[s->n_marks - 1].count == s->n));
}

static bool walk_chain(const struct loader *l, struct runtime_stack *s, uintptr_t thread)
{
    const uint32_t thread_at[] = {cpython.thread_frame}, cframe_at[] = {cpython.cframe_frame};
    uint64_t frame, w[F_WORDS];
    uintptr_t c = 0;
    if (!load_1(l, thread, thread_at, &frame))
        return false;
    if (cpython.has_cframe) {
        c = frame;
        if (!frame || !load_1(l, c, cframe_at, &frame))
            return false;
    }
    for (unsigned i = 0; frame && !is_enough(s); i++, frame = w[F_PREVIOUS])
        if (i == MAX_ENTRIES || !load_4(l, frame, l->frame, w) || !add_one(l, s, frame, w, &c))
            return false;
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
    struct loader l;
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
