/* SPDX-License-Identifier: MIT */
/*
 * stack_memory.h: which part of the stack can be read without a fault. Any thread, signal handlers too.
 */
#ifndef SOCKLEAK_AGENT_STACK_MEMORY_H
#define SOCKLEAK_AGENT_STACK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Memory that can be read: LEN bytes from LO on, both multiples of 8. */
struct span {
    uintptr_t lo, len;
};

void stack_memory_init(void);
/* What is known about the stack at SP without asking the kernel, or by asking once per thread. */
struct span stack_span(uintptr_t sp);
/* Makes the 8 bytes at A part of the span, or replaces the span; false: not readable. */
bool stack_reach(struct span *s, uintptr_t a);

static inline bool stack_load(struct span *s, uintptr_t a, uintptr_t *v)
{
    if (__builtin_expect(a - s->lo >= s->len, 0) && !stack_reach(s, a))
        return false;
    *v = *(const uintptr_t *)a;
    return true;
}

#endif
