/* SPDX-License-Identifier: MIT */
/*
 * hotspot_walk.c: the Java frames of the calling thread, as words.
 *
 * hotspot_step is called by the native walk where it meets generated code, hotspot_walk behind it.
 * The thread is in a native method or in the virtual machine, so its Java frames are at rest, and
 * what they refer to is neither moved nor freed. The danger is a native walk that has lost its way:
 * it would bring a wrong stack pointer. So the thread itself is asked: where Java was called from
 * native code the stack has the address of the thread's structure, which says where the thread has
 * left Java; and each later call from native code has saved what it said then. Frames that these do
 * not confirm are dropped.
 */
#include <string.h>

#include "../../core/hash.h"
#include "../../arch/java_frames.h"
#include "../base/peek.h"
#include "../base/sys.h"
#include "hotspot.h"

#define MAX_PASSED 1024u /* frames passed behind those that are wanted, to where Java was called */
#define MAX_FRAME (1u << 20)
#define MAX_ALIGNMENT 64u /* what a call out of the interpreter may have put between */
#define KNOWN_THREADS 256u
#define KNOWN_METHODS 2048u
#define MAX_SYMBOL 4096u
#define MAX_POOL (1u << 17) /* a class file has fewer constants */

/* In runtime_stack.scratch. */
enum { EXPECTED_SP, STACK_BEGIN, STACK_END, FLAGS };
enum {
    IS_BEGUN = 1,
    HAS_EXPECTED = 2,
    IN_CARRIER = 4, /* behind a virtual thread's frames */
    IS_WRONG = 8,
};

/* ---- frames ---------------------------------------------------------------------------------- */

static bool interpreter_frame(struct walk *w, struct arch_frame *next, uintptr_t word[2])
{
    uintptr_t fp = w->at.fp;
    return fp % 8 == 0 && fp >= w->at.sp && fp - w->at.sp < MAX_FRAME && stack_load(&w->span, fp + 8 * ARCH_JAVA_BCP, &word[1]) &&
           stack_load(&w->span, fp + 8 * ARCH_JAVA_METHOD, &word[0]) && stack_load(&w->span, fp + 8 * ARCH_JAVA_SENDER_SP, &next->sp) &&
           stack_load(&w->span, fp, &next->fp) && stack_load(&w->span, fp + 8, &next->pc) && next->sp >= fp + 16 && next->sp % 8 == 0;
}

static bool call_stub_frame(struct walk *w, struct arch_frame *next)
{
    uintptr_t fp = w->at.fp;
    next->sp = fp + 16;
    return fp % 8 == 0 && fp >= w->at.sp && fp - w->at.sp < MAX_FRAME && stack_load(&w->span, fp, &next->fp) &&
           stack_load(&w->span, fp + 8, &next->pc);
}

static bool sized_frame(struct walk *w, uint32_t size, struct arch_frame *next)
{
    next->sp = w->at.sp + size;
    return w->at.sp % 8 == 0 && stack_load(&w->span, next->sp - 16, &next->fp) && stack_load(&w->span, next->sp - 8, &next->pc);
}

/* Appends the frames at W->at, unless there is no more room, and finds what called them. */
static bool java_step(struct walk *w, const struct hotspot_code *c, struct runtime_stack *s, struct arch_frame *next)
{
    bool bad = false;
    if (c->kind == HOTSPOT_INTERPRETER) {
        uintptr_t word[2];
        if (!interpreter_frame(w, next, word))
            return false;
        s->cut |= s->n == s->max && !(s->scratch[FLAGS] & IN_CARRIER);
        if (s->cut || s->scratch[FLAGS] & IN_CARRIER)
            return true;
        s->frames[s->n].word[0] = word[0];
        s->frames[s->n++].word[1] = word[1];
        return true;
    }
    if (c->kind == HOTSPOT_COMPILED && !s->cut && !(s->scratch[FLAGS] & IN_CARRIER))
        hotspot_compiled_frames(c->blob, w->at.pc, w->at.sp, s, &bad);
    return !bad && sized_frame(w, c->frame_size, next);
}

/* ---- does the thread confirm it? -------------------------------------------------------------- */

/*
 * The words of threads and methods that could be read when they were first met. One that is on the
 * stack is not freed.
 */
