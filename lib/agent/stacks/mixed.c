/* SPDX-License-Identifier: MIT */
/*
 * mixed.c: stacks of native frames and frames of a runtime, as one.
 *
 * Called by sites_here.c in the program's threads. The key of a stack is looked up for every socket; two
 * stacks are merged only when their key is new.
 */
#include "mixed.h"

#include <string.h>

#include "../../core/own_frames.h"
#include "../../core/textstack.h"
#include "../base/sys.h"
#include "../runtimes/runtimes.h"
#include "frames.h"
#include "known.h"
#include "modules.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static struct known known[KNOWN_ENTRIES] LARGE_TABLE; /* stacks whose site is known by their key */

state_ref mixed_recall(uint64_t key)
{
    state_ref ref;
    return known_recall(known, key, &ref) ? ref : 0;
}

void mixed_remember(uint64_t key, state_ref ref) { known_remember(known, key, ref); }

/* ---- modules --------------------------------------------------------------------------------- */

static bool is_interpreter(uint64_t pc)
{
    const struct state_module *m = modules_at(modules_of(pc - 1));
    return m && m->interpreter;
}

/*
 * What lies beyond a frame of greenlet's own code is the stack of another greenlet, or of several,
 * one over the other.
 */
static bool begins_another_stack(uint64_t pc)
{
    const struct state_module *m = modules_at(modules_of(pc - 1));
    return m && strncmp(text_base_name(m->path), "_greenlet.", 10) == 0;
}

static bool is_in_no_object(uint64_t pc) { return modules_of(pc - 1) == STATE_NO_MODULE; }

/* ---- where the frames stand ------------------------------------------------------------------ */

/* The frames of one runtime. */
struct merge {
    const struct runtime *runtime;
    const struct runtime_stack *s;
    const struct mixed_native *native;
    bool several;
    unsigned n_native; /* of this stack */
    bool complete;
    bool at_once;   /* all of the runtime's frames stand at one place */
    unsigned place; /* where at the earliest: behind it the evaluator's frame, if that is known */
    unsigned next, mark;
};

static bool runs_frames(const struct merge *m, unsigned i)
{
    return m->native->pcs[i] - 1 - m->s->evaluator < m->s->evaluator_end - m->s->evaluator;
}

static bool has_mark(const struct merge *m, unsigned i, unsigned mark)
{
    uint64_t at = m->s->marks[mark].on_stack;
    return at >= m->native->sps[i] && at < m->native->sps[i + 1];
}

static bool is_generated(const struct merge *m, unsigned i) { return m->s->hides_generated && is_in_no_object(m->native->pcs[i]); }

/* Where all frames stand: at the innermost of what may run them. */
static bool is_place(const struct merge *m, unsigned i)
{
    return i >= m->place && (runs_frames(m, i) || is_generated(m, i) || !m->s->evaluator);
}

/* How many of the runtime's frames native frame I has reached with those inside of it. */
static unsigned reached_at(struct merge *m, unsigned i)
{
    unsigned until = m->next;
    if (!m->s->n_marks)
        return runs_frames(m, i) && until < m->s->n ? until + 1 : until;
    if (m->at_once)
        return is_place(m, i) ? m->s->n : until;
    if (!m->s->marks[0].on_stack)
        return runs_frames(m, i) && m->mark < m->s->n_marks ? m->s->marks[m->mark++].count : until;
    while (m->mark < m->s->n_marks && has_mark(m, i, m->mark))
        until = m->s->marks[m->mark++].count;
    return until;
}

/* How a stack ends: code of the interpreter, and of the C library that starts a program or a thread. */
static bool is_of_end(const struct merge *m, unsigned i)
{
    const struct state_module *module = modules_at(modules_of(m->native->pcs[i] - 1));
    bool interpreter = module && (m->several ? module->interpreter == m->runtime->number : module->interpreter);
    return is_generated(m, i) || interpreter || (module && own_frames_is_inner_object(module->path));
}

static bool is_of_runtime(const struct merge *m, unsigned i) { return runtimes_holds(m->runtime, m->native->pcs[i] - 1); }

/* The innermost frame of the interpreter behind all that is not its own; what another has called is not behind it. */
static unsigned place_in_interpreter(const struct merge *m)
{
    unsigned place = m->n_native;
    while (m->several && place && !is_of_runtime(m, place - 1))
        place--;
    while (place && is_of_end(m, place - 1))
        place--;
    while (place < m->n_native && !is_of_runtime(m, place))
        place++;
    return place;
}

/* As belong_together, for marks that have no addresses. */
static bool has_each_mark(struct merge *m)
{
    unsigned evaluators = 0, generated = 0;
    for (unsigned i = 0; i < m->n_native; i++) {
        evaluators += runs_frames(m, i);
        generated += is_generated(m, i);
    }
    m->at_once = generated || !m->s->evaluator || (evaluators > m->s->n_marks && !m->s->cut);
    m->place = m->s->evaluator ? 0 : place_in_interpreter(m);
    return m->s->is_of_thread || (evaluators && (evaluators >= m->s->n_marks || !m->complete));
}

/*
 * Whether the frames are those of this very stack: not so where another interpreter of the same
 * process runs, and the runtime names the frames of the first.
 */
