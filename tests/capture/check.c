/* SPDX-License-Identifier: MIT */
/*
 * check.c: one stack, taken twice and compared: by capture_stack, and by libunwind.
 *
 * Called by the generated programs and the drivers. unw_backtrace is the quick reference; where it
 * differs, and for one stack in 64, libunwind is stepped without any cache, and that is the judge.
 * Every difference is counted under its explanation; one without makes the program fail and is
 * printed.
 */
#define UNW_LOCAL_ONLY
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <setjmp.h>
#include <signal.h>
#include <unwind.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "arch/cpu.h"
#include "agent/stacks/capture.h"

#define API __attribute__((visibility("default"), noinline))
#define MAX 64

static _Atomic uint64_t taken, same, broke, longer, derailed, landings, unbegun, noise, faulted, backtrace_wrong, cut, in_signal, nested,
    wrong;
static unsigned allowed;

struct stack {
    uint64_t pc[MAX];
    unsigned n, flags;
};

static bool own(uint64_t pc)
{
    static _Atomic uint64_t lo, hi;
    struct dl_find_object o;

    if (!lo && _dl_find_object((void *)own, &o) == 0) {
        hi = (uint64_t)o.dlfo_map_end;
        lo = (uint64_t)o.dlfo_map_start;
    }
    return pc >= lo && pc < hi;
}

/* dladdr too: the loader's range of an object may have a hole, in which something else is mapped. */
static bool in_object(uint64_t pc)
{
    struct dl_find_object o;
    Dl_info d;
    return _dl_find_object((void *)(pc - 1), &o) == 0 && dladdr((void *)(pc - 1), &d) != 0;
}

static bool trampoline(uint64_t pc)
{
    struct dl_find_object o;
    return _dl_find_object((void *)pc, &o) == 0 && !memcmp((const void *)pc, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);
}

/*
 * Leaves our own frames out, and gives a pc that a signal interrupted the form that it has in a
 * capture.
 */
static void add(struct stack *s, uint64_t pc, bool *exact)
{
    if (!own(pc) && s->n < MAX)
        s->pc[s->n++] = pc + *exact;
    *exact = trampoline(pc);
}

/*
 * libunwind may fault where a signal struck amid a jump to a landing pad: it follows registers that
 * belong to two frames at once. That is caught for the reference alone; a fault of the capture ends
 * the program.
 */
static __thread sigjmp_buf *guard;

static void on_fault(int number)
{
    sigjmp_buf *to = guard;
    guard = NULL;
    if (to)
        siglongjmp(*to, 1);
    signal(number, SIG_DFL);
}

static void stepped(struct stack *s)
{
    unw_context_t uc;
    unw_cursor_t c;
    unw_word_t pc;
    bool exact = false;

    s->n = 0;
    unw_getcontext(&uc);
    unw_init_local(&c, &uc);
    do {
        if (unw_get_reg(&c, UNW_REG_IP, &pc) < 0 || pc == 0)
            break;
        add(s, pc, &exact);
    } while (s->n < MAX && unw_step(&c) > 0);
}

/* False: it faulted; what it had found until then is in S. */
static __attribute__((noinline)) bool stepped_safely(struct stack *s)
{
    sigjmp_buf here;
    if (sigsetjmp(here, 1))
        return false;
    guard = &here;
    stepped(s);
    guard = NULL;
    return true;
}

static void quick(struct stack *s)
{
    void *pc[MAX + 16];
    int n = unw_backtrace(pc, MAX + 16);
    bool exact = false;

    s->n = 0;
    for (int i = 0; i < n; i++)
        add(s, (uint64_t)pc[i], &exact);
}

