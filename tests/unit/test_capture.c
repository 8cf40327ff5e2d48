/* SPDX-License-Identifier: MIT */
/*
 * test_capture.c: what capture_stack promises: the right frames, at no cost to the program, in
 * threads, handlers, and where libunwind has to help.
 *
 * The truth is what each function of the chain itself says of its return address. Comparisons over
 * generated programs: tests/capture.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/stacks/capture.h"
#include "agent/unwind/libunwind_walk.h"
#include "agent/unwind/stack_cache.h"

#define MAX 64

struct chain {
    uint64_t truth[128]; /* return addresses, outermost first */
    unsigned depth, max;
    uint64_t pcs[MAX + 32];
    unsigned n, flags;
    void (*at_end)(struct chain *);
};
static volatile int after;

static __attribute__((noinline)) void take(struct chain *c)
{
    c->n = capture_stack(c->pcs, c->max, &c->flags);
    after++;
}
static __attribute__((noinline)) void descend(struct chain *c, unsigned n)
{
    volatile char room[24];
    room[0] = (char)n;
    c->truth[c->depth++] = (uint64_t)__builtin_return_address(0);
    if (n)
        descend(c, n - 1);
    else
        c->at_end(c);
    after += room[0];
}
/* capture_stack was called by take, that by the last descend. */
static void assert_true_frames(const struct chain *c)
{
    unsigned want = c->depth < c->n - 2 ? c->depth : c->n - 2;
    assert_true(c->n > 2);
    for (unsigned i = 0; i < want; i++)
        assert_int_equal(c->pcs[2 + i], c->truth[c->depth - 1 - i]);
}

static void frames_come_innermost_first_and_are_the_callers_return_addresses(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 40; n++) {
        struct chain c = {.max = MAX, .at_end = take};
        descend(&c, n);
        assert_true(c.n > n + 3);
        assert_int_equal(c.flags, 0);
        assert_true_frames(&c);
    }
}

static void a_stack_that_does_not_fit_is_cut_and_says_so(void **state)
{
    (void)state;
    for (unsigned max = 0; max <= 12; max++) {
        struct chain c = {.max = max, .at_end = take, .pcs[12] = 77};
        c.pcs[max] = 4711;
        for (volatile int twice = 0; twice < 2; twice++) { /* walked, and recognized */
            c.depth = c.flags = 0;
            descend(&c, 20);
            assert_int_equal(c.n, max);
            assert_int_equal(c.flags, CAPTURE_CUT);
            assert_int_equal(c.pcs[max], 4711);
            if (max > 2)
                assert_true_frames(&c);
        }
    }
    struct chain deep = {.max = MAX, .at_end = take};
    descend(&deep, 100);
    assert_int_equal(deep.n, MAX);
    assert_int_equal(deep.flags, CAPTURE_CUT);
    struct chain deeper = {.max = MAX + 20, .at_end = take}; /* there is no room for more, whatever is asked for */
    descend(&deeper, 100);
    assert_int_equal(deeper.n, MAX);
}

static void flags_may_be_left_out_and_errno_is_kept(void **state)
{
    uint64_t pcs[MAX];
    (void)state;
    errno = 4711;
    assert_true(capture_stack(pcs, MAX, NULL) > 2);
    assert_int_equal(errno, 4711);
}

/* --- threads --- */

static void *in_thread(void *arg)
{
    struct chain *c = arg;
    descend(c, 20);
    return NULL;
}
static void the_first_stack_of_a_thread_is_complete(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct chain c = {.max = MAX, .at_end = take};
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, in_thread, &c), 0);
        pthread_join(t, NULL);
        assert_int_equal(c.flags, 0);
        assert_true(c.n >= 24 && c.n <= 27); /* take, 21 * descend, in_thread, start_thread, clone */
        assert_true_frames(&c);
    }
}

static _Atomic int ready, go, done;
static void *waiting_thread(void *arg)
{
    ready++;
    while (!go)
        ;
    in_thread(arg);
    done = 1;
    for (;;)
        ;
    return NULL;
}

/* From here on only these: anything else ends the process by SIGSYS. */
static int forbid_system_calls(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog p = {.len = sizeof f / sizeof *f, .filter = f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &p);
}

