/* SPDX-License-Identifier: MIT */
/*
 * test_tags.c: the names that threads give to their new sockets: one number for each, whoever asks,
 * over fork too.
 */
#include "tracked_agent.h"

#include <sched.h>

#include "agent/table/tags.h"

static const char *name_of(unsigned number)
{
    static char name[64];
    struct state_view view = table_view();
    state_tag_at(&view, number, name);
    return name;
}

static void a_name_has_one_number_and_the_reader_finds_it_by_that(void **state)
{
    (void)state;
    uint16_t one = tags_number("one"), two = tags_number("two");
    assert_int_not_equal(one, 0); /* which means none */
    assert_int_not_equal(one, two);
    assert_int_equal(tags_number("one"), one);
    assert_int_equal(tags_number("two"), two);
    assert_string_equal(name_of(one), "one");
    assert_string_equal(name_of(two), "two");
    assert_int_not_equal(tags_number("on"), one);
    assert_string_equal(name_of(0), "");
}

static void a_long_name_is_cut_at_63_bytes(void **state)
{
    (void)state;
    char name[80];
    memset(name, 'n', sizeof name);
    name[79] = 0;
    uint16_t number = tags_number(name);
    assert_int_equal(strlen(name_of(number)), 63);
    name[63] = 'x';
    assert_int_equal(tags_number(name), number);
    name[62] = 'x';
    assert_int_not_equal(tags_number(name), number);
}

static void many_names_lie_in_many_extents(void **state)
{
    (void)state;
    static uint16_t numbers[500];
    char name[16];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "many %d", i);
        numbers[i] = tags_number(name);
        assert_int_not_equal(numbers[i], 0);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "many %d", i);
        assert_int_equal(tags_number(name), numbers[i]);
        assert_string_equal(name_of(numbers[i]), name);
    }
}

/* ---- at the same time ---- */

#define MOMENTS 12

static char contested[40];
static uint16_t one_number, other_number;
static _Atomic unsigned asked, answered;
static _Atomic bool over;

static void *answers(void *arg)
{
    for (unsigned n = 1; !over; sched_yield())
        if (asked == n) {
            other_number = tags_number(contested);
            answered = n++;
        }
    return arg;
}

static void asks(void) { one_number = tags_number(contested); }
static void lets_the_other_ask(void)
{
    uint64_t until = clock_now() + 5 * NS_PER_MS; /* it may have to wait for us */
    asked++;
    while (answered != asked && clock_now() < until)
        sched_yield();
}

static void threads_that_give_one_name_at_once_enter_it_once(void **state)
{
    (void)state;
    pthread_t t;
    unsigned last = 0;
    if (!LIVE_STEPS)
        skip();
    assert_int_equal(pthread_create(&t, NULL, answers, NULL), 0);
    for (long i = 0; i < MOMENTS; i++) {
        snprintf(contested, sizeof contested, "measured %ld", i); /* each name makes the search longer */
        interrupted(1000000000, asks, lets_the_other_ask);
        assert_true(i == 0 || one_number == last + 1); /* the name before was entered once */
        long at = 1 + live_steps() * (i * 5 % MOMENTS) / MOMENTS;
        snprintf(contested, sizeof contested, "contested %ld", i);
        assert_true(interrupted(at, asks, lets_the_other_ask));
        while (answered != asked)
            sched_yield();
        assert_int_not_equal(one_number, 0);
        assert_int_equal(one_number, other_number);
        assert_string_equal(name_of(one_number), contested);
        last = one_number;
    }
    over = true;
    pthread_join(t, NULL);
}

static pid_t forked;
static int fork_at_any_step_child(void)
{
    alarm(20);
    return tags_number("the child's") != 0; /* it has no table yet: no number, but no endless wait either */
}
static void forks(void)
{
    forked = fork();
    if (forked == 0)
        _exit(fork_at_any_step_child());
}
static void gives_a_new_name(void)
{
    static unsigned n;
    char name[24];
    snprintf(name, sizeof name, "new %u", n++);
    tags_number(name);
}

/*
 * The thread that held the lock is not there in the child. While there are few names yet: a name is
 * looked for among all.
 */
static void a_child_does_not_wait_for_a_thread_that_stayed_behind(void **state)
{
    (void)state;
    if (!LIVE_STEPS)
        skip();
    interrupted(1000000000, gives_a_new_name, forks);
    long steps = live_steps();
    for (int i = 1; i < 12; i++) {
        assert_true(interrupted(steps * i / 12, gives_a_new_name, forks));
        assert_int_equal(live_status(forked), 0);
    }
}

/* ---- without room ---- */

static int too_many(void *arg)
{
    (void)arg;
    WANT(gate_ready());
    state_ref ref;
    char name[16];
    WANT(tags_number("first") == 1);
    /* As if 65,535 threads had given names before. */
    for (unsigned i = 2; i < 65530; i++) {
        char *record = table_alloc(EXTENT_TAGS, 1, &ref);
        WANT(record);
        record[0] = 'x';
    }
    for (unsigned i = 65530; i < 65536; i++) {
        snprintf(name, sizeof name, "%u", i);
        WANT(tags_number(name) == i);
    }
    WANT(tags_number("one too many") == 0);
    WANT(tags_number("two too many") == 0);
    WANT(tags_number("first") == 1);
    return 0;
}

static void a_name_too_many_has_no_number(void **state)
{
    (void)state;
    assert_int_equal(in_child(too_many, NULL), 0);
}

static int without_room(void *arg)
{
    (void)arg;
    struct rlimit limit = {1ull << 40, 1ull << 40};
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    WANT(gate_ready());
    for (int fd = 1 << 20; slot_make(fd); fd += 64)
        ;
    WANT(tags_number("nowhere") == 0);
    return 0;
}

static void without_room_there_is_no_number(void **state)
{
    (void)state;
    assert_int_equal(in_child(without_room, NULL), 0);
}

static int first_table(void **state)
{
    (void)state;
    return gate_ready() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_one_number_and_the_reader_finds_it_by_that),
        cmocka_unit_test(a_child_does_not_wait_for_a_thread_that_stayed_behind),
        cmocka_unit_test(threads_that_give_one_name_at_once_enter_it_once),
        cmocka_unit_test(a_long_name_is_cut_at_63_bytes),
        cmocka_unit_test(many_names_lie_in_many_extents),
        cmocka_unit_test(a_name_too_many_has_no_number),
        cmocka_unit_test(without_room_there_is_no_number),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, NULL));
}