static _Unwind_Reason_Code visit(struct _Unwind_Context *c, void *arg)
{
    struct stack *s = arg;
    int before = 0;
    uint64_t pc = _Unwind_GetIPInfo(c, &before);

    if (pc && !own(pc) && s->n < MAX)
        s->pc[s->n++] = pc + (before != 0);
    return s->n < MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* The compiler's unwinder, as a third opinion. */
static void by_compiler(struct stack *s)
{
    s->n = 0;
    _Unwind_Backtrace(visit, s);
}

/*
 * An exception about to land: the compiler's unwinder has already put the registers of the landing
 * frame in the place of its caller's, and leaves by a jump that no return address stands for. No
 * table describes these instructions.
 */
static bool landing(const struct stack *s)
{
    for (unsigned i = 1; i < s->n; i++) {
        if (!trampoline(s->pc[i - 1]))
            continue;
        for (unsigned k = i; k < s->n && k < i + 3; k++) {
            Dl_info d;
            if (dladdr((void *)(s->pc[k] - 1), &d) && d.dli_sname && !strncmp(d.dli_sname, "_Unwind_", 8))
                return true;
        }
    }
    return false;
}

static unsigned common(const struct stack *a, const struct stack *b)
{
    unsigned i = 0;
    while (i < a->n && i < b->n && a->pc[i] == b->pc[i])
        i++;
    return i;
}
static bool equal(const struct stack *a, const struct stack *b) { return a->n == b->n && common(a, b) == a->n; }

static void show(const char *name, const struct stack *s)
{
    fprintf(stderr, "  %s, %u frames, flags %x:\n", name, s->n, s->flags);
    for (unsigned i = 0; i < s->n; i++) {
        Dl_info d = {0};
        bool named = dladdr((void *)(s->pc[i] - 1), &d) && d.dli_fname;
        fprintf(stderr, "    #%u %lx %s+%lx (%s)\n", i, s->pc[i], named ? d.dli_fname : "?", named ? s->pc[i] - (uint64_t)d.dli_fbase : 0,
                named && d.dli_sname ? d.dli_sname : "");
    }
}

API void check_fail(const char *why)
{
    if (wrong++ < 1)
        fprintf(stderr, "%s\n", why);
}

/*
 * A frame that has not begun, rather than one that a signal interrupted at its first instruction:
 * that one is recorded one byte further.
 */
static bool at_first_instruction(uint64_t pc) { return _Unwind_FindEnclosingFunction((void *)(pc + 1)) == (void *)pc; }

static void judge(const struct stack *mine, const struct stack *ref)
{
    unsigned n = common(mine, ref);
    struct stack third = {.flags = 0};

    if (mine->n > n && !(mine->flags & CAPTURE_BROKEN) && n > 0 && !arch_after_call((const unsigned char *)mine->pc[n - 1]) &&
        (n == ref->n || at_first_instruction(mine->pc[n - 1]))) {
        unbegun++; /* the others look before its first instruction, where another function's rules are, or none */
        return;
    }
    if (landing(mine)) {
        landings++;
        return;
    }
    if (n == mine->n && (mine->flags & CAPTURE_BROKEN) && !in_object(ref->pc[n])) {
        noise++;
        return;
    }
    by_compiler(&third);
    if (equal(mine, &third)) {
        derailed++;
        return;
    }
    if (n == mine->n && (mine->flags & CAPTURE_BROKEN)) {
        broke++;
        if (allowed & CHECK_MAY_BREAK)
            return;
    }
    if (n == ref->n && mine->n > n) {
        longer++;
        if (allowed & CHECK_MAY_BE_LONGER)
            return;
    }
    if (wrong++ < 1) {
        fprintf(stderr, "stacks differ from frame %u on\n", n);
        show("capture", mine);
        show("libunwind", ref);
        show("libgcc", &third);
    }
}

static __attribute__((noinline)) void check(bool handler)
{
    struct stack mine, ref;
    int err = errno = 1234567;
    uint64_t which = taken++;

    mine.n = capture_stack(mine.pc, MAX, &mine.flags);
    if (errno != err)
        check_fail("errno changed");
    if (mine.flags & CAPTURE_NESTED) { /* the timer struck inside a capture */
        nested++;
        return;
    }
    if (mine.flags & CAPTURE_IN_SIGNAL)
        in_signal++;
    if (mine.flags & CAPTURE_CUT)
        cut++;
    if (allowed & CHECK_NO_REFERENCE) {
        same++;
        return;
    }
    if (!handler) {
        quick(&ref);
        if (equal(&mine, &ref) && which % 64) {
            same++;
            return;
        }
    }
    bool differed = !handler && !equal(&mine, &ref);
    if (!stepped_safely(&ref)) {
        faulted++;
        if (!landing(&mine))
            check_fail("libunwind faulted, and not amid the jump to a landing pad");
        return;
    }
    if (equal(&mine, &ref)) {
        same++;
        backtrace_wrong += differed;
        return;
    }
    judge(&mine, &ref);
}

API void check_here(void) { check(false); }
API void check_in_handler(void)
{
    int err = errno;
    check(true);
    errno = err;
}

API unsigned check_take(uint64_t *pcs, unsigned max, unsigned *flags)
{
    taken++;
    return capture_stack(pcs, max, flags);
}

API void check_functions(void *const *functions, unsigned n)
{
    struct stack s;

    taken++;
    s.n = capture_stack(s.pc, MAX, &s.flags);
    for (unsigned i = 0; i < n; i++) {
        Dl_info d;
        if (i < s.n && dladdr((void *)(s.pc[i] - 1), &d) && d.dli_saddr == functions[i])
            continue;
        if (wrong++ < 1) {
            fprintf(stderr, "frame %u is in another function\n", i);
            show("capture", &s);
        }
        return;
    }
    same++;
}

API void check_arm(void)
{
    static unsigned long seed = 1;
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    struct itimerval t = {.it_value = {.tv_usec = 20 + (long)(seed >> 33) % 200}};
    setitimer(ITIMER_REAL, &t, NULL);
}

API void check_allow(unsigned allow) { allowed = allow; }
API uint64_t check_count(void) { return taken; }
API int check_dlclose(void *lib)
{
    capture_dlclose_begin();
    int ret = dlclose(lib);
    capture_dlclose_end();
    return ret;
}
API void check_fork_prepare(void) { capture_fork_prepare(); }
API void check_fork_parent(void) { capture_fork_parent(); }
API void check_fork_child(void) { capture_fork_child(); }

__attribute__((constructor)) static void begin(void)
{
    capture_init();
    unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_PER_THREAD);
    struct sigaction fault = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaction(SIGSEGV, &fault, NULL);
}

API int check_done(const char *name)
{
    struct capture_stats s;

    capture_get_stats(&s);
    printf("%-28s %8lu stacks, %lu same", name, taken, same);
    if (in_signal)
        printf(", %lu in handlers", in_signal);
    if (nested)
        printf(", %lu inside a capture", nested);
    if (cut)
        printf(", %lu cut", cut);
    if (longer)
        printf(", %lu where libunwind stopped earlier", longer);
    if (derailed)
        printf(", %lu where libgcc agrees and libunwind does not", derailed);
    if (landings)
        printf(", %lu amid the jump to a landing pad", landings);
    if (unbegun)
        printf(", %lu of a coroutine that has not begun", unbegun);
    if (faulted)
        printf(", %lu where libunwind faults", faulted);
    if (noise)
        printf(", %lu where libunwind goes on with a number that is no code", noise);
    if (broke)
        printf(", %lu ended early and said so", broke);
    if (backtrace_wrong)
        printf(", %lu where unw_backtrace was wrong", backtrace_wrong);
    if (s.fallbacks)
        printf(", %lu fallbacks", s.fallbacks);
    printf(", %lu wrong\n", wrong);
    return wrong != 0 || taken == 0;
}
