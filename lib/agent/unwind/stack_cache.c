/* SPDX-License-Identifier: MIT */
/*
 * stack_cache.c: recognizes stacks that were walked before, so that they need not be walked again.
 *
 * Programs open their sockets from the same few places over and over. What a walk reads depends on
 * where it begins and on the words that it finds on the stack. So a walk that begins at the same
 * place, with all those words the same, would end the same. The words are compared one after the
 * other, in the order of the walk: each one that matches proves that the next lies where it lay
 * before. That is two independent loads per frame; the walk has three, each of which waits for the
 * one before.
 *
 * Process-wide, shared by all threads (a new thread's stack often lies where an old one's lay).
 * Entries are written under a sequence number that is odd meanwhile. No thread waits: one that
 * finds an entry being written walks the stack.
 */
#include "stack_cache.h"

#include <stdatomic.h>

#define WAYS 4u
#define SETS 32u
#define UNIT 8u /* bytes in one word of the stack */

struct stack_memo {
    _Atomic uint32_t seq; /* odd: being written */
    uint32_t epoch;
    uintptr_t pc, sp, fp;
    bool needs_fp;
    uint8_t max, n, words;
    uint8_t end; /* enum walk_end */
    _Atomic uint64_t note;
    uint16_t at[MEMO_WORDS]; /* distance from sp, in words */
    uint64_t word[MEMO_WORDS];
    uint64_t pcs[64];
} __attribute__((aligned(64)));

static struct stack_memo memos[SETS * WAYS];
/*
 * Where each way of each set begins, one cache line per set. So a recall does not touch the ways
 * that cannot match, nor memory that was never used.
 */
static _Atomic uint64_t begins[SETS][WAYS] __attribute__((aligned(64)));
static _Atomic unsigned next_way;

static unsigned set_of(uintptr_t sp) { return (unsigned)((sp >> 4 ^ sp >> 12) % SETS); }

static uint64_t begin_of(const struct arch_frame *from) { return from->sp ^ from->pc << 16; }

/*
 * True when all words are the same, and all of them lie where the stack is known to be readable.
 * Each place is read once and checked as it was read: another thread may be overwriting the entry.
 */
static bool same_words(const struct stack_memo *m, uintptr_t sp, uintptr_t words)
{
    const uint64_t *stack = (const uint64_t *)sp;
    const volatile uint16_t *at = m->at;
    const uint64_t *word = m->word;
    unsigned n = m->words, i = 0;
    if (n > MEMO_WORDS)
        return false;
#define DIFFERS(k) ((place = at[i + (k)]) >= words || stack[place] != word[i + (k)])
    uintptr_t place;
    for (; i + 4 <= n; i += 4)
        if (DIFFERS(0) || DIFFERS(1) || DIFFERS(2) || DIFFERS(3))
            return false;
    for (; i < n; i++)
        if (DIFFERS(0))
            return false;
#undef DIFFERS
    return true;
}

bool stack_cache_recall(const struct arch_frame *from, unsigned max, unsigned epoch, bool always, uint64_t *pcs,
                        struct stack_cache_found *r)
{
    unsigned set = set_of(from->sp);
    uint64_t begin = begin_of(from);
    uintptr_t words = 0;
    for (unsigned way = 0; way < WAYS; way++) {
        struct stack_memo *m = &memos[set * WAYS + way];
        if (atomic_load_explicit(&begins[set][way], memory_order_relaxed) != begin)
            continue;
        uint32_t seq = atomic_load_explicit(&m->seq, memory_order_acquire);
        if ((seq & 1) || m->sp != from->sp || m->pc != from->pc || m->epoch != epoch || m->max != max || (m->needs_fp && m->fp != from->fp))
            continue;
        if (!words)
            words = stack_span(from->sp).len / UNIT;
        if (!same_words(m, from->sp, words))
            continue;
        *r = (struct stack_cache_found){
            .n = m->n, .end = m->end, .note = atomic_load_explicit(&m->note, memory_order_relaxed), .memo = m, .seq = seq};
        if ((always || !r->note) && m->n <= 64)
            for (unsigned i = 0; i < m->n; i++)
                pcs[i] = m->pcs[i];
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&m->seq, memory_order_relaxed) == seq)
            return true;
    }
    return false;
}

/*
 * The entry that this thread writes. A walk never begins inside of another of its thread: what is
 * here at its beginning was left by a jump out of a signal handler, and nobody else would free it.
 */
static __thread struct stack_memo *writing;

static void free_abandoned(void)
{
    if (writing) {
        writing->sp = 0;
        atomic_fetch_add_explicit(&writing->seq, 1, memory_order_release);
    }
    writing = NULL;
}

/* Takes the oldest way, unless another thread is writing it. */
struct stack_memo *stack_cache_begin(const struct arch_frame *from, unsigned max, unsigned epoch)
{
    free_abandoned();
    unsigned set = set_of(from->sp), way = atomic_fetch_add_explicit(&next_way, 1, memory_order_relaxed) % WAYS;
    struct stack_memo *m = &memos[set * WAYS + way];
    uint32_t seq = atomic_load_explicit(&m->seq, memory_order_relaxed);
    if ((seq & 1) || !atomic_compare_exchange_strong(&m->seq, &seq, seq + 1))
        return NULL;
    m->pc = from->pc;
    m->sp = from->sp;
    m->fp = from->fp;
    m->epoch = epoch;
    m->max = (uint8_t)max;
    m->needs_fp = false;
    m->words = 0;
    atomic_store_explicit(&begins[set][way], begin_of(from), memory_order_relaxed);
    writing = m;
    return m;
}

bool stack_cache_word(struct stack_memo *m, uintptr_t a, uint64_t word)
{
    uintptr_t at = (a - m->sp) / UNIT;
    if (a < m->sp || (a - m->sp) % UNIT || at > UINT16_MAX || m->words == MEMO_WORDS)
        return false;
    m->at[m->words] = (uint16_t)at;
    m->word[m->words++] = word;
    return true;
}

void stack_cache_needs_fp(struct stack_memo *m) { m->needs_fp = true; }

void stack_cache_end(struct stack_memo *m, const struct walk *w, enum walk_end end, bool usable, struct stack_cache_found *r)
{
    uint32_t seq = atomic_load_explicit(&m->seq, memory_order_relaxed) + 1;
    if (!usable)
        m->sp = 0; /* nobody's stack */
    m->n = (uint8_t)w->n;
    m->end = (uint8_t)end;
    atomic_store_explicit(&m->note, 0, memory_order_relaxed);
    for (unsigned i = 0; i < w->n; i++)
        m->pcs[i] = w->pcs[i];
    writing = NULL;
    atomic_store_explicit(&m->seq, seq, memory_order_release);
    *r = (struct stack_cache_found){.n = w->n, .end = end, .memo = usable ? m : NULL, .seq = seq};
}

/*
 * Stores NOTE only while the entry still belongs to the same stack: an entry that was reused has
 * another sequence number.
 */
void stack_cache_note(const struct stack_cache_found *r, uint64_t note)
{
    struct stack_memo *m = r->memo;
    uint32_t seq = r->seq;
    if (!m || !atomic_compare_exchange_strong(&m->seq, &seq, seq + 1))
        return;
    atomic_store_explicit(&m->note, note, memory_order_relaxed);
    atomic_store_explicit(&m->seq, seq + 2, memory_order_release);
}
