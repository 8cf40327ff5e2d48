/* SPDX-License-Identifier: MIT */
/*
 * test_unwind.c: the second tier on its leash: when libunwind is loaded, what it reads, and what
 * comes between.
 *
 * Loading happens once in a process, so each test is a child of its own that begins before it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/unwind/libunwind_walk.h"

#define PAGE 4096u

/*
 * The body of a test, in a child: 0, or the line that failed. A signal of the child fails the test
 * too.
 */
#define CHECK(what)          \
    do {                     \
        if (!(what))         \
            return __LINE__; \
    } while (0)
static void in_a_child(int (*body)(void))
{
    int status, ends[2], line = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        line = body();
        _exit(write(ends[1], &line, sizeof line) != sizeof line);
    }
    close(ends[1]);
    if (read(ends[0], &line, sizeof line) != sizeof line)
        line = -1;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(line, 0);
}

static uint64_t pcs[64];
static struct walk w;
static enum walk_end end;
static volatile int after;

static __attribute__((noinline)) void unwind(void)
{
    w = (struct walk){.max = 64, .pcs = pcs};
    arch_caller(&w.at);
    end = unwind_run(&w);
    after++;
}
static bool complete(void)
{
    unwind();
    return end == WALK_OUTERMOST && w.n > 3;
}

/* on_stack runs F with the stack at TOP; the other two have rules that lie. */
void on_stack(void *top, void (*f)(void));
void false_far(void (*f)(void));
void straddles(void);
void straddling(void);
__asm__(".text\non_stack: .cfi_startproc\n push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset %rbp, -16\n mov %rsp, %rbp\n"
        " .cfi_def_cfa_register %rbp\n mov %rdi, %rsp\n call *%rsi\n leave\n .cfi_def_cfa %rsp, 8\n ret\n .cfi_endproc\n"
        "false_far: .cfi_startproc\n .cfi_def_cfa_offset 0x40000000\n sub $8, %rsp\n call *%rdi\n add $8, %rsp\n ret\n .cfi_endproc\n"
        /*
         * at the call sp is 16 below the top of the stack: the return address is said to lie across
         * its end
         */
        "straddles: .cfi_startproc\n sub $8, %rsp\n .cfi_def_cfa_offset 20\n call straddling\n add $8, %rsp\n ret\n .cfi_endproc\n");
__attribute__((used)) void straddling(void) { unwind(); }

static char *small_stack(size_t size)
{
    char *p = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + PAGE, size, PROT_READ | PROT_WRITE) != 0)
        _exit(3);
    return p + PAGE + size;
}

/* ---- loading --------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t loaded_in_handler;
static void load_in_handler(int sig)
{
    (void)sig;
    loaded_in_handler = unwind_load((uintptr_t)__builtin_frame_address(0));
}
static int handler_body(void)
{
    signal(SIGUSR1, load_in_handler);
    raise(SIGUSR1);
    CHECK(!loaded_in_handler);
    CHECK(unwind_load((uintptr_t)__builtin_frame_address(0)));
    raise(SIGUSR1);
    CHECK(loaded_in_handler); /* it is there already */
    return 0;
}
static void libunwind_is_not_loaded_in_a_signal_handler(void **state)
{
    (void)state;
    in_a_child(handler_body);
}

static bool loaded;
static void load_here(void) { loaded = unwind_load((uintptr_t)__builtin_frame_address(0)); }
static int small_body(void)
{
    on_stack(small_stack(PAGE), load_here);
    CHECK(loaded);
    on_stack(small_stack(PAGE), unwind);
    CHECK(end != WALK_LOST && w.n >= 2);
    return 0;
}
static void a_stack_of_one_page_is_enough_to_load_and_to_run_it(void **state)
{
    (void)state;
    in_a_child(small_body);
}

