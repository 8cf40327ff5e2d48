/* SPDX-License-Identifier: MIT */
/*
 * ruby_walk.c: the Ruby frames of the calling thread, as words.
 *
 * Called in any thread that Ruby made a C call in, with its lock or without. The thread's stack of
 * frames and the compiled code that it leads to are at rest meanwhile. But Ruby's own objects may
 * be moved by another thread that compacts the heap, if this one does not hold the lock: then, and
 * until a whole stack was right, they come from the kernel, those of all frames at once.
 *
 * Only frames of Ruby code are given: the name of a method that C implements is in tables that
 * change.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../../core/hash.h"
#include "ruby.h"

#define MAX_FRAMES 65536u /* looked at */
#define MAX_TEXT 4096u

static _Atomic bool is_verified;     /* a whole stack was right */
static _Atomic uintptr_t machine;    /* where it is not exported */
static _Atomic unsigned threads_key; /* of pthread_getspecific, plus 1; 0: not known yet */
/* pthread_getspecific, which before glibc 2.34 is in an object that a program may not have */
typedef void *specific_function(pthread_key_t);
static specific_function *_Atomic specific;

void ruby_walk_reset(void)
{
    atomic_store(&is_verified, false);
    atomic_store(&machine, 0);
    atomic_store(&threads_key, 0);
    atomic_store(&specific, (specific_function *)(uintptr_t)exports_find_anywhere("pthread_getspecific"));
}

struct walk {
    struct runtime_stack *s;
    bool by_kernel; /* all */
    bool may_move;  /* Ruby's objects */
    uintptr_t code[RUNTIME_MAX_FRAMES], at[RUNTIME_MAX_FRAMES];
    struct ruby_object label[RUNTIME_MAX_FRAMES], path[RUNTIME_MAX_FRAMES];
    uintptr_t label_at[RUNTIME_MAX_FRAMES], path_at[RUNTIME_MAX_FRAMES];
};

/* The N objects at AT. */
static bool load_objects(const struct walk *w, const uintptr_t *at, struct ruby_object *to, unsigned n)
{
    struct iovec here[RUNTIME_MAX_FRAMES], there[RUNTIME_MAX_FRAMES];
    for (unsigned i = 0; i < n; i++) {
        if (!ruby_is_address(at[i]))
            return false;
        if (!w->may_move)
            memcpy(&to[i], (const void *)at[i], sizeof to[i]);
        here[i] = (struct iovec){&to[i], sizeof to[i]};
        there[i] = (struct iovec){(void *)at[i], sizeof to[i]};
    }
    return !w->may_move || peek_each(here, there, n);
}

bool ruby_string(const struct ruby_object *s, uintptr_t a, uintptr_t *bytes, size_t *n)
{
    if ((s->flags & RUBY_TYPE) != RUBY_STRING)
        return false;
    if (s->flags & RUBY_ON_HEAP) {
        *n = s->word[0];
        *bytes = s->word[1];
        return true;
    }
    *n = ruby.layout.string_length ? s->word[0] : s->flags >> 14 & 31;
    *bytes = a + offsetof(struct ruby_object, word) + (ruby.layout.string_length ? sizeof s->word[0] : 0);
    return true;
}

/* ---- frames ---------------------------------------------------------------------------------- */

struct control_frame {
    uintptr_t pc, sp, code, self, environment;
};

static void add_mark(struct runtime_stack *s)
{
    if (s->n_marks < RUNTIME_MAX_FRAMES)
        s->marks[s->n_marks++] = (struct runtime_mark){.count = s->n};
}

/* The control frames of the execution context EC, from the innermost on. */
static bool take_frames(struct walk *w, uintptr_t ec)
{
    struct runtime_stack *s = w->s;
    struct control_frame f;
    struct {
        uintptr_t stack, size;
    } e;
    uintptr_t at, flags;
    if (!ruby_load(w->by_kernel, ec, &e, sizeof e) || !ruby_load(w->by_kernel, ec + ruby.layout.frame, &at, sizeof at))
        return false;
    if (!ruby_is_address(e.stack) || e.size > 1u << 28 || at < e.stack || at > e.stack + e.size * 8)
        return false;
    uintptr_t end = e.stack + e.size * 8;
    /* the outermost is none of the program's, and Ruby does not show it either */
    for (unsigned i = 0; end - at > ruby.layout.frame_size; i++, at += ruby.layout.frame_size) {
        if (i == MAX_FRAMES || !ruby_load(w->by_kernel, at, &f, sizeof f))
            return false;
        if (!f.pc || !f.code)
            continue;
        if (s->n == s->max) {
            s->cut = true;
            add_mark(s);
            return true;
        }
        if (!ruby_load(w->by_kernel, f.environment, &flags, sizeof flags))
            return false;
        w->code[s->n] = f.code;
        w->at[s->n++] = f.pc;
        if (flags & ruby.layout.finish)
            add_mark(s);
    }
    return end - at <= ruby.layout.frame_size;
}

