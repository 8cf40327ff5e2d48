/* SPDX-License-Identifier: MIT */
/*
 * stack_memory.c: finds which part of the stack can be read without a fault.
 *
 * A stack may be anywhere: the thread's own, a signal stack, a coroutine's, one that the program
 * made. Only three things are known without asking the kernel: the page that sp points into; the
 * first thread's stack up to where the kernel began it; and the end of a thread's own stack, where
 * the C library keeps its control block. For everything else the kernel is asked, page by page.
 * Results about the thread's own stack are kept per thread, because that stack cannot be unmapped
 * while the thread runs. Results about other stacks are dropped when the walk ends.
 */
#include "stack_memory.h"

#include <sys/auxv.h>

#include "../../arch/cpu.h"
#include "../../libc/libc.h"
#include "../base/auxv.h"
#include "../base/pages.h"
#include "../base/readable.h"

/* How far below the control block the thread's stack is probed, once. */
#define PROBE_LIMIT (1u << 20)

extern void *__libc_stack_end __attribute__((weak));

uintptr_t stack_first_end;
static uintptr_t first_thread;

/*
 * This thread's stack is readable from own_low up to its control block; the page at own_hole is not
 * readable. 0: not probed yet.
 */
static __thread uintptr_t own_low, own_hole;

void stack_memory_init(void)
{
    /* the kernel puts what AT_RANDOM points to above the first frame */
    uintptr_t end = &__libc_stack_end ? (uintptr_t)__libc_stack_end : auxv_get(AT_RANDOM);
    stack_first_end = end & ~(uintptr_t)7;
    if (sys_gettid() == sys_getpid())
        first_thread = arch_thread_pointer();
}

static struct span span_of(uintptr_t lo, uintptr_t hi) { return (struct span){.lo = lo, .len = hi - lo}; }

static bool probe_own_stack(uintptr_t sp, uintptr_t thread)
{
    uintptr_t low = own_low ? own_low : (thread - LIBC_SMALLEST_STACK) & ~(uintptr_t)(PAGE_BYTES - 1);

    while (low > sp) {
        if (low - PAGE_BYTES == own_hole || !readable(low - PAGE_BYTES)) {
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

    if (stack_first_end - sp < STACK_FIRST_FREE)
        return span_of(lo, stack_first_end);
    if (thread != first_thread && thread - sp < PROBE_LIMIT) {
        thread &= ~(uintptr_t)7;
        if (libc_stack_reaches(thread - sp) || (own_low && own_low <= sp) || probe_own_stack(sp, thread))
            return span_of(lo, thread);
    }
    return span_of(lo, (sp & ~(uintptr_t)(PAGE_BYTES - 1)) + PAGE_BYTES);
}

bool stack_reach(struct span *s, uintptr_t a)
{
    uintptr_t page = a & ~(uintptr_t)(PAGE_BYTES - 1);

    if (a % 8 || page == 0 || !readable(a))
        return false;
    if (page == s->lo + s->len)
        s->len += PAGE_BYTES;
    else
        *s = span_of(page, page + PAGE_BYTES);
    return true;
}