static _Atomic uintptr_t known_threads[KNOWN_THREADS] LARGE_TABLE;
static _Atomic uintptr_t known_methods[KNOWN_METHODS] LARGE_TABLE;

static bool is_thread(uintptr_t thread)
{
    _Atomic uintptr_t *k = &known_threads[(thread >> 6 ^ thread >> 12) % KNOWN_THREADS];
    uintptr_t left;
    if (thread && atomic_load_explicit(k, memory_order_relaxed) == thread)
        return true;
    if (!hotspot_is_address(thread) || !peek(thread + hotspot.thread_anchor + hotspot.anchor_sp, &left, sizeof left))
        return false;
    atomic_store_explicit(k, thread, memory_order_relaxed);
    return true;
}

/*
 * W->at is the frame of the call stub. BORDER: the stack pointer where the native walk has met the
 * frames that end here.
 */
static bool is_confirmed(struct walk *w, struct runtime_stack *s, uintptr_t border)
{
    uintptr_t wrapper, thread, argument, left = s->scratch[EXPECTED_SP];
    if (!stack_load(&w->span, w->at.fp + 8 * ARCH_JAVA_WRAPPER, &wrapper) || wrapper % 8 || wrapper <= w->at.fp ||
        wrapper - w->at.fp > MAX_FRAME || !stack_load(&w->span, wrapper, &thread) ||
        !stack_load(&w->span, w->at.fp + 8 * ARCH_JAVA_THREAD, &argument) || thread != argument || !is_thread(thread))
        return false;
    if (!(s->scratch[FLAGS] & HAS_EXPECTED))
        left = hotspot_word(thread + hotspot.thread_anchor + hotspot.anchor_sp);
    s->scratch[FLAGS] |= HAS_EXPECTED;
    return left - border <= MAX_ALIGNMENT &&
           stack_load(&w->span, wrapper + hotspot.wrapper_anchor + hotspot.anchor_sp, &s->scratch[EXPECTED_SP]);
}

/* ---- the native walk's part ------------------------------------------------------------------ */

static enum generated_step drop(struct runtime_stack *s)
{
    s->scratch[FLAGS] |= IS_WRONG;
    return GENERATED_END;
}

/* More frames are collected than are wanted: some of them are not shown. */
static void begin(struct runtime_stack *s, uintptr_t sp)
{
    unsigned more = s->max / 2, room = RUNTIME_MAX_FRAMES - s->max;
    s->max += more < room ? more : room;
    s->scratch[STACK_BEGIN] = sp;
    s->scratch[FLAGS] |= IS_BEGUN;
}

enum generated_step hotspot_step(struct walk *w)
{
    struct runtime_stack *s = w->collect;
    uintptr_t border = w->at.sp;
    if (!(s->scratch[FLAGS] & IS_BEGUN))
        begin(s, border);
    for (unsigned passed = 0; hotspot_holds(w->at.pc); passed += s->cut) {
        struct hotspot_code c = hotspot_code_at(w->at.pc);
        struct arch_frame next;
        if (c.kind == HOTSPOT_UNKNOWN)
            return drop(s);
        if (passed == MAX_PASSED)
            return GENERATED_END;
        if (c.kind == HOTSPOT_MOVED) {
            s->cut = true;
            if (!hotspot.virtual_return)
                return GENERATED_END;
            w->at.pc = hotspot_word(hotspot.virtual_return);
            continue;
        }
        if (c.kind == HOTSPOT_CARRIER)
            s->scratch[FLAGS] |= IN_CARRIER;
        if (c.kind != HOTSPOT_CALL_STUB ? !java_step(w, &c, s, &next) : !call_stub_frame(w, &next) || !is_confirmed(w, s, border))
            return drop(s);
        if (next.sp <= w->at.sp)
            return drop(s);
        w->at = next;
        s->scratch[STACK_END] = w->span.lo + w->span.len;
        if (c.kind != HOTSPOT_CALL_STUB)
            continue;
        if (s->n_marks < RUNTIME_MAX_FRAMES)
            s->marks[s->n_marks++] = (struct runtime_mark){next.sp, s->n};
        if (s->cut)
            return GENERATED_END;
        border = next.sp;
    }
    return GENERATED_PASSED;
}

/* ---- methods --------------------------------------------------------------------------------- */