/* ---- what identifies them -------------------------------------------------------------------- */

/* Of the text of the string S at A. What is in the object itself was copied with it. */
static bool hash_text(const struct walk *w, const struct ruby_object *s, uintptr_t a, uint64_t *h)
{
    uintptr_t bytes;
    size_t n;
    if (!ruby_string(s, a, &bytes, &n) || n > MAX_TEXT)
        return false;
    *h = hash_mix(*h, n);
    bool inside = bytes - a < sizeof *s && n <= sizeof *s - (bytes - a), asks = w->by_kernel || (w->may_move && bytes - a < MAX_TEXT);
    const char *text = inside ? (const char *)s + (bytes - a) : (const char *)bytes;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = 0;
        size_t part = n - i < 8 ? n - i : 8;
        if (!inside && asks) {
            if (!peek((uintptr_t)text + i, &word, part))
                return false;
        } else if (!inside && (bytes < 4096 || bytes >> 47)) {
            return false;
        } else {
            memcpy(&word, text + i, part);
        }
        *h = hash_mix(*h, word);
    }
    return true;
}

/* The body of each compiled method; what leads to its label and its path. */
static bool take_bodies(struct walk *w)
{
    struct runtime_stack *s = w->s;
    struct ruby_object head[RUNTIME_MAX_FRAMES];
    struct ruby_body body;
    uint32_t first;
    if (!load_objects(w, w->code, head, s->n))
        return false;
    for (unsigned i = 0; i < s->n; i++) {
        uintptr_t b = head[i].word[0];
        if ((head[i].flags & RUBY_TYPE) != RUBY_IMEMO || RUBY_IMEMO_KIND(head[i].flags) != RUBY_ISEQ)
            return false;
        if (!ruby_load(w->by_kernel, b, &body, sizeof body) || !ruby_load(w->by_kernel, b + ruby.layout.first_line, &first, sizeof first) ||
            !ruby_load(w->by_kernel, b + ruby.layout.label, &w->label_at[i], sizeof *w->label_at) ||
            !ruby_load(w->by_kernel, b + ruby.layout.path, &w->path_at[i], sizeof *w->path_at))
            return false;
        if (w->at[i] < body.code || w->at[i] - body.code > (uintptr_t)body.size * 8)
            return false;
        uint64_t h = hash_mix(hash_mix(b, w->at[i] - body.code), (uint64_t)first << 32 | body.size);
        s->frames[i] = (struct runtime_frame){.hash = h, .word = {b, w->at[i]}};
    }
    return true;
}

/* A path is a string, or a list of it and of the real path. */
static bool take_strings(struct walk *w)
{
    uintptr_t lists_at[RUNTIME_MAX_FRAMES];
    struct ruby_object strings[RUNTIME_MAX_FRAMES];
    unsigned list_of[RUNTIME_MAX_FRAMES], n = 0;
    if (!load_objects(w, w->label_at, w->label, w->s->n) || !load_objects(w, w->path_at, w->path, w->s->n))
        return false;
    for (unsigned i = 0; i < w->s->n; i++) {
        const struct ruby_object *p = &w->path[i];
        if ((p->flags & RUBY_TYPE) != RUBY_ARRAY)
            continue;
        lists_at[n] = p->word[0];
        if (!(p->flags & RUBY_EMBEDDED) && !ruby_load(w->by_kernel, p->word[2], &lists_at[n], sizeof *lists_at))
            return false;
        list_of[n++] = i;
    }
    if (n && !load_objects(w, lists_at, strings, n))
        return false;
    for (unsigned k = 0; k < n; k++) {
        w->path[list_of[k]] = strings[k];
        w->path_at[list_of[k]] = lists_at[k];
    }
    return true;
}

/* The hash of one string after the other; most frames have their caller's path. */
struct text_hash {
    uintptr_t at; /* 0: none yet */
    uint64_t hash;
};

