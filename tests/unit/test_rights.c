/* SPDX-License-Identifier: MIT */
/*
 * test_rights.c: the hand-over of a call that changes rights, from the thread that made it to the
 * one that follows.
 *
 * The code is compiled in. The calls that it would make are written down, with the thread that made
 * them; a thread of the test stands for the watcher.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/descriptors.h"
#include "agent/base/sys.h"
#include "agent/base/thread.h"
#include "agent/track/gate.h"
#include "agent/watch/rights.h"

static char made[256]; /* the calls */
static _Atomic int made_by;
static _Atomic long answer; /* of the kernel */
static _Atomic bool slow;   /* the call lasts until this is false */
static uint32_t header_passed[2];
static const void *data_passed;
static _Atomic uint32_t file_id_is; /* of setfsuid */
static _Atomic bool refuses_file_id;

static gid_t groups_passed[4];
static _Atomic long groups_are; /* the kernel's answer: how many, or -errno */

static long note_call(long number, const long *args, int n)
{
    char text[128];
    size_t len = (size_t)snprintf(text, sizeof text, "%ld(", number);
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%ld,", args[i]);
    if (number == SYS_setgroups && args[0] == 3)
        memcpy(groups_passed, (const void *)args[1], 3 * sizeof *groups_passed);
    strncat(made, text, sizeof made - strlen(made) - 1);
    made_by = gettid();
    while (slow)
        sched_yield();
    return answer;
}

static long call1(long number, long a)
{
    if (number != SYS_setfsuid && number != SYS_setfsgid)
        return arch_syscall(number, a, 0, 0, 0, 0, 0);
    long was = file_id_is;
    if ((int)a != -1) {
        note_call(number, &a, 1);
        if (!refuses_file_id)
            file_id_is = (uint32_t)a;
    }
    return was;
}
static long get_groups(long n, gid_t *to)
{
    for (long i = 0; i < n; i++)
        to[i] = (gid_t)(70 + i);
    return n && n < groups_are ? -EINVAL : groups_are;
}
static long call2(long number, long a, long b)
{
    if (number == SYS_getgroups)
        return get_groups(a, (gid_t *)b);
    if (number != SYS_capset && number != 446)
        return arch_syscall(number, a, b, 0, 0, 0, 0);
    if (number == SYS_capset) {
        memcpy(header_passed, (const void *)a, sizeof header_passed);
        data_passed = (const void *)b;
    }
    return note_call(number, (const long[]){number == 446 ? a : 0, number == 446 ? b : 0}, 2);
}
#undef SYS1
#undef SYS2
#undef SYS5
#define SYS1(n, a) call1((n), (long)(a))
#define SYS2(n, a, b) call2((n), (long)(a), (long)(b))
#define SYS5(n, a, b, c, d, e) note_call((n), (const long[]){(a), (b), (c), (d), (e)}, 5)
#include "agent/watch/rights.c" /* NOLINT(bugprone-suspicious-include) */

/* ---- the rest of the agent ---- */

__thread struct this_thread this_thread __attribute__((tls_model("initial-exec")));
static bool vfork_child;
bool gate_is_vfork_child(void) { return vfork_child; }
static int copies;
static long copy_is = 90;
long descriptors_copy(int fd)
{
    copies++;
    return fd == 5 ? copy_is : -EBADF;
}
void descriptors_drop(int copy)
{
    assert_int_equal(copy, copy_is);
    copies--;
}

/* ---- a watcher ---- */

static pthread_t watcher;
static _Atomic bool ends, serves, sleeps;
static _Atomic uint32_t word; /* on which it sleeps */
static _Atomic int watcher_tid;
static _Atomic unsigned served_same, served_other;
static bool own_table;

