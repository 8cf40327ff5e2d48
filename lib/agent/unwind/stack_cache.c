/* SPDX-License-Identifier: MIT */
/*
 * stack_cache.c: recognizes stacks that were walked before, so that they need not be walked again.
 *
 * Programs open their sockets from the same few places over and over. What a walk reads depends on
 * where it begins and on the words that it finds on the stack. So a walk that begins at the same
 * place, with all those words the same, would end the same: the first one that is the same proves
 * that the next lies where it lay before, and so on. That is two independent loads per frame; the
 * walk has three, each of which waits for the one before.
 *
 * The words are not kept, but their places and a hash of 4 * 64 bits over their values: they are a
 * program's own addresses, which nobody chooses so that two stacks have the same one. Nor are the
 * stack's addresses kept: they are among the words, and a bit for each word says which are. So the
 * whole table takes 40 KiB where every entry is used, as it is in a program of many threads.
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
#define RUN 4u  /* words that are hashed in one go, each into a hash of its own */
#define HASH_FACTOR 0x9e3779b97f4a7c15u
_Static_assert(MEMO_WORDS % RUN == 0, "an entry ends with a run");
_Static_assert(MEMO_WORDS <= 128, "a bit for each word");

struct stack_memo {
    _Atomic uint32_t seq;             /* odd: being written */
    uint8_t needs_fp : 1, starts : 1; /* STARTS: PC is the first of the stack's addresses */
    uint8_t n, words;                 /* WORDS: a multiple of RUN, the last word repeated */
    uint8_t end;                      /* enum walk_end */
    uint64_t key;                     /* key_of */
    uintptr_t pc, sp, fp;
    _Atomic uint64_t note;
    uint64_t hash[RUN];      /* of the words, each in its turn */
    uint64_t is_address[2];  /* by word: it is one of the stack's addresses */
    uint16_t at[MEMO_WORDS]; /* distance from sp, in words */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct stack_memo) == 320, "five cache lines");

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

static inline __attribute__((always_inline)) uint64_t hash_word(uint64_t hash, uint64_t word) { return (hash ^ word) * HASH_FACTOR; }

/*
 * True when all words are the same, and all of them lie where the stack is known to be readable.
 * Each place is read once and checked as it was read: another thread may be overwriting the entry.
 */
static inline __attribute__((always_inline)) bool same_words(const struct stack_memo *m, uintptr_t sp)
{
    const uint64_t *stack = (const uint64_t *)sp;
    const volatile uint16_t *at = m->at;
    uintptr_t place, words = stack_words_from(sp);
    uint64_t h0 = 0, h1 = 0, h2 = 0, h3 = 0;
    unsigned n = m->words;
    if (n > MEMO_WORDS)
        return false;
#define HASH(h, k)                        \
    do {                                  \
        if ((place = at[k]) >= words)     \
            return false;                 \
        (h) = hash_word(h, stack[place]); \
    } while (0)
    for (const volatile uint16_t *end = at + n; at < end; at += RUN) {
        HASH(h0, 0);
        HASH(h1, 1);
        HASH(h2, 2);
        HASH(h3, 3);
    }
#undef HASH
    return !((h0 ^ m->hash[0]) | (h1 ^ m->hash[1]) | (h2 ^ m->hash[2]) | (h3 ^ m->hash[3]));
}

/*
 * The addresses of the stack M, which begins at FROM: as many as it says, unless another thread is
 * overwriting the entry, which its sequence number tells afterwards.
 */
static void copy_addresses(const struct stack_memo *m, const struct arch_frame *from, uint64_t *pcs)
{
    const uint64_t *stack = (const uint64_t *)from->sp;
    const volatile uint16_t *at = m->at;
    uintptr_t place, words = stack_words_from(from->sp);
    unsigned n = 0, max = m->n < 64 ? m->n : 64;
    if (m->starts && max)
        pcs[n++] = from->pc;
    for (unsigned half = 0; half < 2; half++)
        for (uint64_t bits = m->is_address[half]; bits && n < max; bits &= bits - 1) {
            unsigned i = half * 64 + (unsigned)__builtin_ctzll(bits);
            if (i < MEMO_WORDS && (place = at[i]) < words)
                pcs[n++] = stack[place];
        }
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
        if (always || !r->note)
            copy_addresses(m, from, pcs);
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
    m->needs_fp = m->starts = 0;
    m->words = 0;
    for (unsigned i = 0; i < RUN; i++)
        m->hash[i] = 0;
    atomic_store_explicit(&begins[set][way], begin_of(from, m->key), memory_order_relaxed);
    writing = m;
    return m;
}

bool stack_cache_word(struct stack_memo *m, uintptr_t a, uint64_t word)
{
    uintptr_t at = (a - m->sp) / UNIT;
    if (a < m->sp || (a - m->sp) % UNIT || at > UINT16_MAX || m->words == MEMO_WORDS)
        return false;
    m->hash[m->words % RUN] = hash_word(m->hash[m->words % RUN], word);
    m->at[m->words++] = (uint16_t)at;
    return true;
}

void stack_cache_needs_fp(struct stack_memo *m) { m->needs_fp = 1; }

/* Says which of the words are the addresses of W. False: not all of them are among the words. */
static bool find_addresses(struct stack_memo *m, const struct walk *w)
{
    const uint64_t *stack = (const uint64_t *)m->sp;
    unsigned n = m->starts = w->n && w->pcs[0] == m->pc;
    m->is_address[0] = m->is_address[1] = 0;
    for (unsigned i = 0; i < m->words && n < w->n; i++)
        if (stack[m->at[i]] == w->pcs[n]) {
            m->is_address[i / 64] |= (uint64_t)1 << i % 64;
            n++;
        }
    return n == w->n;
}

void stack_cache_end(struct stack_memo *m, const struct walk *w, enum walk_end end, bool usable, struct stack_cache_found *r)
{
    uint32_t seq = atomic_load_explicit(&m->seq, memory_order_relaxed) + 1;
    usable = usable && find_addresses(m, w);
    if (!usable)
        m->sp = 0; /* nobody's stack */
    for (unsigned last = m->words ? m->at[m->words - 1] : 0; usable && m->words % RUN;)
        stack_cache_word(m, m->sp + last * UNIT, ((const uint64_t *)m->sp)[last]);
    m->n = (uint8_t)w->n;
    m->end = (uint8_t)end;
    atomic_store_explicit(&m->note, 0, memory_order_relaxed);
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