static bool mix_string(const struct walk *w, const struct ruby_object *s, uintptr_t at, struct text_hash *last, uint64_t *h)
{
    if (at != last->at) {
        last->at = at;
        last->hash = 0;
        if (!hash_text(w, s, at, &last->hash))
            return false;
    }
    *h = hash_mix(*h, last->hash);
    return true;
}

static bool hash_strings(struct walk *w)
{
    struct text_hash label = {0}, path = {0};
    for (unsigned i = 0; i < w->s->n; i++) {
        uint64_t *h = &w->s->frames[i].hash;
        if (!mix_string(w, &w->label[i], w->label_at[i], &label, h) || !mix_string(w, &w->path[i], w->path_at[i], &path, h))
            return false;
    }
    return true;
}

/*
 * All of it each time: while a collection marks in steps and sweeps in steps, code that was met
 * after its begin is freed before the next one, and other code takes its place.
 */
static bool identify(struct walk *w) { return take_bodies(w) && take_strings(w) && hash_strings(w); }

/* ---- the thread ------------------------------------------------------------------------------ */

#define MAX_KEYS 128u

uintptr_t ruby_machine(void) { return ruby.vm ? *ruby.vm : atomic_load_explicit(&machine, memory_order_relaxed); }

/* This thread's structure by the key that Ruby has for them. */
static uintptr_t thread_by_key(void)
{
    unsigned k = atomic_load_explicit(&threads_key, memory_order_relaxed);
    specific_function *get = atomic_load_explicit(&specific, memory_order_relaxed);
    return k && get ? (uintptr_t)get((pthread_key_t)k - 1) : 0;
}

static void learn_key(uintptr_t thread)
{
    specific_function *get = atomic_load_explicit(&specific, memory_order_relaxed);
    for (unsigned k = 0; get && k < MAX_KEYS; k++)
        if ((uintptr_t)get((pthread_key_t)k) == thread)
            atomic_store_explicit(&threads_key, k + 1, memory_order_relaxed);
}

/* This thread's structure (rb_thread_t), checked; 0: Ruby does not know the thread. */
static uintptr_t current_thread(const struct walk *w)
{
    const struct ruby_layout *l = &ruby.layout;
    uintptr_t self, thread, vm;
    if (!ruby.is_ruby_thread())
        return 0;
    if (l->has_key && !ruby.has_lock()) {
        thread = thread_by_key();
        if (!ruby_load(w->by_kernel, thread + l->self, &self, sizeof self))
            return 0;
    } else {
        self = ruby.thread();
    }
    /* a thread's object is never moved */
    if (!ruby_load(w->by_kernel, self + 32, &thread, sizeof thread))
        return 0;
    uintptr_t back = 0;
    if (!ruby_load(w->by_kernel, thread + l->self, &back, sizeof back) || back != self ||
        !ruby_load(w->by_kernel, thread + l->vm, &vm, sizeof vm) || !vm || (ruby.vm && vm != *ruby.vm))
        return 0;
    if (!ruby.vm)
        atomic_store_explicit(&machine, vm, memory_order_relaxed);
    if (l->has_key && !atomic_load_explicit(&threads_key, memory_order_relaxed))
        learn_key(thread);
    return thread;
}

/* Its execution context, with its fiber's stack. */
static uintptr_t execution_context(struct walk *w)
{
    const struct ruby_layout *l = &ruby.layout;
    uintptr_t thread = current_thread(w), ec, back, blocking;
    if (!thread || !ruby_load(w->by_kernel, thread + l->execution, &ec, sizeof ec) ||
        !ruby_load(w->by_kernel, ec + l->thread, &back, sizeof back) || back != thread ||
        !ruby_load(w->by_kernel, thread + l->blocking, &blocking, sizeof blocking))
        return 0;
    w->may_move = w->by_kernel || blocking;
    return ec;
}

enum runtime_answer ruby_walk(struct runtime_stack *s)
{
    struct walk w;
    w.s = s;
    w.by_kernel = !atomic_load_explicit(&is_verified, memory_order_relaxed);
    s->n = s->n_marks = 0;
    s->cut = false;
    /* Ruby knows the thread; what YJIT has made runs frames too */
    s->is_of_thread = s->hides_generated = true;
    s->evaluator = ruby.evaluator;
    s->evaluator_end = ruby.evaluator_end;
    uintptr_t ec = execution_context(&w);
    if (!ec || !take_frames(&w, ec) || !s->n || !identify(&w))
        return RUNTIME_NO_FRAMES;
    if (w.by_kernel)
        atomic_store_explicit(&is_verified, true, memory_order_relaxed);
    return RUNTIME_FRAMES;
}
