/* SPDX-License-Identifier: MIT */
/*
 * test_configure.c: the options, from the program's own defaults and from the environment, and the
 * way of the library out of LD_PRELOAD.
 *
 * The code is compiled in, over a log that only keeps what it is given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/base/thread.h"
#include "agent/table/program_defaults.h"

static unsigned inits, inits_at_warning;
static bool json_at_warning;
static char warned[1024];
static const char *said;
static const char *program_says;
static bool hook_was_inside;

static void init_log(void) { inits++; }
static void keep_options(const char *text) { said = text; }
static void keep_warning(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(warned, sizeof warned, fmt, ap);
    va_end(ap);
    json_at_warning = agent_options.log_json;
    inits_at_warning = inits;
}

#define log_init init_log
#define defaults_options keep_options
#define log_warn keep_warning
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/process/configure.c"
#undef log_init
#undef defaults_options
#undef log_warn

const char *sockleak_default_options(void)
{
    hook_was_inside = thread_inside();
    return program_says;
}

static int setup(void **state)
{
    (void)state;
    configured = false;
    program_says = said = NULL;
    inits = 0;
    warned[0] = 0;
    unsetenv("SOCKLEAK_OPTIONS");
    unsetenv("LD_PRELOAD");
    return 0;
}

static void configure_with(const char *text)
{
    configured = false;
    setenv("SOCKLEAK_OPTIONS", text, 1);
    configure();
}

static void the_users_options_come_after_the_programs(void **state)
{
    (void)state;
    program_says = "grace=7s:exitcode=5";
    configure_with("exitcode=6");
    assert_int_equal(agent_options.grace_ns, 7000000000u);
    assert_int_equal(agent_options.exitcode, 6);
    assert_int_equal(agent_options.interval_ns, 1750000000u); /* follows grace */
    assert_ptr_equal(said, program_says);
    assert_true(hook_was_inside); /* what the program opens there is not its own yet */
    assert_false(thread_inside());
}

static void a_program_may_have_nothing_to_say_and_so_may_the_user(void **state)
{
    (void)state;
    configure();
    assert_int_equal(agent_options.grace_ns, 30000000000u);
    assert_null(said);
    assert_string_equal(warned, "");
}

static void options_are_read_once(void **state)
{
    (void)state;
    configure_with("exitcode=6");
    unsigned before = inits;
    setenv("SOCKLEAK_OPTIONS", "exitcode=7", 1);
    configure();
    assert_int_equal(agent_options.exitcode, 6);
    assert_int_equal(inits, before);
}

static void a_complaint_has_the_format_that_comes_behind_it_and_a_log_to_go_to(void **state)
{
    (void)state;
    configure_with("colour=red:log_format=json");
    assert_non_null(strstr(warned, "colour: no such option"));
    assert_true(json_at_warning);
    assert_int_equal(inits_at_warning, 1);
    assert_int_equal(inits, 2); /* again when it is known where the log goes */
}

static void a_variable_is_found_by_its_whole_name(void **state)
{
    (void)state;
    extern char **environ;
    char **saved = environ;
    char one[] = "NAMEX=1", two[] = "NAM=2", three[] = "NAME=3=4", four[] = "NAME=5", *some[] = {one, two, three, four, NULL};
    environ = some;
    const char *found = environ_get("NAME"), *none = environ_get("NA");
    environ = NULL; /* clearenv() */
    const char *empty = environ_get("NAME");
    environ = saved;
    assert_string_equal(found, "3=4");
    assert_null(none);
    assert_null(empty);
}

static const char *preload_of(const char *list)
{
    setenv("LD_PRELOAD", list, 1);
    configure_children();
    return getenv("LD_PRELOAD");
}

static void the_library_leaves_ld_preload_and_the_others_stay(void **state)
{
    (void)state;
    configure_children(); /* nothing there */
    assert_null(getenv("LD_PRELOAD"));
    assert_string_equal(preload_of("/x/libsockleak.so"), "");
    assert_string_equal(preload_of("a.so:/x/libsockleak.so.0:b.so"), "a.so:b.so");
    assert_string_equal(preload_of("/x/libsockleak.so a.so  b.so"), "a.so:b.so");
    assert_string_equal(preload_of("::a.so: :libsockleak.so:"), "a.so");
    assert_string_equal(preload_of("a.so:/x/libsockleak.so"), "a.so");
    assert_string_equal(preload_of("a.so:libsock:leak.so"), "a.so:libsock:leak.so"); /* a name over two entries is none */
    assert_string_equal(preload_of(""), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_users_options_come_after_the_programs, setup),
        cmocka_unit_test_setup(a_program_may_have_nothing_to_say_and_so_may_the_user, setup),
        cmocka_unit_test_setup(options_are_read_once, setup),
        cmocka_unit_test_setup(a_complaint_has_the_format_that_comes_behind_it_and_a_log_to_go_to, setup),
        cmocka_unit_test_setup(a_variable_is_found_by_its_whole_name, setup),
        cmocka_unit_test_setup(the_library_leaves_ld_preload_and_the_others_stay, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
