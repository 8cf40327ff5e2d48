/* SPDX-License-Identifier: MIT */
/*
 * test_line_cache.c: what one process of a family found out about a frame the others find in the
 * cache, and only one of them asks at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000u

static uint64_t now_ns = 5000ull * MS;
uint64_t clock_now(void) { return now_ns; }

/* Part of this program, so that each test can begin with none. */
#include "agent/symbolize/line_cache.c"

static int setup(void **state)
{
    (void)state;
    if (memory)
        munmap(memory, CACHE_SIZE);
    memory = NULL;
    my_turn = 0;
    now_ns = 5000ull * MS;
    return 0;
}

static struct frame a_frame(const char *id, uint64_t offset)
{
    return (struct frame){.module = "/lib/a.so", .build_id = id, .offset = offset};
}

static const char *got(const struct frame *f)
{
    static char text[64];
    size_t len = 0;
    const char *p = line_cache_get(f, &len);
    if (!p)
        return NULL;
    snprintf(text, sizeof text, "%.*s", (int)len, p);
    return text;
}

static void put(const struct frame *f, const char *text) { line_cache_put(f, text, strlen(text)); }

/* What CALL returns in a child of fork. */
static int in_child(int (*call)(void))
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(call());
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void without_a_family_there_is_nothing_to_keep_and_nobody_to_wait_for(void **state)
{
    (void)state;
    struct frame f = a_frame("ab", 1);
    put(&f, "text");
    assert_null(got(&f));
    assert_false(line_cache_wait(now_ns + MS));
    line_cache_done();
}

static int child_puts(void)
{
    struct frame f = a_frame("ab", 1);
    put(&f, "from the child");
    return 0;
}

static void what_a_child_found_out_its_parent_knows(void **state)
{
    (void)state;
    struct frame f = a_frame("ab", 1);
    line_cache_prepare();
    const struct memory *first = memory;
    line_cache_prepare(); /* the next fork: the same memory */
    assert_ptr_equal(memory, first);
    assert_int_equal(in_child(child_puts), 0);
    assert_string_equal(got(&f), "from the child");
}

static void module_build_id_and_offset_count_and_the_first_text_stays(void **state)
{
    (void)state;
    struct frame f = a_frame("ab", 1), other_id = a_frame("ac", 1), other_offset = a_frame("ab", 2), other_module = f;
    other_module.module = "/lib/b.so";
    line_cache_prepare();
    put(&f, "one");
    put(&f, "two");
    assert_string_equal(got(&f), "one");
    assert_null(got(&other_id));
    assert_null(got(&other_offset));
    assert_null(got(&other_module));
}

static void a_frame_without_build_id_or_module_is_never_kept(void **state)
{
    (void)state;
    struct frame no_id = a_frame(NULL, 1), no_module = a_frame("ab", 1);
    no_module.module = NULL;
    line_cache_prepare();
    put(&no_id, "wrong");
    put(&no_module, "wrong");
    assert_null(got(&no_id));
    assert_null(got(&no_module));
}

static void when_it_is_full_nothing_more_is_kept_and_all_before_stays(void **state)
{
    (void)state;
    static char text[1000];
    memset(text, 'x', sizeof text);
    line_cache_prepare();
    unsigned kept = 0;
    size_t len;
    for (unsigned i = 0; i < 400; i++) {
        struct frame f = a_frame("ab", i);
        line_cache_put(&f, text, sizeof text);
        kept += line_cache_get(&f, &len) != NULL;
    }
    assert_in_range(kept, 200, 262);
    for (unsigned i = 0; i < kept; i++) {
        struct frame f = a_frame("ab", i);
        const char *p = line_cache_get(&f, &len);
        assert_non_null(p);
        assert_int_equal(len, sizeof text);
        assert_memory_equal(p, text, len);
    }
    struct frame f = a_frame("huge", 1);
    line_cache_put(&f, text, (size_t)UINT32_MAX - 8); /* would wrap round to a small size */
    assert_null(got(&f));
}