static void no_system_call_is_made_once_warm_nor_in_a_new_thread(void **state)
{
    (void)state;
    if (!walk_available())
        skip();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static struct chain first = {.max = MAX, .at_end = take}, warm = {.max = MAX, .at_end = take}, fresh = {.max = MAX, .at_end = take};
        static struct chain other = {.max = MAX, .at_end = take};
        pthread_t t;
        alarm(60);
        go = 1;
        if (pthread_create(&t, NULL, waiting_thread, &other) != 0)
            _exit(2);
        while (!done)
            ;
        go = done = 0;
        if (pthread_create(&t, NULL, waiting_thread, &fresh) != 0)
            _exit(2);
        while (ready != 2)
            ;
        for (volatile int i = 0; i < 2; i++) { /* one call site: what is new is parsed, with a look at what can be read */
            struct chain *c = i ? &warm : &first;
            if (i && forbid_system_calls() != 0)
                _exit(77);
            descend(c, 20);
        }
        go = 1;
        while (!done)
            ;
        _exit(warm.n == first.n && fresh.n >= 20 && !warm.flags && !fresh.flags ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* --- signals --- */

static struct chain handled;
static void handler(int sig)
{
    (void)sig;
    take(&handled);
}
static __attribute__((noinline)) void raise_it(struct chain *c)
{
    raise(SIGUSR1);
    c->n = handled.n;
    after++;
}
static void a_handlers_stack_goes_on_through_what_it_interrupted(void **state)
{
    struct chain c = {.max = MAX, .at_end = raise_it};
    unsigned i = 0;
    (void)state;
    handled = (struct chain){.max = MAX};
    signal(SIGUSR1, handler);
    descend(&c, 5);
    assert_int_equal(handled.flags, CAPTURE_IN_SIGNAL);
    while (i < handled.n && handled.pcs[i] != c.truth[c.depth - 1])
        i++;
    assert_true(i + c.depth <= handled.n);
    for (unsigned k = 0; k < c.depth; k++)
        assert_int_equal(handled.pcs[i + k], c.truth[c.depth - 1 - k]);
}

static volatile sig_atomic_t seen_nested, nested_recorded, ticks;
static sigjmp_buf *volatile leave;
static void tick(int sig)
{
    uint64_t pcs[MAX];
    unsigned flags, n = capture_stack(pcs, MAX, &flags);
    (void)sig;
    ticks++;
    if (flags & CAPTURE_NESTED) {
        seen_nested++;
        nested_recorded += n != 0;
        if (leave)
            siglongjmp(*leave, 1);
    }
}
static void timer(long usec)
{
    struct itimerval t = {.it_value = {.tv_usec = usec}, .it_interval = {.tv_usec = usec}};
    setitimer(ITIMER_REAL, &t, NULL);
}
static int in_time(time_t start) { return time(NULL) - start < 30; }

/* A stack that is recognized takes no walk that could be interrupted. */
static void forget_stacks(void)
{
    capture_dlclose_begin();
    capture_dlclose_end();
}

static void a_capture_inside_a_capture_records_nothing(void **state)
{
    uint64_t pcs[MAX];
    time_t start = time(NULL);
    (void)state;
    seen_nested = nested_recorded = 0;
    leave = NULL;
    signal(SIGALRM, tick);
    timer(300);
    while (seen_nested < 20 && in_time(start)) {
        forget_stacks();
        capture_stack(pcs, MAX, NULL);
    }
    timer(0);
    if (walk_available()) /* libunwind works with signals blocked, so little of such a capture can be interrupted */
        assert_true(seen_nested >= 20);
    assert_int_equal(nested_recorded, 0);
}

static void a_capture_that_a_handler_left_by_a_jump_does_not_silence_the_thread(void **state)
{
    static sigjmp_buf out;
    time_t start = time(NULL);
    (void)state;
    if (!walk_available())
        skip();
    signal(SIGALRM, tick);
    for (int i = 0; i < 20; i++) {
        seen_nested = 0;
        leave = &out;
        timer(300);
        if (sigsetjmp(out, 1) == 0) {
            struct chain c = {.max = MAX, .at_end = take};
            while (!seen_nested && in_time(start)) {
                forget_stacks();
                c.depth = 0;
                descend(&c, 10);
            }
        }
        timer(0);
        leave = NULL;
        /* Above, at, and below the place of the one that was left. */
        unsigned silent = 0;
        for (unsigned n = 0; n < 30; n++) {
            struct chain c = {.max = MAX, .at_end = take};
            descend(&c, n);
            silent += c.n == 0;
        }
        assert_int_equal(silent, 0);
        assert_true(seen_nested);
    }
}

/* --- the second tier --- */

static void by_libunwind(struct chain *c)
{
    struct walk w = {.max = c->max, .pcs = c->pcs};
    arch_caller(&w.at);
    enum walk_end end = unwind_run(&w);
    c->n = w.n;
    c->flags = end == WALK_LOST ? CAPTURE_BROKEN : end == WALK_FULL ? CAPTURE_CUT : 0;
    after++;
}

static void libunwind_finds_the_same_and_takes_no_descriptor(void **state)
{
    int before = open("/dev/null", O_RDONLY), now;
    (void)state;
    close(before);
    for (unsigned n = 0; n < 30; n += 7) {
        struct chain walked = {.max = MAX, .at_end = take}, c = {.max = MAX, .at_end = by_libunwind};
        descend(&walked, n);
        descend(&c, n);
        assert_int_equal(c.flags, 0);
        assert_int_equal(c.n + 1, walked.n); /* it was not told of the function that called it */
        for (unsigned i = 0; i < c.depth; i++)
            assert_int_equal(c.pcs[i + 1], c.truth[c.depth - 1 - i]);
    }
    now = open("/dev/null", O_RDONLY);
    close(now);
    assert_int_equal(now, before);
}

static void libunwind_leaves_mask_and_cancellation_as_they_were(void **state)
{
    struct chain c = {.max = MAX, .at_end = by_libunwind};
    sigset_t odd, is;
    int cancel;
    (void)state;
    sigemptyset(&odd);
    sigaddset(&odd, SIGUSR2);
    memset(&is, 0, sizeof is);
    pthread_sigmask(SIG_SETMASK, &odd, NULL);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    errno = 4711;
    descend(&c, 3);
    assert_int_equal(errno, 4711);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancel);
    pthread_sigmask(SIG_SETMASK, NULL, &is);
    assert_int_equal(cancel, PTHREAD_CANCEL_DISABLE);
    assert_true(sigismember(&is, SIGUSR2) && !sigismember(&is, SIGUSR1) && !sigismember(&is, SIGALRM));
    sigemptyset(&is);
    pthread_sigmask(SIG_SETMASK, &is, NULL);
}

static struct chain lost;
static void take_lost(void)
{
    take(&lost);
    after++;
}
static void (*made_code(void))(void (*)(void))
{
    /*
     * No rules, and a number in the frame pointer's register: push rbp; mov 1, ebp; call *rdi; pop
     * rbp; ret
     */
    static const unsigned char code[] = {0x55, 0xbd, 1, 0, 0, 0, 0xff, 0xd7, 0x5d, 0xc3};
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static unsigned times; /* each time at another address: what was of no use there is remembered */
    assert_ptr_not_equal(p, MAP_FAILED);
    p += 64 * ++times;
    memcpy(p, code, sizeof code);
    return (void (*)(void (*)(void)))(uintptr_t)p;
}
static uint64_t fallbacks(void)
{
    struct capture_stats now;
    capture_get_stats(&now);
    return now.fallbacks;
}

static void libunwind_is_not_asked_for_ever_where_it_is_of_no_use(void **state)
{
    (void)state;
    if (!walk_available())
        skip();
    void (*code)(void (*)(void)) = made_code();
    uint64_t before = fallbacks();
    for (int i = 0; i < 200; i++) {
        lost = (struct chain){.max = MAX};
        code(take_lost);
        assert_int_equal(lost.flags, CAPTURE_BROKEN);
        assert_int_equal(lost.n, 3); /* take, take_lost, the code */
    }
    assert_in_range(fallbacks() - before, 1, 100);
    munmap((void *)((uintptr_t)code & ~(uintptr_t)4095), 4096);
}

/* Two ways to one place are two stacks, also where code without rules lies between. */
static __attribute__((noinline)) void twice(void (*code)(void (*)(void)), uint64_t back[2])
{
    code(take_lost);
    back[0] = lost.pcs[3];
    after++;
    code(take_lost);
    back[1] = lost.pcs[3];
}
static void a_stack_with_code_without_rules_is_walked_each_time(void **state)
{
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5,
                                         0xff, 0xd7, 0x5d, 0xc3}; /* push rbp; mov rsp, rbp; call *rdi; pop rbp; ret */
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t back[2];
    (void)state;
    assert_ptr_not_equal(p, MAP_FAILED);
    memcpy(p + 2048, code, sizeof code);
    lost = (struct chain){.max = MAX};
    for (volatile int i = 0; i < 5; i++) {
        twice((void (*)(void (*)(void)))(uintptr_t)(p + 2048), back);
        assert_true(lost.n > 5);
        assert_true(back[0] > (uint64_t)twice && back[0] < back[1] && back[1] < (uint64_t)twice + 512);
    }
    munmap(p, 4096);
}

