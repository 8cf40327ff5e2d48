/* SPDX-License-Identifier: MIT */
/*
 * php_walk.c: the PHP frames of the calling thread, as words.
 *
 * Called in any thread that has code of PHP's on its stack. PHP without threads runs in one thread
 * of the process, the first: the chain of its frames is at rest while that thread is in a C call,
 * so plain loads are enough. Any other thread has no frames.
 *
 * Until one whole chain was right, each word comes from the kernel, so that an unexpected layout
 * gives no frames, and no fault.
 */
#include <stdatomic.h>

#include "../../core/hash.h"
#include "../../arch/cpu.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "php.h"

#define MAX_ENTRIES 4096u /* of a chain, internal functions included */
#define MAX_DELEGATES 64u /* generators that delegate, one to the next */
#define WRONG_MAX 16u     /* walks, of which none was right: the layout is another one */

static _Atomic bool is_verified; /* a whole chain was right, and each of its frames has a name */
static _Atomic unsigned n_wrong;
static _Atomic uintptr_t first_thread;

void php_walk_reset(void)
{
    atomic_store(&is_verified, false);
    atomic_store(&n_wrong, 0);
}

static bool is_first_thread(void)
{
    uintptr_t here = (uintptr_t)arch_thread_pointer();
    if (atomic_load_explicit(&first_thread, memory_order_relaxed) == here)
        return true;
    if (thread_tid() != (uint32_t)sys_getpid())
        return false;
    atomic_store_explicit(&first_thread, here, memory_order_relaxed);
    return true;
}

struct walk {
    struct runtime_stack *s;
    bool by_kernel;
    bool seen_handler; /* a frame further in stands where exceptions are handled */
};

/* Inlined, so that N is a constant where it can be. */
static inline __attribute__((always_inline)) bool load(const struct walk *w, uintptr_t at, void *to, size_t n)
{
    if (!php_is_address(at))
        return false;
    if (w->by_kernel)
        return peek(at, to, n);
    memcpy(to, (const void *)at, n);
    return true;
}

/* The 4 bytes at AT: the lower or the upper half of a word. */
static bool load_half(const struct walk *w, uintptr_t at, uint32_t *half)
{
    uint64_t word;
    if (!load(w, at & ~(uintptr_t)7, &word, sizeof word))
        return false;
    *half = (uint32_t)(at & 4 ? word >> 32 : word);
    return true;
}

/* ---- words of a frame ------------------------------------------------------------------------ */

static bool mix_text(const struct walk *w, uint64_t *h, uintptr_t at, uint64_t n)
{
    for (uint64_t part; n; at += part, n -= part) {
        uint64_t piece[8] = {0};
        part = n < sizeof piece ? n : sizeof piece;
        if (!load(w, at, piece, part))
            return false;
        for (unsigned i = 0; i < 8; i++)
            *h = hash_mix(*h, piece[i]);
    }
    return true;
}

/*
 * The string at S, by its place, its length and PHP's hash of it; by its text where PHP has not
 * hashed it yet. One that took a freed one's place differs in these.
 */
static bool mix_string(const struct walk *w, uint64_t *h, uintptr_t s)
{
    uint8_t head[PHP_STRING_TEXT];
    if (!load(w, s, head, sizeof head) || (bytes_u32(head, PHP_STRING_TYPE) & PHP_TYPE_MASK) != PHP_TYPE_STRING)
        return false;
    uint64_t hash = bytes_u64(head, PHP_STRING_HASH), n = bytes_u64(head, PHP_STRING_LENGTH);
    if (!n || n >= PHP_STRING_MAX)
        return false;
    *h = hash_mix(hash_mix(*h, s | n << 48), hash);
    return hash || mix_text(w, h, s + PHP_STRING_TEXT, n);
}

/* The operations of a function. */
struct ops {
    uintptr_t begin;
    uint32_t n;
};

static bool load_ops(const struct walk *w, uintptr_t function, struct ops *ops)
{
    return load(w, function + php.ops, &ops->begin, sizeof ops->begin) && load_half(w, function + php.n_ops, &ops->n);
}

