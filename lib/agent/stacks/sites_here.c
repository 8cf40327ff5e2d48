/* SPDX-License-Identifier: MIT */
/*
 * sites_here.c: the site of the stack that this thread has now.
 *
 * Called by the program's threads for every socket that is opened or has an event recorded with its
 * stack, in signal handlers too. A stack that is remembered costs its walk and a comparison: in a
 * program without a runtime its site is noted in the walk's memo; with one, the native frames'
 * hash is, and the site is found by a key of that and the runtime's frames.
 */
#include "../base/options.h"
#include "../base/thread.h"
#include "../runtimes/runtimes.h"
#include "../table/header.h"
#include "capture.h"
#include "mixed.h"
#include "sites.h"

/*
 * A stack's note holds its site's ref and the table's generation. Returns the ref; 0: of another
 * table, or stale.
 */
static inline __attribute__((always_inline)) state_ref site_of_note(uint64_t note)
{
    state_ref ref = (state_ref)note;
    if (!ref || note >> 32 != atomic_load_explicit(&sites_generation, memory_order_relaxed))
        return 0;
    return atomic_load_explicit(&sites_at(ref)->stale, memory_order_relaxed) ? 0 : ref;
}

/* ---- with frames of a runtime ---- */

/*
 * Once a runtime was found the note of a stack is a hash of its native frames, with a bit for each
 * runtime whose interpreter has some of them; no table's generation can be taken for it. Three bits
 * say which runtimes were known by then.
 */
#define NOTE_OF_NATIVE (1ull << 63)
#define NOTE_CHANGES_SHIFT 60
#define NOTE_RUNTIMES_SHIFT (NOTE_CHANGES_SHIFT - RUNTIMES_MAX)

/*
 * How many frames a stack without frames of the runtime keeps. Native frames are captured in full
 * then: the runtime's stand where the interpreter's do.
 */
static _Atomic uint32_t native_limit = NATIVE_FRAMES_MAX;

struct captured {
    struct arch_frame from; /* where the walk begins */
    unsigned n, flags, call;
    struct capture_ticket ticket;
    uint64_t pcs[NATIVE_FRAMES_MAX];
};

static uint64_t head_of_notes(uint32_t changes) { return NOTE_OF_NATIVE >> NOTE_CHANGES_SHIFT | (changes & 7); }

static uint32_t interpreters_of(const uint64_t *pcs, unsigned n)
{
    uint32_t which = 0;
    for (unsigned i = 0; i < n; i++)
        which |= runtimes_holding(pcs[i] - 1);
    return which;
}

static uint64_t note_of(const struct captured *c, uint32_t changes)
{
    uint64_t which = interpreters_of(c->pcs, c->n), hash = sites_hash(c->pcs, c->n);
    return head_of_notes(changes) << NOTE_CHANGES_SHIFT | which << NOTE_RUNTIMES_SHIFT | hash >> (64 - NOTE_RUNTIMES_SHIFT);
}

static uint32_t runtimes_of(uint64_t note) { return (uint32_t)(note >> NOTE_RUNTIMES_SHIFT) & ((1u << RUNTIMES_MAX) - 1); }

static __attribute__((noinline)) state_ref native_anew(struct captured *c, bool filled, bool *in_signal)
{
    unsigned limit = atomic_load_explicit(&native_limit, memory_order_relaxed);
    if (!filled)
        c->n = capture_again(&c->from, c->call, c->pcs, NATIVE_FRAMES_MAX, &c->flags);
    if (in_signal)
        *in_signal = c->flags & CAPTURE_IN_SIGNAL;
    if (!c->n)
        table_drop(c->flags & CAPTURE_NESTED ? DROP_NESTED : DROP_NO_STACK);
    return sites_intern_call(c->pcs, c->n < limit ? c->n : limit, c->call);
}

/* The runtimes that have frames in a stack, a bit for each; and the last one that was asked, whose walk is in S. */
struct present {
    struct runtime_stack *s;
    uint32_t which;
    unsigned last;
};

static inline bool walk_again(struct runtime_stack *s, unsigned i)
{
    runtime_stack_begin(s, agent_options.max_frames);
    return runtimes_readers[i]->walk(s) == RUNTIME_FRAMES;
}