static int errno_body(void)
{
    errno = 4711;
    CHECK(complete()); /* loads it: what the loader leaves in errno is nothing of the program's */
    CHECK(errno == 4711);
    return 0;
}
static void errno_is_kept_while_it_is_loaded(void **state)
{
    (void)state;
    in_a_child(errno_body);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int far_body(void)
{
    CHECK(complete());
    false_far(unwind);
    CHECK(end == WALK_LOST || w.n < 4);
    on_stack(small_stack(2 * PAGE), straddles);
    CHECK(end == WALK_LOST || w.n < 4);
    CHECK(complete());
    return 0;
}
static void rules_that_lead_where_nothing_can_be_read_end_the_stack_without_a_fault(void **state)
{
    (void)state;
    in_a_child(far_body);
}

/* ---- what comes between ---------------------------------------------------------------------------------------- */

static volatile sig_atomic_t ticks, lost;
static void tick(int sig)
{
    uint64_t mine[64];
    struct walk inner = {.max = 64, .pcs = mine};
    (void)sig;
    arch_caller(&inner.at);
    ticks++;
    lost += unwind_run(&inner) == WALK_LOST;
}
static int signals_body(void)
{
    CHECK(complete());
    signal(SIGALRM, tick);
    struct itimerval often = {.it_value = {.tv_usec = 200}, .it_interval = {.tv_usec = 200}}, off = {.it_value = {.tv_usec = 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    while (ticks < 100 && !lost)
        CHECK(complete());
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(!lost);
    return 0;
}
static void no_signal_handler_comes_between(void **state)
{
    (void)state;
    in_a_child(signals_body);
}

static _Atomic int at_work;
static void *until_cancelled(void *how)
{
    int ignored;
    uint64_t mine[64];
    pthread_setcanceltype(how ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED, &ignored);
    for (;;) {
        struct walk own = {.max = 64, .pcs = mine};
        arch_caller(&own.at);
        unwind_run(&own);
        at_work++;
        if (!how)
            pthread_testcancel();
    }
    return NULL;
}
static int cancel_body(void)
{
    CHECK(complete());
    for (int i = 0; i < 60; i++) {
        pthread_t t;
        at_work = 0;
        CHECK(pthread_create(&t, NULL, until_cancelled, i % 2 ? &t : NULL) == 0);
        while (at_work < 2 + i % 3)
            ;
        pthread_cancel(t);
        CHECK(pthread_join(t, NULL) == 0);
        CHECK(complete()); /* the thread has not died with the lock */
    }
    return 0;
}
static void a_thread_is_not_cancelled_in_the_middle(void **state)
{
    (void)state;
    in_a_child(cancel_body);
}

static int fork_body(void)
{
    CHECK(complete());
    unwind_fork_prepare();
    unwind_fork_prepare(); /* as if a thread that does not come along held it: waits for it in vain */
    unwind_fork_done(true);
    CHECK(complete());
    unwind_fork_prepare();
    unwind_fork_done(false);
    CHECK(complete());
    return 0;
}
static void a_forked_child_does_not_wait_for_its_parents_threads(void **state)
{
    (void)state;
    in_a_child(fork_body);
}

static _Atomic bool stop;
static void *captures(void *arg)
{
    uint64_t mine[64];
    while (!stop) {
        struct walk own = {.max = 64, .pcs = mine};
        arch_caller(&own.at);
        unwind_run(&own);
        at_work++;
    }
    return arg;
}
static int prepared_body(void)
{
    pthread_t t;
    CHECK(complete());
    CHECK(pthread_create(&t, NULL, captures, NULL) == 0);
    while (at_work < 2)
        ;
    unwind_fork_prepare();
    int before = at_work;
    usleep(20000);
    CHECK(at_work <= before + 1); /* one may just have ended */
    unwind_fork_done(false);
    while (at_work <= before + 1)
        ;
    stop = true;
    pthread_join(t, NULL);
    return 0;
}
static void no_stack_is_under_way_across_fork(void **state)
{
    (void)state;
    in_a_child(prepared_body);
}

/* ---- another stack ---------------------------------------------------------------------------------------------- */

static void unwind_in_handler(int sig)
{
    (void)sig;
    unwind();
}
static void *on_a_higher_stack(void *high)
{
    stack_t alt = {.ss_sp = high, .ss_size = 64 << 10};
    struct sigaction action = {.sa_handler = unwind_in_handler, .sa_flags = SA_ONSTACK};
    sigaltstack(&alt, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    return high;
}
static int higher_body(void)
{
    char high[64 << 10];
    pthread_t t;
    CHECK(complete());
    CHECK(pthread_create(&t, NULL, on_a_higher_stack, high) == 0);
    pthread_join(t, NULL);
    CHECK(end == WALK_OUTERMOST && w.n > 5 && w.in_signal);
    return 0;
}
static void a_handlers_stack_goes_on_where_the_interrupted_one_lies_lower(void **state)
{
    (void)state;
    in_a_child(higher_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libunwind_is_not_loaded_in_a_signal_handler),
        cmocka_unit_test(a_stack_of_one_page_is_enough_to_load_and_to_run_it),
        cmocka_unit_test(errno_is_kept_while_it_is_loaded),
        cmocka_unit_test(a_handlers_stack_goes_on_where_the_interrupted_one_lies_lower),
        cmocka_unit_test(rules_that_lead_where_nothing_can_be_read_end_the_stack_without_a_fault),
        cmocka_unit_test(no_signal_handler_comes_between),
        cmocka_unit_test(a_thread_is_not_cancelled_in_the_middle),
        cmocka_unit_test(a_forked_child_does_not_wait_for_its_parents_threads),
        cmocka_unit_test(no_stack_is_under_way_across_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