/* Its rule is an expression with a jump, which the walk does not follow. */
void odd_rule(void (*f)(void));
__asm__(".text\nodd_rule: .cfi_startproc\n sub $8, %rsp\n .cfi_escape 0x0f, 5, 0x77, 16, 0x2f, 0, 0\n call *%rdi\n"
        " add $8, %rsp\n ret\n .cfi_endproc\n");
static void where_libunwind_helps_it_is_asked_each_time(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        lost = (struct chain){.max = MAX};
        odd_rule(take_lost);
        assert_int_equal(lost.flags, 0);
        assert_true(lost.n > 5);
    }
}

static void raise_in_lost(void) { raise(SIGUSR1); }
static void libunwind_is_not_asked_in_a_signal_handler(void **state)
{
    (void)state;
    if (!walk_available())
        skip();
    void (*code)(void (*)(void)) = made_code();
    handled = (struct chain){.max = MAX};
    signal(SIGUSR1, handler);
    uint64_t before = fallbacks();
    code(raise_in_lost);
    assert_int_equal(handled.flags, CAPTURE_IN_SIGNAL | CAPTURE_BROKEN);
    assert_true(handled.n > 3);
    assert_int_equal(fallbacks(), before);
    munmap((void *)((uintptr_t)code & ~(uintptr_t)4095), 4096);
}

