/* SPDX-License-Identifier: MIT */
/*
 * stack_memory.h: finds which part of the stack can be read without a fault.
 *
 * Any thread, signal handlers too. No allocation, no lock; a system call only to probe memory that
 * is not known to be readable.
 */
#ifndef SOCKLEAK_AGENT_STACK_MEMORY_H
#define SOCKLEAK_AGENT_STACK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Memory that can be read: LEN bytes from LO on, both multiples of 8. */
struct span {
    uintptr_t lo, len;
};

/* Called once, before the first stack_span. */
void stack_memory_init(void);
/*
 * Returns what is known to be readable from SP on: without asking the kernel, or by asking it once
 * per thread.
 */
struct span stack_span(uintptr_t sp);
/* The end of the first thread's stack; 0: not known. */
extern uintptr_t stack_first_end __attribute__((visibility("hidden")));
/* The kernel keeps so much below its top free of other mappings, at least. */
#define STACK_FIRST_FREE (64u << 20)
/* The number of words from SP on that this says to be readable. */
static inline uintptr_t stack_words_from(uintptr_t sp)
{
    uintptr_t bytes = stack_first_end - sp;
    if (__builtin_expect(bytes >= STACK_FIRST_FREE, 0)) {
        struct span s = stack_span(sp);
        bytes = s.lo + s.len - sp;
    }
    return bytes / sizeof(uintptr_t);
}
/*
 * Makes the 8 bytes at A part of the span, or begins a new span with them. False: they are not
 * readable.
 */
bool stack_reach(struct span *s, uintptr_t a);

/* Loads the word at A into *V, and widens the span if needed. False: it is not readable. */
static inline bool stack_load(struct span *s, uintptr_t a, uintptr_t *v)
{
    if (__builtin_expect(a - s->lo >= s->len, 0) && !stack_reach(s, a))
        return false;
    *v = *(const uintptr_t *)a;
    return true;
}

#endif
