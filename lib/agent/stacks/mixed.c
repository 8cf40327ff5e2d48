/* SPDX-License-Identifier: MIT */
/*
 * mixed.c: stacks of native frames and frames of a runtime, as one.
 *
 * Called by sites.c in the program's threads. The key of a stack is looked up for every socket; two
 * stacks are merged only when their key is new.
 */
#include "mixed.h"

#include <string.h>

#include "../../core/hash.h"
#include "../../core/own_frames.h"
#include "../../core/textstack.h"
#include "../base/sys.h"
#include "../runtimes/runtimes.h"
#include "frames.h"
#include "known.h"
#include "modules.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static struct known known[KNOWN_ENTRIES] LARGE_TABLE; /* stacks whose site is known by their key */

uint64_t mixed_key(uint64_t note, const struct runtime_stack *s, unsigned call, uint64_t generation)
{
    uint64_t h = hash_mix(note, generation << 8 | call);
    for (unsigned i = 0; s && i < s->n; i++)
        h = hash_mix(h, s->frames[i].hash);
    return h ? h : 1;
}

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

/* ---- merging --------------------------------------------------------------------------------- */

struct merge {
    const struct runtime *runtime;
    const struct runtime_stack *s;
    const struct mixed_native *native;
    unsigned n_native;   /* of this stack */
    bool complete, full; /* full: a frame that was wanted found no room */
    bool at_once;        /* all of the runtime's frames stand at one place */
    unsigned place;      /* where at the earliest: behind it the evaluator's frame, if that is known */
    unsigned next, mark;
    unsigned n, shown, max;
    uint64_t *out;
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
    return is_generated(m, i) || (module && (module->interpreter || own_frames_is_inner_object(module->path)));
}

/* The innermost frame of the interpreter behind all that is not its own. */
static unsigned place_in_interpreter(const struct merge *m)
{
    unsigned place = m->n_native;
    while (place && is_of_end(m, place - 1))
        place--;
    while (place < m->n_native && !runtimes_hold(m->native->pcs[place] - 1))
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

/* False: a frame has no name that can be read. */
static bool put_runtime_frames(struct merge *m, unsigned until)
{
    for (; m->next < until && m->next < m->s->n; m->next++) {
        m->full |= m->shown < m->max && m->n == STATE_MAX_FRAMES;
        if (m->shown == m->max || m->full)
            continue;
        uint64_t pc = frames_of(m->runtime, &m->s->frames[m->next]);
        if (pc == FRAMES_UNREADABLE)
            return false;
        if (!pc)
            continue;
        m->out[m->n++] = pc;
        m->shown++;
    }
    return true;
}

static void put_native_frame(struct merge *m, uint64_t pc, bool with_interpreter)
{
    bool interpreter = is_interpreter(pc);
    if (m->s->hides_generated && is_in_no_object(pc))
        return;
    if (m->shown == m->max || (interpreter && !with_interpreter))
        return;
    m->full |= m->n == STATE_MAX_FRAMES;
    if (m->full)
        return;
    m->out[m->n++] = pc;
    m->shown += !interpreter;
}

unsigned mixed_merge(const struct runtime *runtime, const struct runtime_stack *s, const struct mixed_native *native, unsigned max,
                     bool with_interpreter, uint64_t out[STATE_MAX_FRAMES])
{
    struct merge m = {
        .runtime = runtime, .s = s, .native = native, .n_native = native->n, .complete = native->complete, .max = max, .out = out};
    for (unsigned i = 0; i < native->n; i++) {
        if (s->generated ? !is_in_no_object(native->pcs[i]) : !begins_another_stack(native->pcs[i]))
            continue;
        m.n_native = i;
        m.complete = true;
        break;
    }
    if (!belong_together(&m))
        return 0;
    for (unsigned i = 0; i < m.n_native; i++) {
        if (!put_runtime_frames(&m, reached_at(&m, i)))
            return 0;
        put_native_frame(&m, native->pcs[i], with_interpreter);
    }
    /* the native stack was cut before those that run the others */
    if (!put_runtime_frames(&m, s->n))
        return 0;
    return m.full && with_interpreter ? mixed_merge(runtime, s, native, max, false, out) : m.n;
}
