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
#define RUN 4u  /* words that are compared in one go */
_Static_assert(MEMO_WORDS % RUN == 0, "an entry ends with a run");

struct stack_memo {
    _Atomic uint32_t seq; /* odd: being written */
    bool needs_fp;
    uint8_t n, words; /* WORDS: a multiple of RUN, the last word repeated */
    uint8_t end;      /* enum walk_end */
    uint64_t key;     /* key_of */
    uintptr_t pc, sp, fp;
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

static inline uint64_t key_of(unsigned max, unsigned epoch) { return (uint64_t)max << 32 | epoch; }

static inline uint64_t begin_of(const struct arch_frame *from, uint64_t key) { return from->sp ^ from->pc << 16 ^ key << 8; }

/*
 * True when all words are the same, and all of them lie where the stack is known to be readable.
 * Each place is read once and checked as it was read: another thread may be overwriting the entry.
 */
static inline __attribute__((always_inline)) bool same_words(const struct stack_memo *m, uintptr_t sp)
{
    const uint64_t *stack = (const uint64_t *)sp;
    const volatile uint16_t *at = m->at;
    const uint64_t *word = m->word;
    uintptr_t place, words = stack_words_from(sp);
    unsigned n = m->words;
    if (n > MEMO_WORDS)
        return false;
#define DIFFERS(k) ((place = at[k]) >= words || stack[place] != word[k])
    for (const uint64_t *end = word + n; word < end; word += RUN, at += RUN)
        if (DIFFERS(0) || DIFFERS(1) || DIFFERS(2) || DIFFERS(3))
            return false;
#undef DIFFERS
    return true;
}

/* Whether M was the stack from FROM, as its sequence number was read before. */
static inline __attribute__((always_inline)) bool is_stack(const struct stack_memo *m, uint32_t seq, const struct arch_frame *from,
                                                           uint64_t key)
{
    if ((seq & 1) || m->sp != from->sp || m->pc != from->pc || m->key != key || (m->needs_fp && m->fp != from->fp))
        return false;
    return same_words(m, from->sp);
}

static inline __attribute__((always_inline)) uint64_t note_in(const struct stack_memo *m, const struct arch_frame *from, uint64_t key)
{
    uint32_t seq = atomic_load_explicit(&m->seq, memory_order_acquire);
    if (!is_stack(m, seq, from, key))
        return 0;
    uint64_t note = atomic_load_explicit(&m->note, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&m->seq, memory_order_relaxed) == seq ? note : 0;
}

/*
 * Of stacks that begin alike, the one that comes again is looked for first: the ways of each set in
 * the order of the search, two bits each. Whatever it is, each way is in it once.
 */
static _Atomic uint8_t orders[SETS] = {[0 ... SETS - 1] = 0xe4};

static __attribute__((noinline)) void search_first(unsigned set, unsigned way)
{
    unsigned order = way, at = 2, before = atomic_load_explicit(&orders[set], memory_order_relaxed);
    for (unsigned i = 0; i < WAYS; i++, before >>= 2)
        if ((before & 3) != way) {
            order |= (before & 3) << at;
            at += 2;
        }
    atomic_store_explicit(&orders[set], (uint8_t)order, memory_order_relaxed);
}

/* Another stack that begins alike is searched before. */
static __attribute__((noinline)) uint64_t note_of_later(const struct arch_frame *from, uint64_t key)
{
    unsigned set = set_of(from->sp), order = atomic_load_explicit(&orders[set], memory_order_relaxed);
    for (unsigned i = 0; i < WAYS; i++, order >>= 2) {
        uint64_t note = note_in(&memos[set * WAYS + (order & 3)], from, key);
        if (note) {
            search_first(set, order & 3);
            return note;
        }
    }
    return 0;
}

uint64_t stack_cache_note_of(const struct arch_frame *from, unsigned max, unsigned epoch)
{
    unsigned set = set_of(from->sp), order = atomic_load_explicit(&orders[set], memory_order_relaxed) | 1u << 2 * WAYS;
    uint64_t key = key_of(max, epoch), begin = begin_of(from, key);
    for (; order != 1; order >>= 2) {
        if (atomic_load_explicit(&begins[set][order & 3], memory_order_relaxed) != begin)
            continue;
        uint64_t note = note_in(&memos[set * WAYS + (order & 3)], from, key);
        return __builtin_expect(note != 0, 1) ? note : note_of_later(from, key);
    }
    return 0;
}

bool stack_cache_recall(const struct arch_frame *from, unsigned max, unsigned epoch, bool always, uint64_t *pcs,
                        struct stack_cache_found *r)
{
    unsigned set = set_of(from->sp);
    uint64_t key = key_of(max, epoch), begin = begin_of(from, key);
    for (unsigned way = 0; way < WAYS; way++) {
        struct stack_memo *m = &memos[set * WAYS + way];
        if (atomic_load_explicit(&begins[set][way], memory_order_relaxed) != begin)
            continue;
        uint32_t seq = atomic_load_explicit(&m->seq, memory_order_acquire);
        if (!is_stack(m, seq, from, key))
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
    m->key = key_of(max, epoch);
    m->needs_fp = false;
    m->words = 0;
    atomic_store_explicit(&begins[set][way], begin_of(from, m->key), memory_order_relaxed);
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
    for (; m->words % RUN; m->words++) {
        m->at[m->words] = m->at[m->words - 1];
        m->word[m->words] = m->word[m->words - 1];
    }
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
