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
 * Once a runtime was found the note of a stack is a hash of its native frames, which no table's
 * generation can be taken for.
 */
#define NOTE_OF_NATIVE (1ull << 63)
#define NOTE_HAS_INTERPRETER (1ull << 62)

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

static uint64_t note_of(const struct captured *c)
{
    uint64_t note = sites_hash(c->pcs, c->n) >> 2 | NOTE_OF_NATIVE;
    for (unsigned i = 0; i < c->n; i++)
        if (runtimes_hold(c->pcs[i] - 1))
            return note | NOTE_HAS_INTERPRETER;
    return note;
}

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

static state_ref intern_merged(const struct runtime *runtime, const struct runtime_stack *s, const struct mixed_native *native,
                               unsigned call)
{
    uint64_t pcs[STATE_MAX_FRAMES];
    unsigned max = agent_options.max_frames;
    bool many = sites_are_many();
    unsigned n = mixed_merge(runtime, s, native, many && max > SITES_FEW_FRAMES ? SITES_FEW_FRAMES : max, !many, pcs);
    return n ? sites_intern_call(pcs, n, call) : 0;
}

static __attribute__((noinline)) state_ref mixed_anew(const struct runtime *runtime, const struct runtime_stack *s, unsigned call)
{
    struct mixed_native native;
    unsigned flags;
    native.n = capture_places(native.pcs, native.sps, NATIVE_FRAMES_MAX, &flags, NULL);
    native.complete = !(flags & (CAPTURE_CUT | CAPTURE_BROKEN | CAPTURE_GENERATED));
    return intern_merged(runtime, s, &native, call);
}

/* The site of KEY, if it is still known and valid. */
static state_ref recall_site(uint64_t key)
{
    state_ref ref = mixed_recall(key);
    return ref && !atomic_load_explicit(&sites_at(ref)->stale, memory_order_relaxed) ? ref : 0;
}

/*
 * The stack goes through code that RUNTIME has generated. Nothing of it is remembered by the
 * addresses there, as other code may take their place: it is walked each time, by the native walk,
 * which has the runtime's frames collected on its way. A new stack is walked once more, for the
 * places of its native frames.
 */
static __attribute__((noinline)) state_ref generated_here(struct captured *c, const struct runtime *runtime)
{
    struct mixed_native native;
    struct runtime_stack s;
    runtime_stack_begin(&s, agent_options.max_frames);
    unsigned flags, limit = atomic_load_explicit(&native_limit, memory_order_relaxed);
    native.n = capture_collect(native.pcs, NATIVE_FRAMES_MAX, &flags, &s);
    bool mixed = runtime->walk(&s) == RUNTIME_FRAMES;
    uint64_t key = mixed_key(sites_hash(native.pcs, native.n), mixed ? &s : NULL, c->call,
                             atomic_load_explicit(&sites_generation, memory_order_relaxed));
    state_ref ref = recall_site(key);
    if (ref)
        return ref;
    if (mixed) {
        runtime_stack_begin(&s, agent_options.max_frames);
        native.n = capture_places(native.pcs, native.sps, NATIVE_FRAMES_MAX, &flags, &s);
        native.complete = !(flags & (CAPTURE_CUT | CAPTURE_BROKEN | CAPTURE_GENERATED));
        ref = runtime->walk(&s) == RUNTIME_FRAMES ? intern_merged(runtime, &s, &native, c->call) : 0;
    }
    if (!ref)
        ref = sites_intern_call(native.pcs, native.n < limit ? native.n : limit, c->call);
    if (ref)
        mixed_remember(key, ref);
    return ref;
}

/*
 * The native stack comes first: its memo never holds one with a signal frame, and it says whether
 * the interpreter is on it, between two of its own calls. In a signal handler it may have been
 * interrupted anywhere.
 */
static __attribute__((noinline)) state_ref mixed_here(struct captured *c, const struct runtime *runtime, bool *in_signal)
{
    struct runtime_stack s;
    if (agent_options.native_frames != NATIVE_FRAMES_MAX) {
        atomic_store(&native_limit, agent_options.native_frames);
        agent_options.native_frames = NATIVE_FRAMES_MAX;
        c->n = capture_stack_noted(&c->from, c->call, c->pcs, NATIVE_FRAMES_MAX, &c->flags, &c->ticket);
    }
    uint64_t note = c->ticket.note, generation = atomic_load_explicit(&sites_generation, memory_order_relaxed);
    if (c->flags & (CAPTURE_IN_SIGNAL | CAPTURE_NESTED))
        return native_anew(c, true, in_signal);
    if (c->flags & CAPTURE_GENERATED)
        return generated_here(c, runtime);
    bool filled = !note;
    if (!(note & NOTE_OF_NATIVE)) {
        if (note) /* of another table, or of the time before the runtime was found */
            c->n = capture_again(&c->from, c->call, c->pcs, NATIVE_FRAMES_MAX, &c->flags);
        filled = true;
        note = note_of(c);
        capture_note(&c->ticket, note);
    }
    runtime_stack_begin(&s, agent_options.max_frames);
    bool mixed = note & NOTE_HAS_INTERPRETER && runtime->walk(&s) == RUNTIME_FRAMES;
    uint64_t key = mixed_key(note, mixed ? &s : NULL, c->call, generation);
    state_ref ref = recall_site(key);
    if (ref)
        return ref;
    ref = mixed ? mixed_anew(runtime, &s, c->call) : 0;
    if (!ref)
        ref = native_anew(c, filled, in_signal);
    if (ref)
        mixed_remember(key, ref);
    return ref;
}

static __attribute__((noinline)) state_ref capture_here(const struct arch_frame *from, unsigned call, bool *in_signal)
{
    struct captured c;
    c.from = *from;
    c.call = call;
    c.flags = 0;
    c.n = capture_stack_noted(from, call, c.pcs, agent_options.native_frames, &c.flags, &c.ticket);
    const struct runtime *runtime = runtimes_active();
    if (runtime)
        return mixed_here(&c, runtime, in_signal);
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
    if ((runtime = runtimes_active()) != NULL) /* it was met in this very stack */
        return mixed_here(&c, runtime, in_signal);
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