static void *watch(void *arg)
{
    (void)arg;
    this_thread.is_watcher = true;
    this_thread.own_table = own_table;
    watcher_tid = gettid();
    while (!ends) {
        if (!serves) {
            sched_yield();
            continue;
        }
        if (sleeps && rights_may_sleep(&word))
            sys_futex((volatile void *)&word, FUTEX_WAIT, 0, NULL, NULL, 0);
        enum rights_served is = rights_serve();
        served_same += is == RIGHTS_SAME;
        served_other += is == RIGHTS_OTHER;
    }
    rights_watcher_ends();
    return NULL;
}

static void begin(void)
{
    rights_watcher_begins(false);
    assert_int_equal(pthread_create(&watcher, NULL, watch, NULL), 0);
    while (!watcher_tid)
        sched_yield();
}

static int setup(void **state)
{
    (void)state;
    memset(&this_thread, 0, sizeof this_thread);
    memset(made, 0, sizeof made);
    made_by = watcher_tid = 0;
    copies = 0;
    answer = 0;
    copy_is = 90;
    slow = ends = refuses_file_id = false;
    own_table = vfork_child = false;
    serves = sleeps = true;
    served_same = served_other = 0;
    file_id_is = 0;
    sys_sandboxed = false;
    rights_forked_child();
    alarm(30); /* a guard that is gone may leave a thread asleep for good */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (watcher_tid) {
        ends = true;
        slow = false;
        word = 1;
        sys_futex((volatile void *)&word, FUTEX_WAKE, 1, NULL, NULL, 0);
        pthread_join(watcher, NULL);
        word = 0;
    }
    alarm(0);
    return 0;
}

static void made_there(const char *what)
{
    assert_string_equal(made, what);
    assert_int_equal(made_by, watcher_tid);
    made[0] = 0;
}

/* ---- the hand-over ---- */

static void a_watcher_that_sleeps_makes_the_call_before_the_hand_over_returns(void **state)
{
    (void)state;
    begin();
    assert_true(rights_followed());
    char expected[64];
    for (int i = 0; i < 300; i++) {
        errno = 33;
        assert_true(rights_hand_over(SYS_setresuid, i, -1, 3, 4, 5));
        assert_int_equal(errno, 33);
        snprintf(expected, sizeof expected, "%d(%d,-1,3,4,5,", SYS_setresuid, i);
        made_there(expected);
    }
    assert_int_equal(stage, FREE);
}

