/* SPDX-License-Identifier: MIT */
/*
 * capture.c: captures the calling thread's stack: by the walk first, and by libunwind where the
 * walk gets lost.
 *
 * Called by sites.c in the program's threads, also in signal handlers, for each socket that is
 * opened and each event that is recorded with its stack. Must not allocate, lock or make system
 * calls while the walk is on its way.
 */
#include "capture.h"

#include <stdatomic.h>
#include <sys/auxv.h>

#include "../base/auxv.h"
#include "../base/readable.h"
#include "../base/sys.h"
#include "../elf/object.h"
#include "../elf/object_list.h"
#include "../unwind/libunwind_walk.h"
#include "../unwind/stack_cache.h"
#include "../unwind/walk.h"

#define HOPELESS_SLOTS 256u
#define MAX_FRUITLESS 64u /* fruitless calls of libunwind at one address; after these no more */
#define COUNTERS 64u

struct counters {
    _Atomic uint64_t captures, fallbacks, broken;
} __attribute__((aligned(64)));

static struct counters counters[COUNTERS];
static struct span own_text;
static _Atomic bool initialized;

/* Code addresses at which the second tier found nothing more. */
static struct {
    _Atomic uint64_t pc;
    _Atomic uint32_t fruitless;
} hopeless[HOPELESS_SLOTS] LARGE_TABLE;

/*
 * This thread's capture under way. A signal handler that leaves by longjmp never ends its capture,
 * so the mark is trusted only after a check of the stack.
 */
struct mark {
    uintptr_t self, caller;
};
static __thread struct mark *current_mark;

/*
 * Threads count on cache lines of their own and without locked instructions: a lost count does not
 * matter.
 */
static inline void count_one(_Atomic uint64_t *c)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}
static inline struct counters *my_counters(void) { return &counters[arch_thread_pointer() >> 12 & (COUNTERS - 1)]; }

void capture_init(void)
{
    struct object own;
    uintptr_t program = auxv_get(AT_PHDR);

    if (atomic_load(&initialized))
        return;
    walk_init();
    /*
     * In a build with libunwind alone the first capture needs it. While one thread loads it, the
     * others would get no stacks; so load it now.
     */
    if (!walk_available())
        unwind_load((uintptr_t)__builtin_frame_address(0));
    /* When we are linked into the program itself, our code has no range of its own to hide. */
    if (object_at((uintptr_t)capture_init, &own) && program - own.start >= own.end - own.start)
        own_text = (struct span){.lo = own.start, .len = own.end - own.start};
    atomic_store(&initialized, true);
}

static unsigned hopeless_slot(uint64_t pc) { return (unsigned)(pc ^ pc >> 8) % HOPELESS_SLOTS; }

static bool worth_trying(uint64_t pc)
{
    unsigned i = hopeless_slot(pc);

    if (atomic_load_explicit(&hopeless[i].pc, memory_order_relaxed) != pc) {
        atomic_store_explicit(&hopeless[i].pc, pc, memory_order_relaxed);
        atomic_store_explicit(&hopeless[i].fruitless, 0, memory_order_relaxed);
    }
    return atomic_fetch_add_explicit(&hopeless[i].fruitless, 1, memory_order_relaxed) < MAX_FRUITLESS;
}

/*
 * Libunwind is not loaded where a handler may be running, and what looks like one may be an old
 * address on this thread's stack: another thread can load it all the same. So this is no fruitless
 * call, but each takes a search of the stack: a thread tries it at its 2^k-th capture.
 */
static __thread unsigned loads_tried;
static bool tried_lately(void)
{
    unsigned n = loads_tried++;
    return n & (n - 1);
}

/*
 * The walk W got lost. Uses libunwind's stack instead if it goes further and does not contradict
 * the frames that the walk is sure of.
 */
static enum walk_end second_tier(struct walk *w, const struct arch_frame *from, struct counters *c)
{
    uint64_t lost_at = w->at.pc, pcs[64];
    struct walk again = {.at = *from, .max = w->max, .pcs = pcs, .hidden = w->hidden};