static bool belong_together(struct merge *m)
{
    unsigned evaluators = 0;
    if (m->s->n_marks && !m->s->marks[0].on_stack)
        return has_each_mark(m);
    if (m->s->generated)
        return m->n_native < m->native->n || !m->complete;
    for (unsigned i = 0; i < m->n_native; i++) {
        if (m->s->n_marks && has_mark(m, i, 0))
            return true; /* none of the evaluator's frames is further in */
        evaluators += runs_frames(m, i);
        if (m->s->n_marks && evaluators)
            return false;
    }
    if (m->s->n_marks)
        return !m->complete;
    /* CPython up to 3.10 has frames that none runs: those that an exception is thrown through */
    return m->s->cut || evaluators <= m->s->n;
}

/* Puts what stands for each frame of S into its first word; 0: it is not shown. False: one has no name that can be read. */
static bool name_frames(const struct runtime *runtime, struct runtime_stack *s, unsigned max)
{
    for (unsigned i = 0, shown = 0; i < s->n; i++) {
        uint64_t pc = shown == max ? 0 : frames_of(runtime, &s->frames[i]);
        if (pc == FRAMES_UNREADABLE)
            return false;
        s->frames[i].word[0] = pc;
        shown += pc != 0;
    }
    return true;
}

/* Behind those that stand before the same native frame. Where there is no more room the outermost goes. */
static void insert(struct mixed *x, uint64_t pc, unsigned before)
{
    unsigned at = x->n;
    while (at && x->before[at - 1] > before)
        at--;
    if (at == STATE_MAX_FRAMES)
        return;
    unsigned last = x->n < STATE_MAX_FRAMES ? x->n++ : STATE_MAX_FRAMES - 1;
    for (; last > at; last--) {
        x->pcs[last] = x->pcs[last - 1];
        x->before[last] = x->before[last - 1];
    }
    x->pcs[at] = pc;
    x->before[at] = (uint8_t)before;
}

/* Those before UNTIL stand before native frame I. */
static void insert_until(struct mixed *x, struct merge *m, unsigned until, unsigned i)
{
    for (; m->next < until && m->next < m->s->n; m->next++)
        if (m->s->frames[m->next].word[0])
            insert(x, m->s->frames[m->next].word[0], i);
}

/* What is not of this stack: that of another greenlet, or what lies behind generated code. */
static void find_end(struct merge *m)
{
    for (unsigned i = 0; i < m->native->n; i++) {
        if (m->s->generated ? !is_in_no_object(m->native->pcs[i]) : !begins_another_stack(m->native->pcs[i]))
            continue;
        m->n_native = i;
        m->complete = true;
        break;
    }
}

/* Another runtime has called this one, which has called it in turn. */
static bool is_split(const struct merge *m)
{
    bool own = false, other = false;
    for (unsigned i = 0; i < m->n_native; i++) {
        bool here = is_of_runtime(m, i);
        if (here && other)
            return true;
        own |= here;
        other |= own && !here && runtimes_holding(m->native->pcs[i] - 1);
    }
    return false;
}

/* How many of the frames have a place that is known for sure, where other runtimes have frames too. */
static unsigned count_placed(struct merge m)
{
    unsigned placed = 0;
    if (m.at_once && (!m.complete || is_split(&m)))
        return 0;
    for (unsigned i = 0; i < m.n_native; i++)
        placed = m.next = reached_at(&m, i);
    return placed;
}

bool mixed_place(struct mixed *x, const struct runtime *runtime, struct runtime_stack *s)
{
    struct merge m = {
        .runtime = runtime, .s = s, .native = x->native, .several = x->several, .n_native = x->native->n, .complete = x->native->complete};
    find_end(&m);
    if (!belong_together(&m))
        return false;
    /* where the native stack was cut it is not known which runtime's frames come next */
    unsigned placed = x->several && !s->generated ? count_placed(m) : s->n;
    if (!placed || (placed < s->n && m.complete) || !name_frames(runtime, s, x->max))
        return false;
    for (unsigned i = 0; i < m.n_native; i++)
        insert_until(x, &m, reached_at(&m, i), i);
    insert_until(x, &m, placed, m.n_native);
    x->end = m.n_native < x->end ? m.n_native : x->end;
    x->hides_generated |= s->hides_generated;
    return true;
}

/* ---- merging --------------------------------------------------------------------------------- */

void mixed_begin(struct mixed *x, const struct mixed_native *native, unsigned max, bool several)
{
    x->native = native;
    x->max = max;
    x->several = several;
    x->hides_generated = false;
    x->end = native->n;
    x->n = 0;
}

struct merged {
    unsigned n, shown, max;
    bool full; /* a frame that was wanted found no room */
    uint64_t *out;
};

static void put(struct merged *m, uint64_t pc, bool counts)
{
    m->full |= m->shown < m->max && m->n == STATE_MAX_FRAMES;
    if (m->shown == m->max || m->full)
        return;
    m->out[m->n++] = pc;
    m->shown += counts;
}

unsigned mixed_merge(const struct mixed *x, bool with_interpreter, uint64_t out[STATE_MAX_FRAMES])
{
    struct merged m = {.max = x->max, .out = out};
    unsigned next = 0;
    for (unsigned i = 0; i <= x->end; i++) {
        for (; next < x->n && x->before[next] == i; next++)
            put(&m, x->pcs[next], true);
        if (i == x->end || (x->hides_generated && is_in_no_object(x->native->pcs[i])))
            continue;
        bool interpreter = is_interpreter(x->native->pcs[i]);
        if (with_interpreter || !interpreter)
            put(&m, x->native->pcs[i], !interpreter);
    }
    return m.full && with_interpreter ? mixed_merge(x, false, out) : m.n;
}