static bool holds_op(const struct ops *ops, uintptr_t op)
{
    uintptr_t from = op - ops->begin;
    return from % PHP_OP_SIZE == 0 && from / PHP_OP_SIZE < ops->n;
}

/*
 * Where a frame stood that is handling an exception: its own operation is the handler then, outside
 * of its function. PHP keeps it for the last one alone; an exception of a destructor may be that.
 */
static bool op_before_exception(struct walk *w, uintptr_t *op)
{
    bool is_last = !w->seen_handler;
    w->seen_handler = true;
    *op = 0;
    return !is_last || load(w, php.executor + php.before_exception, op, sizeof *op);
}

/* The line of a frame that stands at OP, or PHP_LINE_OF_FUNCTION with that of its function. */
static bool line_of(struct walk *w, uintptr_t function, uintptr_t op, uint64_t *line)
{
    struct ops ops;
    uint32_t n;
    if (!load_ops(w, function, &ops))
        return false;
    if (op - (php.executor + php.exception_op) < 3 * PHP_OP_SIZE) {
        if (!op_before_exception(w, &op))
            return false;
        if (!holds_op(&ops, op)) {
            if (!load_half(w, function + php.first_line, &n))
                return false;
            *line = n | PHP_LINE_OF_FUNCTION;
            return true;
        }
    }
    if (!holds_op(&ops, op) || !load_half(w, op + PHP_OP_LINE, &n))
        return false;
    *line = n;
    return true;
}

static bool mix_class(const struct walk *w, uint64_t *h, uintptr_t class)
{
    uintptr_t name;
    return !class || (load(w, class + PHP_CLASS_NAME, &name, sizeof name) && mix_string(w, h, name));
}

static bool add_user_frame(struct walk *w, uintptr_t function, const uint8_t head[PHP_FUNCTION_SIZE], uintptr_t op)
{
    uint64_t line, h;
    uintptr_t name = bytes_u64(head, PHP_FUNCTION_NAME), file;
    if (w->s->n == w->s->max) {
        w->s->cut = true;
        return true;
    }
    if (!line_of(w, function, op, &line))
        return false;
    h = hash_mix(0, line);
    if (!mix_class(w, &h, bytes_u64(head, PHP_FUNCTION_CLASS)) || (name && !mix_string(w, &h, name)) ||
        !load(w, function + php.file, &file, sizeof file) || !mix_string(w, &h, file))
        return false;
    w->s->frames[w->s->n++] = (struct runtime_frame){.hash = h, .word = {function, line}};
    return true;
}

/* Adds the frame, if it is of the user's code. *IS_USER: it is. */
static bool add_frame(struct walk *w, const uint8_t frame[PHP_FRAME_SIZE], bool *is_user)
{
    uint8_t head[PHP_FUNCTION_SIZE];
    uintptr_t function = bytes_u64(frame, PHP_FRAME_FUNCTION);
    if (!load(w, function, head, sizeof head))
        return false;
    *is_user = head[PHP_FUNCTION_TYPE] == PHP_USER_FUNCTION || head[PHP_FUNCTION_TYPE] == PHP_EVAL_CODE;
    if (!*is_user)
        return head[PHP_FUNCTION_TYPE] == PHP_INTERNAL_FUNCTION;
    return add_user_frame(w, function, head, bytes_u64(frame, PHP_FRAME_OP));
}

/* ---- the chain ------------------------------------------------------------------------------- */

/*
 * A generator that delegates ("yield from") has no frame in the chain while the innermost one runs,
 * which is there itself. A frame without a function stands for it and for those between, inside of
 * its object. As zend_generator_check_placeholder_frame, but without writing the links.
 */