    bool pending = unwind_is_pending();
    if (w->in_signal || (walk_available() && ((pending && tried_lately()) || !worth_trying(lost_at))))
        return WALK_LOST;
    count_one(&c->fallbacks);
    enum walk_end end = unwind_run(&again);
    if (pending && unwind_is_pending()) {
        atomic_fetch_sub_explicit(&hopeless[hopeless_slot(lost_at)].fruitless, 1, memory_order_relaxed);
        return WALK_LOST;
    }
    if (again.n < w->n || (again.n == w->n && end != WALK_FULL) || memcmp(pcs, w->pcs, w->n * sizeof *pcs) != 0)
        return WALK_LOST;
    atomic_store_explicit(&hopeless[hopeless_slot(lost_at)].fruitless, 0, memory_order_relaxed);
    memcpy(w->pcs, pcs, again.n * sizeof *pcs);
    w->n = again.n;
    w->in_signal = again.in_signal;
    return end;
}

/*
 * True when a capture of this thread is under way: its caller's return address is on the stack,
 * above our own call's. The walk can be interrupted anywhere and begun again.
 */
static __attribute__((noinline)) bool is_nested(const struct arch_frame *from)
{
    uint64_t pcs[64];
    struct walk w = {.at = *from, .max = 64, .pcs = pcs};
    const volatile struct mark *mark = current_mark;

    if (!readable((uintptr_t)mark) || mark->self != (uintptr_t)mark)
        return false;
    /* read before the walk: what is left of an old mark may lie where the walk writes */
    uintptr_t caller = mark->caller;
    enum walk_end end = walk_available() ? walk_run(&w) : WALK_LOST;
    for (unsigned i = 1; i < w.n; i++)
        if (pcs[i] == caller)
            return true;
    return end == WALK_LOST || end == WALK_GENERATED;
}

static unsigned flags_of(enum walk_end end, bool in_signal)
{
    return (in_signal ? CAPTURE_IN_SIGNAL : 0) | (end == WALK_FULL ? CAPTURE_CUT : 0) | (end == WALK_LOST ? CAPTURE_BROKEN : 0) |
           (end == WALK_GENERATED ? CAPTURE_GENERATED : 0);
}

/* Walks from FROM, and stores the result in the stack cache for the next time. */
static enum walk_end walk_anew(struct walk *w, const struct arch_frame *from, unsigned kind, struct stack_cache_found *r)
{
    unsigned epoch, now;
    struct stack_memo *memo = walk_may_recall(&epoch) ? stack_cache_begin(from, w->max | kind, epoch) : NULL;
    w->memo = memo;
    enum walk_end end = walk_run(w);
    if (memo)
        stack_cache_end(memo, w, end, w->memo && end != WALK_LOST && walk_may_recall(&now) && now == epoch, r);
    return end;
}

static __attribute__((noinline)) unsigned capture_anew(uint64_t *pcs, unsigned max, const struct arch_frame *from, unsigned kind,
                                                       unsigned *flags, struct stack_cache_found *r)
{
    struct walk w = {.at = *from, .max = max, .pcs = pcs, .hidden = own_text};
    struct counters *c = my_counters();
    volatile struct mark mark = {(uintptr_t)&mark, from->pc};

    current_mark = (struct mark *)&mark;
    atomic_signal_fence(memory_order_seq_cst);
    enum walk_end end = walk_available() ? walk_anew(&w, from, kind, r) : WALK_LOST;
    if (__builtin_expect(end == WALK_LOST, 0)) {
        end = second_tier(&w, from, c);
        if (end == WALK_LOST)
            count_one(&c->broken);
    }
    atomic_signal_fence(memory_order_seq_cst);
    current_mark = NULL;
    mark.self = 0;
    *flags = flags_of(end, w.in_signal);
    return w.n;
}

static unsigned capture_from(const struct arch_frame *from, unsigned kind, uint64_t *pcs, unsigned max, unsigned *flags, bool always,
                             struct stack_cache_found *r)
{
    unsigned epoch;

    r->memo = NULL;
    r->note = 0;
    max = max < 64 ? max : 64;
    if (__builtin_expect(current_mark != NULL, 0) && is_nested(from)) {
        *flags = CAPTURE_NESTED;
        return 0;
    }
    if (__builtin_expect(!atomic_load_explicit(&initialized, memory_order_acquire), 0))
        capture_init();
    count_one(&my_counters()->captures);
    if (walk_may_recall(&epoch) && stack_cache_recall(from, max | kind, epoch, always, pcs, r)) {
        *flags = flags_of(r->end, false);
        return r->n;
    }
    return capture_anew(pcs, max, from, kind, flags, r);
}