/* Asks those of WHICH, and adds their frames to KEY; *LAST is the one that was asked last. Returns those that have some. */
static inline __attribute__((always_inline)) uint32_t walk_each(struct runtime_stack *s, uint32_t which, unsigned *last, uint64_t *key)
{
    uint32_t there = 0;
    for (; which; which &= which - 1) {
        *last = (unsigned)__builtin_ctz(which);
        if (!walk_again(s, *last))
            continue;
        there |= which & -which;
        *key = mixed_key_with(*key, s);
    }
    return there;
}

/* One structure holds a walk: with several runtimes each but the last one is walked once more. */
static state_ref intern_merged(struct present *p, const struct mixed_native *native, unsigned call)
{
    struct mixed x;
    uint64_t pcs[STATE_MAX_FRAMES];
    unsigned max = agent_options.max_frames;
    bool many = sites_are_many(), any = false;
    mixed_begin(&x, native, many && max > SITES_FEW_FRAMES ? SITES_FEW_FRAMES : max, p->which & (p->which - 1));
    if (p->which & 1u << p->last)
        any = mixed_place(&x, runtimes_readers[p->last], p->s);
    for (uint32_t left = p->which & ~(1u << p->last); left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        any |= walk_again(p->s, i) && mixed_place(&x, runtimes_readers[i], p->s);
    }
    unsigned n = any ? mixed_merge(&x, !many, pcs) : 0;
    return n ? sites_intern_call(pcs, n, call) : 0;
}

static __attribute__((noinline)) state_ref mixed_anew(struct present *p, unsigned call)
{
    struct mixed_native native;
    unsigned flags;
    native.n = capture_places(native.pcs, native.sps, NATIVE_FRAMES_MAX, &flags, NULL);
    native.complete = !(flags & (CAPTURE_CUT | CAPTURE_BROKEN | CAPTURE_GENERATED));
    return intern_merged(p, &native, call);
}

/* The site of KEY, if it is still known and valid. */
static state_ref recall_site(uint64_t key)
{
    state_ref ref = mixed_recall(key);
    return ref && !atomic_load_explicit(&sites_at(ref)->stale, memory_order_relaxed) ? ref : 0;
}

/*
 * The stack goes through code that runtime OWN has generated. Nothing of it is remembered by the
 * addresses there, as other code may take their place: it is walked each time, by the native walk,
 * which has the runtime's frames collected on its way. A new stack is walked once more, for the
 * places of its native frames.
 */
static __attribute__((noinline)) state_ref generated_here(struct captured *c, unsigned own)
{
    struct mixed_native native;
    struct runtime_stack s;
    struct present p = {.s = &s, .last = own};
    runtime_stack_begin(&s, agent_options.max_frames);
    unsigned flags, limit = atomic_load_explicit(&native_limit, memory_order_relaxed);
    native.n = capture_collect(native.pcs, NATIVE_FRAMES_MAX, &flags, &s);
    uint64_t key = mixed_key(sites_hash(native.pcs, native.n), c->call, atomic_load_explicit(&sites_generation, memory_order_relaxed));
    if (runtimes_readers[own]->walk(&s) == RUNTIME_FRAMES) {
        p.which = 1u << own;
        key = mixed_key_with(key, &s);
    }
    uint32_t others = atomic_load_explicit(&runtimes_found, memory_order_relaxed) & ~(1u << own);
    if (others)
        p.which |= walk_each(&s, interpreters_of(native.pcs, native.n) & others, &p.last, &key);
    state_ref ref = recall_site(key);
    if (ref)
        return ref;
    if (p.which) {
        runtime_stack_begin(&s, agent_options.max_frames);
        native.n = capture_places(native.pcs, native.sps, NATIVE_FRAMES_MAX, &flags, &s);
        native.complete = !(flags & (CAPTURE_CUT | CAPTURE_BROKEN | CAPTURE_GENERATED));
        p.last = own;
        if (runtimes_readers[own]->walk(&s) != RUNTIME_FRAMES)
            p.which &= ~(1u << own);
        ref = intern_merged(&p, &native, c->call);
    }
    if (!ref)
        ref = sites_intern_call(native.pcs, native.n < limit ? native.n : limit, c->call);
    if (ref)
        mixed_remember(key, ref);
    return ref;
}

