/* SPDX-License-Identifier: MIT */
/*
 * stack_memory.c: which part of the stack can be read without a fault.
 *
 * A stack may be anywhere: the thread's own, a signal stack, a coroutine's, one that the program made. Only three things are known for
 * nothing: the page that sp points into; the first thread's stack up to where the kernel began it; and the end of a thread's own stack,
 * where the C library keeps its control block. Everything else is asked of the kernel, page by page; what was learned about the thread's
 * own stack is kept in the thread, since that cannot go away under it, and what was learned about others is forgotten with the walk.
 */
#include "stack_memory.h"

#include "../../arch/cpu.h"
#include "../base/pages.h"
#include "../base/readable.h"

/* The kernel keeps at least this free of other mappings below the top of the first stack. */
#define FIRST_STACK (64u << 20)
/* No thread's stack is smaller (PTHREAD_STACK_MIN), its control block (about 2.3 KiB) included. */
#define SMALLEST_STACK (12u << 10)
/* How far below the control block the thread's stack is looked over, once. */
#define LOOK_OVER (1u << 20)

extern void *__libc_stack_end __attribute__((weak));

static uintptr_t first_stack_end, first_thread;

/* This thread's stack is readable from here up to its control block; below the second address it is not. 0: not looked. */
static __thread uintptr_t own_low, own_hole;

void stack_memory_init(void)
{
    first_stack_end = &__libc_stack_end ? (uintptr_t)__libc_stack_end & ~(uintptr_t)7 : 0;
    if (sys_gettid() == sys_getpid())
        first_thread = arch_thread_pointer();
}

static struct span from_to(uintptr_t lo, uintptr_t hi) { return (struct span){.lo = lo, .len = hi - lo}; }

static bool look_over(uintptr_t sp, uintptr_t thread)
{
    uintptr_t low = own_low ? own_low : (thread - SMALLEST_STACK) & ~(uintptr_t)(PAGE_BYTES - 1);

    while (low > sp) {
        if (low - PAGE_BYTES < own_hole + PAGE_BYTES || !readable(low - PAGE_BYTES)) {
            if (!own_hole)
                own_hole = low - PAGE_BYTES;
            break;
        }
        low -= PAGE_BYTES;
    }
    own_low = low;
    return low <= sp;
}

struct span stack_span(uintptr_t sp)
{
    uintptr_t lo = sp & ~(uintptr_t)7, thread = arch_thread_pointer();

    if (first_stack_end - sp < FIRST_STACK)
        return from_to(lo, first_stack_end);
    if (thread != first_thread && thread - sp < LOOK_OVER) {
        thread &= ~(uintptr_t)7;
        if (thread - sp < SMALLEST_STACK || (own_low && own_low <= sp) || look_over(sp, thread))
            return from_to(lo, thread);
    }
    return from_to(lo, (sp & ~(uintptr_t)(PAGE_BYTES - 1)) + PAGE_BYTES);
}

bool stack_reach(struct span *s, uintptr_t a)
{
    uintptr_t page = a & ~(uintptr_t)(PAGE_BYTES - 1);

    if (a % 8 || page == 0 || !readable(a))
        return false;
    if (page == s->lo + s->len)
        s->len += PAGE_BYTES;
    else
        *s = from_to(page, page + PAGE_BYTES);
    return true;
}