/* The stack begins at its caller. */
__attribute__((noinline)) unsigned capture_stack(uint64_t *pcs, unsigned max, unsigned *flags)
{
    struct stack_cache_found r;
    struct arch_frame from;
    unsigned ignored;
    arch_caller(&from);
    return capture_from(&from, 0, pcs, max, flags ? flags : &ignored, true, &r);
}

uint64_t capture_note_of(const struct arch_frame *from, unsigned kind, unsigned max)
{
    unsigned epoch;
    if (__builtin_expect(current_mark != NULL, 0) || !walk_may_recall(&epoch))
        return 0;
    uint64_t note = stack_cache_note_of(from, max | kind << STACK_CACHE_KIND, epoch);
    if (note)
        count_one(&my_counters()->captures);
    return note;
}

unsigned capture_again(const struct arch_frame *from, unsigned kind, uint64_t *pcs, unsigned max, unsigned *flags)
{
    struct stack_cache_found r;
    return capture_from(from, kind << STACK_CACHE_KIND, pcs, max, flags, true, &r);
}

unsigned capture_stack_noted(const struct arch_frame *from, unsigned kind, uint64_t *pcs, unsigned max, unsigned *flags,
                             struct capture_ticket *t)
{
    struct stack_cache_found r;
    unsigned n = capture_from(from, kind << STACK_CACHE_KIND, pcs, max, flags, false, &r);
    *t = (struct capture_ticket){.note = r.note, .place = r.memo, .seq = r.seq};
    return n;
}

void capture_note(const struct capture_ticket *t, uint64_t note)
{
    stack_cache_note(&(struct stack_cache_found){.memo = t->place, .seq = t->seq}, note);
}

__attribute__((noinline)) unsigned capture_collect(uint64_t *pcs, unsigned max, unsigned *flags, void *collect)
{
    struct arch_frame from;
    arch_caller(&from);
    struct walk w = {.at = from, .max = max, .pcs = pcs, .hidden = own_text, .collect = collect};
    *flags = flags_of(walk_available() ? walk_run(&w) : WALK_LOST, w.in_signal);
    return w.n;
}

/* Frame by frame: the walk says where it stands only when it has no more room. */
__attribute__((noinline)) unsigned capture_places(uint64_t *pcs, uint64_t *sps, unsigned max, unsigned *flags, void *collect)
{
    struct arch_frame from;
    arch_caller(&from);
    struct walk w = {.at = from, .pcs = pcs, .hidden = own_text, .collect = collect};
    enum walk_end end = walk_available() ? walk_run(&w) : WALK_LOST;
    while (end == WALK_FULL && w.n < max) {
        sps[w.n] = w.at.sp;
        w.max = w.n + 1;
        end = walk_run(&w);
    }
    sps[w.n] = end == WALK_FULL || end == WALK_GENERATED ? w.at.sp : UINT64_MAX;
    *flags = flags_of(end, w.in_signal);
    return w.n;
}

bool capture_in_handler(void)
{
    uint64_t pcs[64];
    unsigned flags;

    capture_stack(pcs, 64, &flags);
    return flags & (CAPTURE_IN_SIGNAL | CAPTURE_NESTED);
}

void capture_dlclose_begin(void) { walk_dlclose_begin(); }
void capture_dlclose_end(void) { walk_dlclose_end(); }

void capture_fork_prepare(void) { unwind_fork_prepare(); }
void capture_fork_parent(void) { unwind_fork_done(false); }
void capture_fork_child(void)
{
    object_list_forked_child();
    unwind_fork_done(true);
}

void capture_get_stats(struct capture_stats *s)
{
    *s = (struct capture_stats){.rules_parsed = walk_rules_parsed()};
    for (unsigned i = 0; i < COUNTERS; i++) {
        s->captures += atomic_load_explicit(&counters[i].captures, memory_order_relaxed);
        s->fallbacks += atomic_load_explicit(&counters[i].fallbacks, memory_order_relaxed);
        s->broken += atomic_load_explicit(&counters[i].broken, memory_order_relaxed);
    }
}