static bool add_delegates(struct walk *w, uintptr_t at, const uint8_t frame[PHP_FRAME_SIZE])
{
    const struct walk by_kernel = {.by_kernel = true};
    uintptr_t chain[MAX_DELEGATES], generator = bytes_u64(frame, PHP_FRAME_THIS), class, generator_class, parent;
    uint8_t own[PHP_FRAME_SIZE];
    unsigned n = 0;
    bool is_user;
    /* any other one is PHP's own, in front of a function that it calls */
    if (!generator || generator + php.generator_fake != at)
        return true;
    if (!load(&by_kernel, php.generator_class, &generator_class, sizeof class) ||
        !load(&by_kernel, generator + PHP_OBJECT_CLASS, &class, sizeof class) || class != generator_class)
        return false;
    for (;; generator = parent) {
        if (!load(&by_kernel, generator + php.generator_parent, &parent, sizeof parent))
            return false;
        if (!parent) /* this one runs */
            break;
        if (n == MAX_DELEGATES)
            return false;
        chain[n++] = generator;
    }
    while (n--) {
        struct walk one = {.s = w->s, .by_kernel = true};
        uintptr_t own_at;
        if (!load(&by_kernel, chain[n] + php.generator_frame, &own_at, sizeof own_at) || !load(&by_kernel, own_at, own, sizeof own) ||
            !add_frame(&one, own, &is_user) || !is_user)
            return false;
    }
    return true;
}

static void add_mark(struct runtime_stack *s)
{
    if (s->n_marks < RUNTIME_MAX_FRAMES)
        s->marks[s->n_marks++] = (struct runtime_mark){.count = s->n};
}

static bool walk_chain(struct walk *w)
{
    uint8_t frame[PHP_FRAME_SIZE];
    uintptr_t at;
    bool is_user;
    if (!load(w, php.executor + php.current, &at, sizeof at))
        return false;
    for (unsigned i = 0; at && !w->s->cut; i++, at = bytes_u64(frame, PHP_FRAME_PREVIOUS)) {
        if (i == MAX_ENTRIES || !load(w, at, frame, sizeof frame))
            return false;
        if (!bytes_u64(frame, PHP_FRAME_FUNCTION)) {
            if (!add_delegates(w, at, frame))
                return false;
            continue;
        }
        if (!add_frame(w, frame, &is_user))
            return false;
        /* the evaluator that runs it was entered with it, and returns when it does */
        if (is_user && !w->s->cut && bytes_u32(frame, PHP_FRAME_CALL_INFO) & PHP_CALL_TOP)
            add_mark(w->s);
    }
    /* the evaluator that runs the last ones stands further out */
    if (w->s->cut && (!w->s->n_marks || w->s->marks[w->s->n_marks - 1].count < w->s->n))
        add_mark(w->s);
    return true;
}

/* ---- walks ----------------------------------------------------------------------------------- */

/* A chain may look right and be something else: its frames must have names, too. */
static bool has_names(const struct runtime_stack *s)
{
    struct runtime_name name;
    bool hidden;
    for (unsigned i = 0; i < s->n; i++)
        if (!php_name(&s->frames[i], &name, &hidden))
            return false;
    return true;
}

/* Decides what the first walks say of the layout. */
static void verify(const struct runtime_stack *s, bool right)
{
    if (right && s->n)
        atomic_store_explicit(&is_verified, true, memory_order_relaxed);
    else if (!right && atomic_fetch_add(&n_wrong, 1) == WRONG_MAX - 1)
        runtime_refuse(&runtime_php, "its frames are not as expected");
}

enum runtime_answer php_walk(struct runtime_stack *s)
{
    bool verified = atomic_load_explicit(&is_verified, memory_order_relaxed);
    struct walk w = {.s = s, .by_kernel = !verified};
    s->n = s->n_marks = 0;
    s->cut = false;
    s->is_of_thread = s->hides_generated = true;
    s->evaluator = php.evaluator;
    s->evaluator_end = php.evaluator_end;
    if (!is_first_thread() || (w.by_kernel && atomic_load_explicit(&n_wrong, memory_order_relaxed) >= WRONG_MAX))
        return RUNTIME_NO_FRAMES;
    bool right = walk_chain(&w);
    if (w.by_kernel) {
        right = right && has_names(s);
        verify(s, right);
    }
    return right && s->n ? RUNTIME_FRAMES : RUNTIME_NO_FRAMES;
}
