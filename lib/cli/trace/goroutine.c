/* SPDX-License-Identifier: MIT */
/*
 * goroutine.c: which goroutine a stopped thread runs, who created it, and its stack where C code
 * runs.
 */
#include "goroutine.h"

#include "process_memory.h"

#define TLS_WORDS 256u
#define M_WORDS 64u
#define SAVED_FIRST 9u /* words of g among which the pc and sp of a system or C call are saved */
#define SAVED_END 24u
#define CREATOR_FIRST 14u /* words of g from which on startpc stands */

static bool read_g(pid_t pid, uint64_t address, struct goroutine *g)
{
    g->address = address;
    memset(g->words, 0, sizeof g->words);
    return address && !(address & 7) && process_memory_some(pid, address, g->words, sizeof g->words) >= 32 * sizeof *g->words;
}

static bool holds(const struct goroutine *g, uint64_t sp)
{
    return g->words[G_STACK_LOW] < sp && sp <= g->words[G_STACK_HIGH] && g->words[G_M];
}

/* Go makes stacks of 2 KiB and their doubles; a thread's own g has another. */
bool goroutine_has_own_stack(const struct goroutine *g)
{
    uint64_t size = g->words[G_STACK_HIGH] - g->words[G_STACK_LOW];
    return size >= 2048 && !(size & (size - 1)) && !(g->words[G_STACK_LOW] & 1023);
}

/* Reads the thread's word at AT and the g that it had before, at once. True: it has the same one now, and G is that. */
static bool read_again(pid_t tid, uint64_t at, uint64_t last, struct goroutine *g)
{
    uint64_t word;
    g->address = last;
    return process_memory_two(tid, at, &word, sizeof word, last, g->words, sizeof g->words) && word == last;
}

/*
 * The executable's block ends at the thread pointer; where C has no variables in it, Go's word is
 * its last.
 */
bool goroutine_of_thread(const struct sample *s, uint64_t tls_size, uint32_t *place, uint64_t *last, struct goroutine *g)
{
    uint64_t words[TLS_WORDS];
    unsigned first = 0, n = tls_size > 8 ? (tls_size + 7) / 8 < TLS_WORDS ? (unsigned)(tls_size + 7) / 8 : TLS_WORDS : 1;
    if (*place) {
        first = *place / 8 - 1;
        n = first + 1;
    }
    if (*place && *last && s->thread_pointer && read_again(s->tid, s->thread_pointer - *place, *last, g) && holds(g, s->sp))
        return true;
    if (!s->thread_pointer || !process_memory_read(s->tid, s->thread_pointer - 8ull * n, words, 8ull * (n - first)))
        return false;
    for (unsigned i = first; i < n; i++)
        if (read_g(s->tid, words[n - 1 - i], g) && holds(g, s->sp)) {
            if (goroutine_has_own_stack(g)) /* beyond doubt */
                *place = 8 * (i + 1);
            *last = g->address;
            return true;
        }
    return false;
}

/* The stack pointer and program counter that G saved when it called into C. */
static bool saved_call(const struct go_tables *t, const struct goroutine *g, uint64_t *pc, uint64_t *sp)
{
    for (unsigned i = SAVED_FIRST; i + 1 < SAVED_END; i++) {
        struct go_function f;
        if (g->words[i] <= g->words[G_STACK_LOW] || g->words[i] >= g->words[G_STACK_HIGH])
            continue;
        if (go_function_at(t, g->words[i + 1], &f) && go_name_is(go_function_name(t, &f), "runtime.cgocall")) {
            *sp = g->words[i];
            *pc = g->words[i + 1];
            return true;
        }
    }
    return false;
}

bool goroutine_in_c(pid_t pid, const struct go_tables *t, const struct goroutine *g, uint32_t *word, struct goroutine *out, uint64_t *pc,
                    uint64_t *sp)
{
    uint64_t m[M_WORDS] = {0};
    if (process_memory_some(pid, g->words[G_M], m, sizeof m) < 16 * sizeof *m || m[0] != g->address)
        return false;
    unsigned first = *word ? *word : 1, end = *word ? *word + 1 : M_WORDS;
    for (unsigned i = first; i < end; i++) {
        if (m[i] == g->address || !read_g(pid, m[i], out) || out->words[G_M] != g->words[G_M])
            continue;
        if (saved_call(t, out, pc, sp)) {
            *word = i;
            return true;
        }
    }
    return false;
}

/* Word I of G is the entry of a function, and two words before it stands where a call returns to. */
static bool is_creator(const struct go_tables *t, const struct goroutine *g, unsigned i, uint64_t *first, uint64_t *creator)
{
    struct go_function f;
    uint64_t pc = g->words[i - 2];
    if (!go_function_at(t, g->words[i], &f) || f.entry != g->words[i])
        return false;
    *first = f.entry;
    if (!go_function_at(t, pc, &f) || f.entry == pc)
        return false;
    *creator = pc;
    return true;
}

bool goroutine_creator(const struct go_tables *t, const struct goroutine *g, uint32_t *word, uint64_t *first, uint64_t *creator)
{
    if (*word && is_creator(t, g, *word, first, creator))
        return true;
    for (unsigned i = CREATOR_FIRST; i < G_WORDS; i++)
        if (is_creator(t, g, i, first, creator)) {
            *word = i;
            return true;
        }
    return false;
}