void on_stack(void *top, void (*f)(void));
__asm__(".text\non_stack: .cfi_startproc\n push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset %rbp, -16\n mov %rsp, %rbp\n"
        " .cfi_def_cfa_register %rbp\n mov %rdi, %rsp\n call *%rsi\n leave\n .cfi_def_cfa %rsp, 8\n ret\n .cfi_endproc\n");
static void capture_until_left(void)
{
    time_t start = time(NULL);
    uint64_t pcs[MAX];
    while (in_time(start)) {
        forget_stacks();
        capture_stack(pcs, MAX, NULL);
    }
}
static void a_capture_that_was_left_on_a_stack_that_is_gone_does_no_harm(void **state)
{
    static sigjmp_buf out;
    (void)state;
    if (!walk_available())
        skip();
    signal(SIGALRM, tick);
    for (volatile int i = 0; i < 5; i++) {
        char *p = mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(p, MAP_FAILED);
        leave = &out;
        timer(300);
        if (sigsetjmp(out, 1) == 0)
            on_stack(p + (64 << 10), capture_until_left);
        timer(0);
        leave = NULL;
        munmap(p, 64 << 10);
        struct chain c = {.max = MAX, .at_end = take};
        descend(&c, 5);
        assert_int_equal(c.flags, 0);
        assert_true_frames(&c);
    }
}

/* --- life --- */

static void stacks_stay_right_while_libraries_are_unloaded(void **state)
{
    struct capture_stats before, now;
    struct chain c = {.max = MAX, .at_end = take};
    (void)state;
    descend(&c, 3);
    capture_get_stats(&before);
    capture_dlclose_begin();
    capture_dlclose_begin();
    c.depth = 0;
    descend(&c, 3);
    assert_true_frames(&c);
    capture_dlclose_end();
    c.depth = 0;
    descend(&c, 3);
    assert_true_frames(&c);
    capture_dlclose_end();
    capture_get_stats(&now);
    assert_int_equal(now.captures - before.captures, 2);
    if (walk_available())
        assert_true(now.rules_parsed >= before.rules_parsed + 2 * (uint64_t)(c.n - 2)); /* nothing was remembered meanwhile */
    c.depth = 0;
    descend(&c, 3);
    assert_true_frames(&c);
}

/*
 * Two ways to one place: the same function, at the same depth of stack, called from two places that
 * differ only further out.
 */
static __attribute__((noinline)) unsigned noted_here(struct capture_ticket *t)
{
    uint64_t pcs[MAX];
    struct arch_frame from;
    arch_caller(&from);
    unsigned flags, n = capture_stack_noted(&from, 5, pcs, MAX, &flags, t);
    assert_int_equal(capture_note_of(&from, 5, MAX), t->note);
    assert_int_equal(capture_note_of(&from, 6, MAX), 0);
    __asm__ volatile("" ::: "memory");
    return n;
}
static __attribute__((noinline)) unsigned middle(struct capture_ticket *t)
{
    unsigned n = noted_here(t);
    __asm__ volatile("" ::: "memory");
    return n;
}
static __attribute__((noinline)) void by_two_ways(struct capture_ticket *a, struct capture_ticket *b)
{
    middle(a);
    __asm__ volatile("" ::: "memory");
    middle(b);
    __asm__ volatile("" ::: "memory");
}

