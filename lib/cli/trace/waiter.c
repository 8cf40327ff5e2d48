/* SPDX-License-Identifier: MIT */
/*
 * waiter.c: who waits for the work of a goroutine.
 *
 * All that is read may change meanwhile, for other threads run: nothing is believed but what fits.
 */
#include "waiter.h"

#include "../../core/hash.h"
#include "process_memory.h"

#define TOP_WORDS 128u /* of the goroutine's stack, where its two outermost frames are */
#define FIELDS 33u     /* words of the object */
#define SUDOG_WORDS 16u
#define READS 160u /* at most in one search */
#define STACK_MAX 32768u
#define FREELY 16u  /* searches that find nothing before they are made more rarely */
#define RARELY 256u /* a search that never finds anything is made this rarely at last */

struct search {
    const struct go_tables *tables;
    const struct goroutine *g;
    pid_t pid;
    unsigned reads;
    struct waiter_hint at;
    struct go_stack *out;
};

struct copy {
    uint64_t at;
    size_t n;
    uint64_t words[STACK_MAX / 8];
};

static bool copy_word(void *arg, uint64_t at, uint64_t *word)
{
    const struct copy *c = arg;
    return at >= c->at && span_copy((struct span){(const uint8_t *)c->words, c->n}, at - c->at, word, sizeof *word);
}

static bool fetch(struct search *s, uint64_t at, void *to, size_t n, size_t least)
{
    return s->reads++ < READS && process_memory_some(s->pid, at, to, n) >= least;
}

/* In Go's heap, as G is: its arenas lie side by side. */
static bool is_heap(const struct search *s, uint64_t word) { return word && !(word & 7) && word >> 36 == s->g->address >> 36; }

static bool is_own_stack(const struct search *s, uint64_t word)
{
    return word >= s->g->words[G_STACK_LOW] && word < s->g->words[G_STACK_HIGH];
}

/* Goroutine W is parked and has OBJECT on its stack. */
static bool is_waiter(struct search *s, uint64_t w, uint64_t object)
{
    static struct copy c;
    uint64_t g[16];
    struct go_function f;
    if (!is_heap(s, w) || w == s->g->address || !fetch(s, w, g, sizeof g, sizeof g))
        return false;
    uint64_t low = g[G_STACK_LOW], high = g[G_STACK_HIGH], sp = g[G_SP];
    if (low >= sp || sp >= high || g[G_M] || !go_function_at(s->tables, g[G_PC], &f))
        return false;
    if (!go_name_is(go_function_name(s->tables, &f), "runtime.gopark"))
        return false;
    c.at = sp;
    c.n = high - sp < sizeof c.words ? (size_t)(high - sp) & ~(size_t)7 : sizeof c.words;
    if (!fetch(s, sp, c.words, c.n, c.n))
        return false;
    for (size_t i = 0; i < c.n / 8; i++)
        if (c.words[i] == object) {
            *s->out = (struct go_stack){.n = 0};
            go_stack_walk(s->tables, copy_word, &c, g[G_PC], sp, s->out);
            return s->out->n > 1;
        }
    return false;
}

/* CHANNEL has a receiver in its queue, which is at word QUEUE of it. */
static bool is_waited_on(struct search *s, uint64_t channel, unsigned queue, uint64_t object)
{
    uint64_t c[10], sudog[SUDOG_WORDS];
    if (!fetch(s, channel, c, sizeof c, sizeof c) || c[0] > c[1] || c[1] > UINT32_MAX || !is_heap(s, c[queue]))
        return false;
    if (!fetch(s, c[queue], sudog, sizeof sudog, 12 * sizeof *sudog))
        return false;
    for (unsigned i = 8; i < SUDOG_WORDS; i++)
        if (sudog[i] == channel)
            return is_waiter(s, sudog[0], object);
    return false;
}

static bool is_object(struct search *s, uint64_t object, const struct waiter_hint *hint)
{
    uint64_t fields[FIELDS] = {0};
    if (!is_heap(s, object) || is_own_stack(s, object) || !fetch(s, object, fields, sizeof fields, 64))
        return false;
    for (unsigned i = 0; i < FIELDS; i++) {
        if ((hint && i != hint->field) || !is_heap(s, fields[i]) || fields[i] == object || is_own_stack(s, fields[i]))
            continue;
        for (unsigned queue = 7; queue <= 8; queue++)
            if ((!hint || queue == hint->queue) && is_waited_on(s, fields[i], queue, object)) {
                s->at.field = (uint16_t)i;
                s->at.queue = (uint16_t)queue;
                return true;
            }
    }
    return false;
}

static bool sample_word(void *arg, uint64_t at, uint64_t *word)
{
    const struct sample *s = arg;
    return at >= s->sp && span_copy((struct span){s->stack, s->stack_bytes}, at - s->sp, word, sizeof *word);
}

/* The words of the two outermost frames: what the goroutine was started with is there. */
static unsigned outer_words(const struct search *s, const struct sample *sample)
{
    struct go_stack stack = {.n = 0};
    uint64_t high = s->g->words[G_STACK_HIGH];
    go_stack_walk(s->tables, sample_word, (void *)(uintptr_t)sample, sample->pc, sample->sp, &stack);
    uint64_t n = stack.end == GO_WHOLE && stack.outer_sp < high ? (high - stack.outer_sp) / 8 : 0;
    return n < TOP_WORDS ? (unsigned)n : TOP_WORDS;
}

static bool search(struct search *s, const struct sample *sample, const struct waiter_hint *hint)
{
    uint64_t value;
    unsigned n = hint ? hint->word + 1u : outer_words(s, sample);
    for (unsigned i = 0; i < n && s->reads < READS; i++) {
        if ((hint && i != hint->word) || !sample_word((void *)(uintptr_t)sample, s->g->words[G_STACK_HIGH] - 8ull * (i + 1), &value))
            continue;
        s->at.word = (uint16_t)i;
        if (is_object(s, value, hint))
            return true;
    }
    return false;
}

bool waiter_find(struct waiter_hints *h, const struct go_tables *t, const struct sample *sample, const struct goroutine *g, uint64_t first,
                 struct go_stack *out)
{
    struct waiter_hint *hint = &h->of[hash_spread(first) >> 58];
    struct search s = {.tables = t, .g = g, .pid = sample->tid, .out = out};
    if (hint->first != first)
        *hint = (struct waiter_hint){.first = first};
    if (hint->is_found && search(&s, sample, hint)) {
        hint->failures = 0;
        return true;
    }
    /* The waiter may not be parked yet, on a busy machine several times one after the other; where there is never one, look the more rarely. */
    if (hint->failures > FREELY && ++hint->left_out < hint->failures)
        return false;
    hint->left_out = 0;
    s.reads = 0;
    if (!search(&s, sample, NULL)) {
        if (hint->failures < RARELY)
            hint->failures = (uint16_t)(hint->failures < FREELY ? hint->failures + 1 : hint->failures * 2);
        return false;
    }
    *hint = (struct waiter_hint){.first = first, .is_found = true, .word = s.at.word, .field = s.at.field, .queue = s.at.queue};
    return true;
}