static uintptr_t peek_word(uintptr_t a)
{
    uintptr_t w = 0;
    return peek(a, &w, sizeof w) && hotspot_is_address(w) ? w : 0;
}

static bool is_readable_symbol(uintptr_t symbol)
{
    char head[16], last;
    if (!symbol || !peek(symbol, head, sizeof head))
        return false;
    struct hotspot_text t = hotspot_symbol(symbol);
    return t.len && t.len <= MAX_SYMBOL && peek((uintptr_t)t.at + t.len - 1, &last, 1);
}

/* Whether all can be read that settle and hotspot_name will. */
static bool is_readable_method(uintptr_t method)
{
    uintptr_t constant = peek_word(method + hotspot.method_const), pool = constant ? peek_word(constant + hotspot.const_pool) : 0;
    uintptr_t holder = pool ? peek_word(pool + hotspot.pool_holder) : 0;
    uint16_t name = 0;
    int32_t length = 0;
    return holder && is_readable_symbol(peek_word(holder + hotspot.class_name)) &&
           peek(constant + hotspot.const_name, &name, sizeof name) && peek(pool + hotspot.pool_length, &length, sizeof length) &&
           length > name && (uint32_t)length < MAX_POOL && is_readable_symbol(peek_word(pool + hotspot.pool_size + 8 * (uintptr_t)name));
}

static bool is_method(uintptr_t method)
{
    _Atomic uintptr_t *k = &known_methods[(method >> 3 ^ method >> 14) % KNOWN_METHODS];
    if (method && atomic_load_explicit(k, memory_order_relaxed) == method)
        return true;
    if (!hotspot_is_address(method) || !is_readable_method(method))
        return false;
    atomic_store_explicit(k, method, memory_order_relaxed);
    return true;
}

/* All of a name. Words overlap at its end, so that there is no loop over single bytes. */
static uint64_t mix_text(uint64_t h, struct hotspot_text t)
{
    uint64_t part = 0;
    uint32_t first, last;
    h ^= t.len;
    if (t.len >= 8) {
        const char *end = t.at + t.len;
        for (; end - t.at > 8; t.at += 8) {
            memcpy(&part, t.at, 8);
            h = (h ^ part) * 0xff51afd7ed558ccdu;
        }
        memcpy(&part, end - 8, 8);
    } else if (t.len >= 4) {
        memcpy(&first, t.at, 4);
        memcpy(&last, t.at + t.len - 4, 4);
        part = (uint64_t)first << 32 | last;
    } else {
        for (unsigned i = 0; i < t.len; i++)
            part = part << 8 | (unsigned char)t.at[i];
    }
    return hash_mix(h, part);
}

/* Puts the frame's place into its second word, and makes its hash. */
static bool settle(struct runtime_frame *f)
{
    uintptr_t method = f->word[0], at = f->word[1];
    uintptr_t constant = hotspot_word(method + hotspot.method_const), pool = hotspot_word(constant + hotspot.const_pool);
    unsigned size = hotspot_short(constant + hotspot.const_code_size), name = hotspot_short(constant + hotspot.const_name);
    if (at > HOTSPOT_NATIVE)
        at -= constant + hotspot.const_size;
    if (!size)
        at = HOTSPOT_NATIVE;
    else if (at >= size)
        return false;
    f->word[1] = at;
    uintptr_t holder = hotspot_word(pool + hotspot.pool_holder);
    uint64_t h = hash_mix(hash_mix(method, constant << 1), (uint64_t)size << 48 ^ (uint64_t)name << 32 ^ at);
    h = mix_text(h, hotspot_symbol(hotspot_word(holder + hotspot.class_name)));
    f->hash = mix_text(h, hotspot_symbol(hotspot_word(pool + hotspot.pool_size + 8 * (uintptr_t)name)));
    return true;
}

enum runtime_answer hotspot_walk(struct runtime_stack *s)
{
    if (!s->n || s->scratch[FLAGS] & IS_WRONG)
        return RUNTIME_NO_FRAMES;
    for (unsigned i = 0; i < s->n; i++) {
        uintptr_t method = s->frames[i].word[0];
        bool on_stack = method >= s->scratch[STACK_BEGIN] && method < s->scratch[STACK_END];
        if (on_stack || !is_method(method) || !settle(&s->frames[i]))
            return RUNTIME_NO_FRAMES;
    }
    return RUNTIME_FRAMES;
}
