/* SPDX-License-Identifier: MIT */
/*
 * test_attach.c: what the functions that `sockleak attach` and `sockleak detach` call do, in which
 * order, in a process that loaded the library late and in one that preloaded it.
 *
 * The code is compiled in, over parts that only note that they were called.
 */
#include "tracked_agent.h"

#include "agent/inject/follow.h"
#include "agent/inject/redirect.h"
#include "agent/inject/targets.h"
#include "agent/libc/real.h"
#include "agent/process/start.h"
#include "agent/table/header.h"

/* The wrappers are not linked. */
const struct wrapped wrapped_table[1];
const unsigned wrapped_count = 1;

static char calls[256];
static bool came_late, active;
static int woken;
static struct redirect_stats stats;

static void note(const char *name)
{
    strcat(calls, name);
    strcat(calls, thread_inside() ? "* " : " "); /* a star: the thread's own events count for nothing */
}

static void use(const struct wrapped *table, unsigned n)
{
    assert_true(table == wrapped_table && n == wrapped_count);
    note("use");
}
static bool has_come(void)
{
    note("come");
    return came_late;
}
static bool is_active(void) { return active; }
static void resolve(void) { note("resolve"); }
static void set_real(void) { note("set_real"); }
static int wake(const char *options)
{
    assert_string_equal(options, "grace=1s");
    note("wake");
    return woken;
}
static void sleep_now(void) { note("sleep"); }
static int all(void)
{
    note("redirect");
    return 0;
}
static int undo(void)
{
    note("undo");
    return 5;
}
static void settle(void) { note("settle"); }
static bool is_late(void) { return came_late; }
static void get_stats(struct redirect_stats *s) { *s = stats; }

#define follow_use use
#define follow_attached has_come
#define follow_is_late is_late
#define redirect_active is_active
#define real_resolve_default resolve
#define targets_set_real set_real
#define start_wake wake
#define start_sleep sleep_now
#define redirect_all all
#define redirect_undo undo
#define redirect_settle settle
#define redirect_get_stats get_stats
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/attach.c"

static int fresh(void **state)
{
    (void)state;
    struct state_view old;
    int error;
    calls[0] = 0;
    came_late = active = false;
    woken = 0;
    stats = (struct redirect_stats){.objects = 3, .redirected = 7};
    if (table_head)
        table_forget(&old);
    return table_open(-1, NULL, &error);
}

static void a_late_agent_finds_the_originals_then_records_then_redirects(void **state)
{
    (void)state;
    struct redirect_stats seen = {0};
    came_late = true;
    assert_int_equal(sockleak_attach_entry("grace=1s", &seen), 7);
    assert_string_equal(calls, "use come resolve set_real wake redirect* settle* ");
    assert_int_equal(seen.objects, 3);
    assert_false(thread_inside());
    stats.redirected = 0; /* no object calls any of them */
    assert_int_equal(sockleak_attach_entry("grace=1s", NULL), -2);
}

static void where_calls_are_redirected_already_the_originals_stay(void **state)
{
    (void)state;
    came_late = active = true;
    assert_int_equal(sockleak_attach_entry("grace=1s", NULL), 7);
    assert_string_equal(calls, "use come wake redirect* settle* ");
}

static void a_preloaded_agent_only_wakes(void **state)
{
    (void)state;
    struct redirect_stats seen = {0};
    assert_int_equal(sockleak_attach_entry("grace=1s", &seen), 1);
    assert_string_equal(calls, "use come wake ");
    assert_int_equal(seen.objects, 0);
}

static void without_memory_for_the_table_nothing_is_redirected(void **state)
{
    (void)state;
    came_late = true;
    woken = -1;
    assert_int_equal(sockleak_attach_entry("grace=1s", NULL), -1);
    assert_string_equal(calls, "use come resolve set_real wake ");
}

static void a_detach_puts_back_what_a_late_agent_redirected(void **state)
{
    (void)state;
    atomic_store(&table_head->attached, 1);
    came_late = true;
    assert_int_equal(sockleak_detach_entry(), 5);
    assert_string_equal(calls, "sleep undo* settle* ");
    assert_false(thread_inside());
    assert_int_equal(atomic_load(&table_head->attached), 0);
    calls[0] = 0;
    came_late = false;
    assert_int_equal(sockleak_detach_entry(), 0);
    assert_string_equal(calls, "sleep settle* ");
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_late_agent_finds_the_originals_then_records_then_redirects),
        TEST(where_calls_are_redirected_already_the_originals_stay),
        TEST(a_preloaded_agent_only_wakes),
        TEST(without_memory_for_the_table_nothing_is_redirected),
        TEST(a_detach_puts_back_what_a_late_agent_redirected),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
