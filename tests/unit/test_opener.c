/* SPDX-License-Identifier: MIT */
/*
 * test_opener.c: the thread that opened a socket, from the text of its files in /proc; and the names of calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "core/opener.h"

#define S 1000000000ull

static void a_name_ends_with_its_line_and_within_its_room(void **state)
{
    (void)state;
    struct opener t = {.tid = 7};
    opener_set_name(&t, "worker-3\n", 9);
    assert_string_equal(t.name, "worker-3");
    opener_set_name(&t, "a name of more than fifteen\n", 28);
    assert_int_equal(strlen(t.name), sizeof t.name - 1);
    opener_set_name(&t, "", 0);
    assert_string_equal(t.name, "");
}

static void the_call_that_it_is_in_is_named_and_no_other(void **state)
{
    (void)state;
    struct opener t = {.tid = 7};
    char text[64];
    snprintf(text, sizeof text, "%d 0x5 0x7f 0x20 0xffffffff 0x0 0x0 0x7ffc 0x7f12\n", (int)SYS_epoll_pwait);
    opener_set_now(&t, text, strlen(text));
    assert_string_equal(t.now, "epoll_pwait");
    snprintf(text, sizeof text, "%d 0x5 0x7f\n", (int)SYS_futex);
    opener_set_now(&t, text, strlen(text));
    assert_string_equal(t.now, "futex");
    opener_set_now(&t, "running\n", 8);
    assert_string_equal(t.now, "running");
    snprintf(text, sizeof text, "%05d 0x5 0x7f\n", (int)SYS_futex);
    opener_set_now(&t, text, strlen(text));
    assert_string_equal(t.now, "futex");
    /* no number has more than five digits */
    snprintf(text, sizeof text, "%06d 0x5 0x7f\n", (int)SYS_futex);
    opener_set_now(&t, text, strlen(text));
    assert_string_equal(t.now, "");
    static const char *const unknown[] = {"", "-1 0x7ffc 0x7f12\n", "9999 0x5\n", "0", "0x5", "running"};
    for (size_t i = 0; i < 5; i++) {
        opener_set_now(&t, unknown[i], strlen(unknown[i]));
        assert_string_equal(t.now, "");
    }
    opener_set_now(&t, unknown[5], 6);
    assert_string_equal(t.now, "");
}

static void a_thread_that_began_after_the_socket_is_another(void **state)
{
    (void)state;
    /* it began 1000 s after the boot */
    static const char stat[] = "7 (a) b) c) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 100000 1 2 3";
    size_t n = sizeof stat - 1;
    assert_false(opener_is_another(stat, n, 1100 * S, 50 * S)); /* the socket is younger than it */
    assert_true(opener_is_another(stat, n, 1100 * S, 101 * S));
    assert_false(opener_is_another(stat, n, 1100 * S, 100 * S)); /* within a tick */
    assert_false(opener_is_another(stat, n, 900 * S, 950 * S));
    for (size_t cut = 0; cut + 14 < n; cut++) /* what is not there says nothing */
        assert_false(opener_is_another(stat, cut, 1100 * S, 101 * S));
}

static void every_call_has_the_name_that_the_programs_source_has(void **state)
{
    (void)state;
    assert_null(call_name(CALL_UNKNOWN));
    assert_null(call_name(CALL_COUNT));
    for (unsigned c = 1; c < CALL_COUNT; c++) {
        assert_non_null(call_name(c));
        assert_ptr_equal(call_name(c | CALL_FAILED), call_name(c));
        assert_int_equal(call_polls(c), strstr(call_name(c), "poll") && c != CALL_EPOLL_CTL);
    }
    assert_string_equal(call_name(CALL_EPOLL_PWAIT2), "epoll_pwait2");
    assert_int_equal(CALL_SOCKET, 1); /* they stand in files */
    assert_int_equal(CALL_RECV, 11);
    assert_int_equal(CALL_EPOLL_PWAIT2, 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_ends_with_its_line_and_within_its_room),
        cmocka_unit_test(the_call_that_it_is_in_is_named_and_no_other),
        cmocka_unit_test(a_thread_that_began_after_the_socket_is_another),
        cmocka_unit_test(every_call_has_the_name_that_the_programs_source_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
