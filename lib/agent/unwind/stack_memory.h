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
/* The same, inline for a place on the first thread's stack, whose end this is (0: not known). */
extern uintptr_t stack_first_end __attribute__((visibility("hidden")));
#define STACK_FIRST_FREE (64u << 20) /* the kernel keeps so much below its top free of other mappings, at least */
static inline struct span stack_span_from(uintptr_t sp)
{
    if (__builtin_expect(stack_first_end - sp < STACK_FIRST_FREE, 1))
        return (struct span){.lo = sp & ~(uintptr_t)7, .len = stack_first_end - (sp & ~(uintptr_t)7)};
    return stack_span(sp);
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