static void what_comes_when_it_does_not_sleep_is_made_at_its_next_step(void **state)
{
    (void)state;
    sleeps = false;
    begin();
    for (int i = 0; i < 300; i++)
        assert_true(rights_hand_over(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    while (served_same < 300)
        sched_yield();
}

/* Asleep, as one whose question whether it may sleep came before the call. */
static void *sleep_too_late(void *arg)
{
    while (stage != ASKED)
        sched_yield();
    usleep(1000); /* so that the first wake has most likely been, with nobody to wake */
    sleeps_on = &word;
    sys_futex((volatile void *)&word, FUTEX_WAIT, 0, NULL, NULL, 0);
    rights_serve();
    return arg;
}

static void a_wake_that_came_too_early_is_repeated(void **state)
{
    (void)state;
    pthread_t t;
    rights_watcher_begins(false);
    pthread_create(&t, NULL, sleep_too_late, NULL);
    assert_true(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    pthread_join(t, NULL);
}

static void no_call_is_made_by_a_watcher_that_was_asked_for_none(void **state)
{
    (void)state;
    assert_int_equal(rights_serve(), RIGHTS_NONE);
    assert_true(rights_may_sleep(&word));
    assert_string_equal(made, "");
}

static void a_call_that_waits_keeps_the_watcher_awake(void **state)
{
    (void)state;
    stage = ASKED;
    assert_false(rights_may_sleep(&word));
    stage = FREE;
    assert_true(rights_may_sleep(&word));
}

static void a_call_that_fails_there_is_told(void **state)
{
    (void)state;
    answer = -EPERM;
    begin();
    assert_false(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    made_there("105(3,0,0,0,0,");
    while (!served_other)
        sched_yield();
    assert_int_equal(served_same, 0);
    assert_false(rights_followed()); /* it must end: nobody asks it any more */
}

static void a_call_that_failed_is_told_also_when_the_watcher_has_ended_by_then(void **state)
{
    (void)state;
    rights_watcher_begins(false);
    stage = FAILED;
    rights_owner = 0;
    assert_false(outcome());
    stage = DONE;
    assert_true(outcome());
    stage = ASKED; /* it has ended without it */
    assert_true(outcome());
    rights_owner = 1;
    stage = ASKED;
    assert_false(outcome());
}

static void a_busy_watcher_is_waited_for_with_a_limit_and_does_not_make_the_call_later(void **state)
{
    (void)state;
    serves = false;
    begin();
    uint64_t before = sys_clock(CLOCK_MONOTONIC);
    assert_false(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    assert_true(sys_clock(CLOCK_MONOTONIC) - before >= LIMIT_NS);
    assert_int_equal(rights_serve(), RIGHTS_NONE);
    assert_string_equal(made, ""); /* pointers among its arguments may be gone */
}

static void a_call_that_lasts_there_is_given_up_too(void **state)
{
    (void)state;
    slow = true;
    begin();
    assert_false(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    assert_int_equal(made_by, watcher_tid);
}

static void who_waits_for_a_watcher_that_ends_waits_no_longer(void **state)
{
    (void)state;
    sleeps = false;
    serves = false;
    begin();
    ends = true;
    assert_true(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    assert_false(rights_followed());
}

/* ---- each call ---- */

static void what_libc_makes_in_each_thread_that_it_knows_is_made_for_another_alone(void **state)
{
    (void)state;
    begin();
    assert_true(rights_hand_over_libcs(SYS_setresuid, 1, 2, 3));
    char expected[64];
    snprintf(expected, sizeof expected, "%d(1,2,3,0,0,", SYS_setresuid);
    made_there(expected);
    groups_are = 3;
    assert_true(rights_hand_over_groups());
    snprintf(expected, sizeof expected, "%d(3,", SYS_setgroups);
    assert_memory_equal(made, expected, strlen(expected));
    assert_memory_equal(groups_passed, ((gid_t[]){70, 71, 72}), 3 * sizeof(gid_t));
    made[0] = 0;
    groups_are = 0;
    assert_true(rights_hand_over_groups());
    snprintf(expected, sizeof expected, "%d(0,", SYS_setgroups);
    assert_memory_equal(made, expected, strlen(expected));
    made[0] = 0;
    groups_are = -EPERM; /* under a filter */
    assert_false(rights_hand_over_groups());
    assert_string_equal(made, "");
    atomic_store(&by_libc, true);
    assert_true(rights_hand_over_groups());
    assert_true(rights_hand_over_libcs(SYS_setresuid, 1, 2, 3));
    assert_string_equal(made, "");
    rights_watcher_begins(false);
    assert_false(atomic_load(&by_libc));
}

static void capset_is_made_for_the_watcher_itself(void **state)
{
    (void)state;
    uint32_t header[2] = {0x20080522, (uint32_t)gettid()};
    begin();
    assert_true(rights_hand_over(SYS_capset, (long)header, (long)made, 0, 0, 0));
    assert_int_equal(header_passed[0], 0x20080522);
    assert_int_equal(header_passed[1], 0);
    assert_ptr_equal(data_passed, made);
    answer = -EPERM;
    assert_false(rights_hand_over(SYS_capset, (long)header, (long)made, 0, 0, 0));
}

static void the_file_ids_are_asked_for_whether_they_took(void **state)
{
    (void)state;
    char expected[64];
    begin();
    assert_true(rights_hand_over(SYS_setfsuid, 7, 0, 0, 0, 0)); /* the program's own has failed */
    assert_string_equal(made, "");
    file_id_is = 7;
    assert_true(rights_hand_over(SYS_setfsuid, 7, 0, 0, 0, 0));
    snprintf(expected, sizeof expected, "%d(7,", SYS_setfsuid);
    made_there(expected);
    file_id_is = UINT32_MAX - 1; /* an int below 0 to libc, and not to the kernel */
    assert_true(is_file_id(SYS_setfsuid, -2));
    assert_false(is_file_id(SYS_setfsuid, 5));
}

static void a_file_id_that_does_not_take_there_is_a_failure(void **state)
{
    (void)state;
    asked = (__typeof__(asked)){SYS_setfsuid, 7, 0, 0, 0, 0};
    refuses_file_id = true;
    assert_false(make_call());
    refuses_file_id = false;
    assert_true(make_call());
}

static void a_ruleset_is_copied_for_a_watcher_with_a_table_of_its_own(void **state)
{
    (void)state;
    begin();
    assert_true(rights_hand_over(446, 5, 3, 0, 0, 0));
    made_there("446(5,3,");
    teardown(state);
    setup(state);
    own_table = true;
    begin();
    assert_true(rights_hand_over(446, 5, 3, 0, 0, 0));
    made_there("446(90,3,");
    assert_int_equal(copies, 0);
    copy_is = -EMFILE; /* without a copy it cannot follow */
    assert_false(rights_hand_over(446, 5, 3, 0, 0, 0));
    assert_string_equal(made, "");
}

static void landlock_for_all_threads_is_not_made_for_them_twice(void **state)
{
    (void)state;
    own_table = true;
    begin();
    assert_true(rights_hand_over(446, 5, 8 | 2, 0, 0, 0));
    made_there("446(90,2,");
    assert_true(rights_hand_over(446, -1, 2, 0, 0, 0)); /* flags alone, without a ruleset */
    made_there("446(-1,2,");
}

static void of_prctl_only_what_is_a_right_is_followed(void **state)
{
    (void)state;
    begin();
    static const int others[] = {PR_SET_NAME, PR_SET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_PDEATHSIG, PR_CAPBSET_READ};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_true(rights_hand_over(SYS_prctl, others[i], 1, 0, 0, 0));
    assert_true(rights_hand_over(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 0, 0));
    assert_string_equal(made, "");
    static const int followed[] = {PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_KEEPCAPS};
    char expected[64];
    for (size_t i = 0; i < sizeof followed / sizeof followed[0]; i++) {
        assert_true(rights_hand_over(SYS_prctl, followed[i], 1, 0, 0, 0));
        snprintf(expected, sizeof expected, "%d(%d,1,0,0,0,", SYS_prctl, followed[i]);
        made_there(expected);
    }
    static const int ambient[] = {PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_LOWER, PR_CAP_AMBIENT_CLEAR_ALL};
    for (size_t i = 0; i < sizeof ambient / sizeof ambient[0]; i++) {
        assert_true(rights_hand_over(SYS_prctl, PR_CAP_AMBIENT, ambient[i], 1, 0, 0));
        snprintf(expected, sizeof expected, "%d(%d,%d,1,0,0,", SYS_prctl, PR_CAP_AMBIENT, ambient[i]);
        made_there(expected);
    }
}

/* ---- who calls ---- */

static void nobody_asks_from_a_vfork_child_another_process_or_the_watcher_itself(void **state)
{
    (void)state;
    begin();
    vfork_child = true;
    assert_true(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    vfork_child = false;
    this_thread.is_watcher = true;
    assert_true(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    this_thread.is_watcher = false;
    rights_owner++; /* as after a clone that no fork handler has seen */
    assert_true(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    rights_owner--;
    assert_string_equal(made, "");
}

static void in_a_sandbox_nothing_is_asked_and_the_watcher_is_to_end(void **state)
{
    (void)state;
    begin();
    sys_sandboxed = true;
    assert_true(rights_hand_over(SYS_setfsgid, -1, 0, 0, 0, 0)); /* only a question */
    assert_true(rights_followed());
    assert_false(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    assert_string_equal(made, "");
    assert_false(rights_followed());
    sys_sandboxed = false;
}

static _Atomic unsigned handled, failures;
static void handle(int signal)
{
    (void)signal;
    failures += !rights_hand_over(SYS_setuid, 4, 0, 0, 0, 0);
    handled++;
}

static void *disturb(void *whom)
{
    while (!ends && handled < 2000) {
        unsigned before = handled;
        pthread_kill(*(pthread_t *)whom, SIGUSR1);
        while (handled == before && !ends)
            sched_yield();
    }
    return NULL;
}

static void a_handler_on_the_thread_that_asks_waits_for_nobody(void **state)
{
    (void)state;
    struct sigaction act = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t self = pthread_self(), t;
    sigaction(SIGUSR1, &act, NULL);
    handled = failures = 0;
    begin();
    pthread_create(&t, NULL, disturb, &self);
    while (handled < 2000) {
        assert_true(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
        made[0] = 0;
    }
    pthread_join(t, NULL);
    assert_int_equal(failures, 0);
}

static void *ask_often(void *arg)
{
    for (int i = 0; i < 500; i++)
        if (!rights_hand_over(SYS_setuid, (long)arg, 0, 0, 0, 0))
            return NULL;
    return arg;
}

static void many_threads_ask_one_after_the_other(void **state)
{
    (void)state;
    pthread_t t[4];
    void *ok;
    begin();
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, ask_often, (void *)(i + 1));
    for (long i = 0; i < 4; i++) {
        pthread_join(t[i], &ok);
        assert_ptr_equal(ok, (void *)(i + 1));
    }
    assert_int_equal(taken, 0);
}

static void who_cannot_have_the_slot_in_time_is_told(void **state)
{
    (void)state;
    begin();
    taken = 1;
    assert_false(rights_hand_over(SYS_setuid, 3, 0, 0, 0, 0));
    assert_string_equal(made, "");
    taken = 0;
}

static void a_forked_child_begins_with_no_watcher_and_the_slot_free(void **state)
{
    (void)state;
    begin();
    taken = 2;
    sleeps_on = &word;
    pid_t pid = fork();
    if (pid == 0) {
        rights_forked_child();
        _exit(rights_followed() || taken || sleeps_on);
    }
    int status;
    taken = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(rights_followed());
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_watcher_that_sleeps_makes_the_call_before_the_hand_over_returns),
        CASE(what_comes_when_it_does_not_sleep_is_made_at_its_next_step),
        CASE(a_wake_that_came_too_early_is_repeated),
        CASE(no_call_is_made_by_a_watcher_that_was_asked_for_none),
        CASE(a_call_that_waits_keeps_the_watcher_awake),
        CASE(a_call_that_fails_there_is_told),
        CASE(a_call_that_failed_is_told_also_when_the_watcher_has_ended_by_then),
        CASE(a_busy_watcher_is_waited_for_with_a_limit_and_does_not_make_the_call_later),
        CASE(a_call_that_lasts_there_is_given_up_too),
        CASE(who_waits_for_a_watcher_that_ends_waits_no_longer),
        CASE(what_libc_makes_in_each_thread_that_it_knows_is_made_for_another_alone),
        CASE(capset_is_made_for_the_watcher_itself),
        CASE(the_file_ids_are_asked_for_whether_they_took),
        CASE(a_file_id_that_does_not_take_there_is_a_failure),
        CASE(a_ruleset_is_copied_for_a_watcher_with_a_table_of_its_own),
        CASE(landlock_for_all_threads_is_not_made_for_them_twice),
        CASE(of_prctl_only_what_is_a_right_is_followed),
        CASE(nobody_asks_from_a_vfork_child_another_process_or_the_watcher_itself),
        CASE(in_a_sandbox_nothing_is_asked_and_the_watcher_is_to_end),
        CASE(a_handler_on_the_thread_that_asks_waits_for_nobody),
        CASE(many_threads_ask_one_after_the_other),
        CASE(who_cannot_have_the_slot_in_time_is_told),
        CASE(a_forked_child_begins_with_no_watcher_and_the_slot_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