/* ---- turns ----------------------------------------------------------------------------------- */

static int child_waits(void) { return line_cache_wait(now_ns + 20ull * MS); }

static void who_comes_first_has_the_turn_and_the_others_wait_until_it_is_done(void **state)
{
    (void)state;
    line_cache_prepare();
    assert_false(line_cache_wait(now_ns + MS)); /* ours */
    assert_int_equal(in_child(child_waits), 1);
    line_cache_done();
    assert_int_equal(in_child(child_waits), 0);
}

static void a_turn_that_is_not_ended_is_over_a_second_later(void **state)
{
    (void)state;
    line_cache_prepare();
    assert_false(line_cache_wait(now_ns + MS));
    now_ns += 999ull * MS;
    assert_int_equal(in_child(child_waits), 1);
    now_ns += MS;
    assert_int_equal(in_child(child_waits), 0);
}

static void a_clock_that_goes_round_or_a_lying_turn_holds_nobody_up(void **state)
{
    (void)state;
    line_cache_prepare();
    atomic_store(&memory->turn, (uint32_t)(now_ns / MS) + 100000u);
    assert_int_equal(in_child(child_waits), 0);
    now_ns = (0xffffffffull - 10) * MS; /* the end of a turn begun now lies behind the turn of the 32 bits */
    atomic_store(&memory->turn, 0);
    assert_false(line_cache_wait(now_ns + MS));
    assert_int_equal(in_child(child_waits), 1);
    now_ns += 1000ull * MS;
    assert_int_equal(in_child(child_waits), 0);
}

static void a_turn_that_would_end_at_nought_is_a_turn_all_the_same(void **state)
{
    (void)state;
    line_cache_prepare();
    now_ns = (0x100000000ull - TURN_MS) * MS;
    assert_false(line_cache_wait(now_ns + MS));
    assert_int_not_equal(atomic_load(&memory->turn), 0);
}

static void whose_turn_was_taken_away_does_not_end_the_next_ones(void **state)
{
    (void)state;
    line_cache_prepare();
    assert_false(line_cache_wait(now_ns + MS));
    now_ns += 1500ull * MS;
    uint32_t lost = my_turn;
    my_turn = 0;
    assert_false(line_cache_wait(now_ns + MS)); /* another process, in truth */
    uint32_t theirs = my_turn;
    my_turn = lost;
    line_cache_done();
    assert_int_equal(atomic_load(&memory->turn), theirs);
    line_cache_done(); /* again: it has none any more */
    assert_int_equal(atomic_load(&memory->turn), theirs);
}

static void nobody_waits_longer_than_until(void **state)
{
    (void)state;
    line_cache_prepare();
    assert_false(line_cache_wait(now_ns + MS));
    assert_false(line_cache_wait(now_ns));
    assert_false(line_cache_wait(now_ns - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_family_there_is_nothing_to_keep_and_nobody_to_wait_for, setup),
        cmocka_unit_test_setup(what_a_child_found_out_its_parent_knows, setup),
        cmocka_unit_test_setup(module_build_id_and_offset_count_and_the_first_text_stays, setup),
        cmocka_unit_test_setup(a_frame_without_build_id_or_module_is_never_kept, setup),
        cmocka_unit_test_setup(when_it_is_full_nothing_more_is_kept_and_all_before_stays, setup),
        cmocka_unit_test_setup(who_comes_first_has_the_turn_and_the_others_wait_until_it_is_done, setup),
        cmocka_unit_test_setup(a_turn_that_is_not_ended_is_over_a_second_later, setup),
        cmocka_unit_test_setup(a_clock_that_goes_round_or_a_lying_turn_holds_nobody_up, setup),
        cmocka_unit_test_setup(a_turn_that_would_end_at_nought_is_a_turn_all_the_same, setup),
        cmocka_unit_test_setup(whose_turn_was_taken_away_does_not_end_the_next_ones, setup),
        cmocka_unit_test_setup(nobody_waits_longer_than_until, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