static void a_note_comes_back_with_its_own_stack_alone(void **state)
{
    struct capture_ticket a, b;
    (void)state;
    if (!walk_available())
        skip();
    forget_stacks();
    void (*volatile both)(struct capture_ticket *, struct capture_ticket *) = by_two_ways;
    for (volatile int i = 0; i < 100; i++) {
        both(&a, &b);
        if (i == 0) {
            assert_int_equal(a.note, 0);
            assert_int_equal(b.note, 0);
            capture_note(&a, 11);
            capture_note(&b, 22);
            continue;
        }
        assert_int_equal(a.note, 11);
        assert_int_equal(b.note, 22);
    }
    forget_stacks(); /* the code may be another's */
    by_two_ways(&a, &b);
    assert_int_equal(a.note, 0);
    assert_int_equal(b.note, 0);
    capture_note(&b, 33); /* of an entry that has been given to other stacks since: lost, not misplaced */
    struct capture_ticket late = a;
    for (unsigned n = 0; n < 40; n++) {
        struct chain c = {.max = MAX, .at_end = take};
        descend(&c, n % 20);
    }
    capture_note(&late, 44);
    by_two_ways(&a, &b);
    assert_true(a.note == 0 || a.note == 44);
    assert_true(b.note == 0 || b.note == 33);
}

static void what_a_jump_left_half_written_is_free_again(void **state)
{
    (void)state;
    const struct arch_frame from = {.pc = 4711, .sp = 4712};
    uint64_t pcs[MAX] = {4711};
    struct stack_cache_found found;
    for (int i = 0; i < 8; i++) { /* there are fewer of them for one place of the stack */
        stack_cache_end(stack_cache_begin(&from, MAX, 1), &(struct walk){.n = 1, .pcs = pcs}, WALK_FULL, true, &found);
        assert_true(stack_cache_recall(&from, MAX, 1, true, pcs, &found));
    }
    for (int i = 0; i < 8; i++)
        assert_non_null(stack_cache_begin(&from, MAX, 1));
    assert_false(stack_cache_recall(&from, MAX, 1, true, pcs, &found)); /* none of them was finished */
}

static void a_forked_child_takes_its_own_stacks(void **state)
{
    (void)state;
    capture_fork_prepare();
    pid_t pid = fork();
    if (pid == 0) {
        capture_fork_child();
        struct chain c = {.max = MAX, .at_end = take}, u = {.max = MAX, .at_end = by_libunwind};
        alarm(20);
        descend(&c, 4);
        descend(&u, 4);
        _exit(c.n > 6 && u.n > 5 ? 0 : 1);
    }
    capture_fork_parent();
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct chain c = {.max = MAX, .at_end = by_libunwind};
    descend(&c, 4);
    assert_int_equal(c.flags, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_innermost_first_and_are_the_callers_return_addresses),
        cmocka_unit_test(a_stack_that_does_not_fit_is_cut_and_says_so),
        cmocka_unit_test(flags_may_be_left_out_and_errno_is_kept),
        cmocka_unit_test(the_first_stack_of_a_thread_is_complete),
        cmocka_unit_test(no_system_call_is_made_once_warm_nor_in_a_new_thread),
        cmocka_unit_test(a_handlers_stack_goes_on_through_what_it_interrupted),
        cmocka_unit_test(a_capture_inside_a_capture_records_nothing),
        cmocka_unit_test(a_capture_that_a_handler_left_by_a_jump_does_not_silence_the_thread),
        cmocka_unit_test(libunwind_finds_the_same_and_takes_no_descriptor),
        cmocka_unit_test(libunwind_leaves_mask_and_cancellation_as_they_were),
        cmocka_unit_test(libunwind_is_not_asked_for_ever_where_it_is_of_no_use),
        cmocka_unit_test(a_stack_with_code_without_rules_is_walked_each_time),
        cmocka_unit_test(where_libunwind_helps_it_is_asked_each_time),
        cmocka_unit_test(libunwind_is_not_asked_in_a_signal_handler),
        cmocka_unit_test(a_capture_that_was_left_on_a_stack_that_is_gone_does_no_harm),
        cmocka_unit_test(stacks_stay_right_while_libraries_are_unloaded),
        cmocka_unit_test(a_note_comes_back_with_its_own_stack_alone),
        cmocka_unit_test(what_a_jump_left_half_written_is_free_again),
        cmocka_unit_test(a_forked_child_takes_its_own_stacks),
    };
    capture_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