/* Of the stack as it was captured, with the runtimes that are known by now. */
static inline __attribute__((always_inline)) state_ref mixed_known(struct captured *c, uint32_t changes, bool *in_signal)
{
    struct runtime_stack s;
    unsigned last = 0;
    uint64_t note = c->ticket.note, generation = atomic_load_explicit(&sites_generation, memory_order_relaxed);
    if (c->flags & (CAPTURE_IN_SIGNAL | CAPTURE_NESTED))
        return native_anew(c, true, in_signal);
    uint32_t generating = c->flags & CAPTURE_GENERATED ? runtimes_generating() : 0;
    if (generating)
        return generated_here(c, (unsigned)__builtin_ctz(generating));
    bool filled = !note;
    if (note >> NOTE_CHANGES_SHIFT != head_of_notes(changes)) {
        if (note) /* of another table, or of the time before a runtime was found */
            c->n = capture_again(&c->from, c->call, c->pcs, NATIVE_FRAMES_MAX, &c->flags);
        filled = true;
        note = note_of(c, changes);
        capture_note(&c->ticket, note);
    }
    uint64_t key = mixed_key(note, c->call, generation);
    uint32_t there = walk_each(&s, runtimes_of(note), &last, &key);
    state_ref ref = recall_site(key);
    if (ref)
        return ref;
    ref = there ? mixed_anew(&(struct present){.s = &s, .which = there, .last = last}, c->call) : 0;
    if (!ref)
        ref = native_anew(c, filled, in_signal);
    if (ref)
        mixed_remember(key, ref);
    return ref;
}

/*
 * The native stack comes first: its memo never holds one with a signal frame, and it says whether
 * an interpreter is on it, between two of its own calls. In a signal handler it may have been
 * interrupted anywhere. ANEW: a runtime was met in this very stack, which may go through code that this
 * one has generated.
 */
static __attribute__((noinline)) state_ref mixed_here(struct captured *c, bool anew, bool *in_signal)
{
    if (agent_options.native_frames != NATIVE_FRAMES_MAX) {
        atomic_store(&native_limit, agent_options.native_frames);
        agent_options.native_frames = NATIVE_FRAMES_MAX;
        anew = true;
    }
    for (unsigned tries = 1;; tries++, anew = true) {
        uint32_t changes = runtimes_changes();
        if (anew)
            c->n = capture_stack_noted(&c->from, c->call, c->pcs, NATIVE_FRAMES_MAX, &c->flags, &c->ticket);
        state_ref ref = mixed_known(c, changes, in_signal);
        if (tries == RUNTIMES_MAX || runtimes_changes() == changes)
            return ref;
    }
}

static __attribute__((noinline)) state_ref capture_here(const struct arch_frame *from, unsigned call, bool *in_signal)
{
    struct captured c;
    c.from = *from;
    c.call = call;
    c.flags = 0;
    c.n = capture_stack_noted(from, call, c.pcs, agent_options.native_frames, &c.flags, &c.ticket);
    if (atomic_load_explicit(&runtimes_found, memory_order_acquire))
        return mixed_here(&c, false, in_signal);
    state_ref ref = site_of_note(c.ticket.note);
    if (ref)
        return ref;
    /* of another table, or its code was unloaded: get the addresses themselves */
    if (c.ticket.note)
        c.n = capture_again(from, call, c.pcs, agent_options.native_frames, &c.flags);
    if (in_signal)
        *in_signal = c.flags & CAPTURE_IN_SIGNAL;
    if (!c.n)
        table_drop(c.flags & CAPTURE_NESTED ? DROP_NESTED : DROP_NO_STACK);
    ref = sites_intern_call(c.pcs, c.n, call);
    if (atomic_load_explicit(&runtimes_found, memory_order_acquire))
        return mixed_here(&c, true, in_signal);
    if (ref)
        capture_note(&c.ticket, (uint64_t)atomic_load_explicit(&sites_generation, memory_order_relaxed) << 32 | ref);
    return ref;
}

/*
 * Most are noted, by the call too: the stack that begins at this function's caller is compared, and
 * nothing else is done.
 */
__attribute__((noinline)) state_ref sites_here_of(unsigned call, bool *in_signal)
{
    struct arch_frame from;
    if (in_signal)
        *in_signal = false;
    if (!agent_options.native_frames)
        return 0;
    arch_caller(&from);
    bool native = !atomic_load_explicit(&runtimes_found, memory_order_relaxed);
    state_ref ref = native ? site_of_note(capture_note_of(&from, call, agent_options.native_frames)) : 0;
    return ref ? ref : capture_here(&from, call, in_signal);
}

state_ref sites_here(bool *in_signal) { return sites_here_of(this_thread.call, in_signal); }
