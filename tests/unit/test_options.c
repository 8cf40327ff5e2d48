/* SPDX-License-Identifier: MIT */
/*
 * test_options.c: every option takes its values, and a bad one costs one clear line and changes
 * nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/options.h"
#include "core/optvalue.h"

#define MS 1000000ull
#define S (1000 * MS)

struct said {
    unsigned n;
    char line[8][512];
};

static void hear(void *arg, const char *line)
{
    struct said *s = arg;
    assert_null(strchr(line, '\n'));
    if (s->n < 8)
        snprintf(s->line[s->n], sizeof s->line[0], "%s", line);
    s->n++;
}

static struct options parse(const char *text, struct said *said)
{
    struct options o;
    options_default(&o);
    memset(said, 0, sizeof *said);
    options_parse(&o, text, hear, said);
    options_finish(&o);
    return o;
}

static void the_defaults_are_those_that_are_documented(void **state)
{
    (void)state;
    struct options o;
    options_default(&o);
    assert_true(o.enabled && o.leak_check_at_exit && o.symbolize && o.print_suppressions && o.print_summary && o.follow_children);
    assert_false(o.abort_on_error || o.log_json || o.help || o.interval_set || o.closes);
    assert_int_equal(o.kinds, KINDS_DEFAULT);
    assert_int_equal(o.grace_ns, 30 * S);
    assert_int_equal(o.interval_ns, 7500 * MS);
    assert_int_equal(o.max_frames, 64);
    assert_int_equal(o.native_frames, 32);
    assert_int_equal(o.runtimes, RUNTIMES_ALL);
    assert_int_equal(o.log_max, 64 << 20);
    assert_false(o.exit_check_all);
    assert_int_equal(o.max_sockets, 8);
    assert_true(o.source);
    assert_int_equal(o.exitcode + o.max_leaks + o.signal + o.verbosity + o.max_allowed, 0);
    assert_int_equal(o.color, COLOR_AUTO);
    assert_string_equal(o.log_path, "stderr");
    assert_string_equal(o.suppressions, "");
    assert_string_equal(o.state_dir, "");
    struct said said;
    struct options same = parse("", &said);
    assert_memory_equal(&same, &o, sizeof o);
    same = parse(NULL, &said);
    assert_memory_equal(&same, &o, sizeof o);
    assert_int_equal(said.n, 0);
}

static void every_option_takes_its_values(void **state)
{
    (void)state;
    struct said said;
    struct options o = parse(
        "enabled=0:kinds=close_wait,dead:grace=5m:interval=250ms:leak_check_at_exit=no:exitcode=23:max_allowed=18446744073709551615:"
        "abort_on_error=1:log_path=/tmp/"
        "x.%p:log_format=json:log_max=3k:max_frames=64:threshold=900:on_exhaustion=0:max_leaks=10:max_sockets=0:symbolize=false:source=0:"
        "suppressions=/etc/s:print_suppressions=off:print_summary=0:color=never:follow_children=0:state_dir=/run/s:signal=12:"
        "verbosity=1:help=1",
        &said);
    assert_int_equal(said.n, 0);
    assert_false(o.enabled || o.leak_check_at_exit || o.symbolize || o.print_suppressions || o.print_summary || o.follow_children);
    assert_true(o.abort_on_error && o.log_json && o.help && o.interval_set);
    assert_int_equal(o.kinds, KIND_BIT(KIND_CLOSE_WAIT) | KIND_BIT(KIND_DEAD));
    assert_int_equal(o.grace_ns, 300 * S);
    assert_int_equal(o.interval_ns, 250 * MS);
    assert_int_equal(o.exitcode, 23);
    assert_true(o.max_allowed == UINT64_MAX);
    assert_int_equal(o.max_frames, 64);
    assert_int_equal(o.log_max, 3072);
    assert_int_equal(o.max_leaks, 10);
    assert_true(o.threshold == 900 && !o.threshold_is_share && !o.on_exhaustion);
    assert_int_equal(o.max_sockets, 0);
    assert_false(o.source);
    assert_int_equal(o.color, COLOR_NEVER);
    assert_int_equal(o.signal, 12);
    assert_int_equal(o.verbosity, 1);
    assert_string_equal(o.log_path, "/tmp/x.%p");
    assert_string_equal(o.suppressions, "/etc/s");
    assert_string_equal(o.state_dir, "/run/s");
}

static void the_check_at_exit_is_all_of_it_or_without_the_youngest(void **state)
{
    (void)state;
    struct said said;
    struct options o = parse("leak_check_at_exit=all", &said);
    assert_true(o.leak_check_at_exit && o.exit_check_all);
    o = parse("leak_check_at_exit=all:leak_check_at_exit=1", &said);
    assert_true(o.leak_check_at_exit && !o.exit_check_all);
    o = parse("leak_check_at_exit=all:leak_check_at_exit=0", &said);
    assert_false(o.leak_check_at_exit || o.exit_check_all);
    o = parse("leak_check_at_exit=all:leak_check_at_exit=some", &said);
    assert_true(o.leak_check_at_exit && o.exit_check_all);
    assert_string_equal(said.line[0], "leak_check_at_exit=some: write 0, 1 or all (kept all)");
}

static void a_size_takes_k_m_and_g(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t bytes;
    } rows[] = {{"0", true, 0},           {"4096", true, 4096}, {"2k", true, 2048},       {"64m", true, 64 << 20}, {"1G", true, 1u << 30},
                {"8589934591g", true, 0}, {"", false, 0},       {"k", false, 0},          {"1t", false, 0},        {"1kb", false, 0},
                {"-1", false, 0},         {"1.5m", false, 0},   {"8589934592g", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t n = 77;
        assert_int_equal(parse_size(rows[i].text, strlen(rows[i].text), &n), rows[i].ok);
        if (!rows[i].ok)
            assert_int_equal(n, 77);
        else if (rows[i].bytes || rows[i].text[1] == 0)
            assert_int_equal(n, rows[i].bytes);
    }
}

/* Their places are empty afterwards, so that whoever inherits the text does not warn again. */
static void what_is_wrong_in_a_text_is_blanked_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text, *left;
    } rows[] = {
        {"grace=1s:graze=2s:kinds=all", "grace=1s::::::::::kinds=all"},
        {"graze=2s", "::::::::"},
        {"grace=1s", "grace=1s"},
        {"grace=1s:help=1", "grace=1s:::::::"}, /* nor prints the help again */
        {"help=0", "help=0"},
        {" grace=x : log_path=\"a:b\":c=\"d:e\"", ":::::::::: log_path=\"a:b\":::::::"},
        {"verbosity=1:log_path=\"open:grace=1s", "verbosity=1::::::::::::::::::::::::"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", rows[i].text);
        options_blank(text);
        assert_int_equal(strlen(text), strlen(rows[i].text));
        struct said said;
        parse(text, &said);
        assert_int_equal(said.n, 0);
        if (strcmp(rows[i].text, rows[i].left) != 0 && !strchr(rows[i].text, ' '))
            assert_string_equal(text, rows[i].left);
    }
    options_blank(NULL);
}

static void told_suppressions_are_marked_and_taken_all_the_same(void **state)
{
    (void)state;
    char text[96] = "grace=1s: suppressions=\"/a:suppressions=b\":print_suppressions=0:suppressionss=1";
    struct said said;
    struct options o = parse("suppressions=/x", &said);
    assert_false(o.suppressions_told);
    options_hush(text);
    assert_string_equal(text, "grace=1s: suppressionS=\"/a:suppressions=b\":print_suppressions=0:suppressionss=1");
    o = parse(text, &said);
    assert_string_equal(o.suppressions, "/a:suppressions=b");
    assert_true(o.suppressions_told);
    o = parse("suppressionS=/a:suppressions=/b", &said);
    assert_false(o.suppressions_told);
    options_hush(NULL);
}

static void colons_in_quotes_blanks_and_empty_items_do_no_harm(void **state)
{
    (void)state;
    struct said said;
    struct options o = parse(":: log_path=\"/tmp/a:b=c\" :\n grace=2s :suppressions=\"\":grace=3s:state_dir=/a=b:", &said);
    assert_int_equal(said.n, 0);
    assert_string_equal(o.log_path, "/tmp/a:b=c");
    assert_int_equal(o.grace_ns, 3 * S); /* the later one wins */
    assert_string_equal(o.state_dir, "/a=b");
    o = parse("grace=\"4s\":kinds=\"all\"", &said);
    assert_int_equal(o.grace_ns, 4 * S);
    assert_int_equal(o.kinds, KINDS_ALL);
}

static void a_bad_word_is_named_once_and_the_old_value_stays(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"grace=abc", "grace=abc: not a time; write 30s, 5m or 250ms (kept 30s)"},
        {"grace=", "grace=: not a time; write 30s, 5m or 250ms (kept 30s)"},
        {"grace", "grace: has no value (kept 30s)"},
        {"graze=1s", "graze: no such option; help=1 lists them all"},
        {"interval=-1", "interval=-1: not a time; write 30s, 5m or 250ms (kept grace/4)"},
        {"kinds=close_wait,nonsense",
         "kinds=close_wait,nonsense: not a list of kinds; write close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,"
         "use_after_close,open or all "
         "(kept close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,use_after_close)"},
        {"exitcode=256", "exitcode=256: not a number from 0 to 255 (kept 0)"},
        {"max_frames=129", "max_frames=129: not a number from 0 to 128 (kept 64)"},
        {"runtimes=cobol",
         "runtimes=cobol: write python, java, javascript, ruby, php, perl or dotnet, or a list of them, all or none (kept all)"},
        {"threshold=101%", "threshold=101%: neither a number of descriptors nor a share; write 900, 90%, or 0 for none (kept 90%)"},
        {"threshold=most", "threshold=most: neither a number of descriptors nor a share; write 900, 90%, or 0 for none (kept 90%)"},
        {"on_exhaustion=2", "on_exhaustion=2: write 0 or 1 (kept 1)"},
        {"max_leaks=4294967296", "max_leaks=4294967296: not a number, or too large (kept 0)"},
        {"max_allowed=18446744073709551616", "max_allowed=18446744073709551616: not a number, or too large (kept 0)"},
        {"log_max=64x", "log_max=64x: not a size; write 64m, 500k, 1g, or 0 for no limit (kept 64m)"},
        {"log_max=9999999999999g", "log_max=9999999999999g: not a size; write 64m, 500k, 1g, or 0 for no limit (kept 64m)"},
        {"leak_check_at_exit=none", "leak_check_at_exit=none: write 0, 1 or all (kept 1)"},
        {"enabled=maybe", "enabled=maybe: write 0 or 1 (kept 1)"},
        {"log_format=xml", "log_format=xml: write text or json (kept text)"},
        {"color=red", "color=red: write auto, always or never (kept auto)"},
        {"signal=9", "signal=9: not the number of a signal that can be caught; write 12 for SIGUSR2 (kept 0)"},
        {"signal=33", "signal=33: not the number of a signal that can be caught; write 12 for SIGUSR2 (kept 0)"},
        {"signal=USR2", "signal=USR2: not the number of a signal that can be caught; write 12 for SIGUSR2 (kept 0)"},
        {"log_path=", "log_path=: empty (kept stderr)"},
        {"log_path=\"/tmp/x", "log_path=\"/tmp/x: the quote is not closed"},
        {"log_path=\"/tmp/x\"y", "log_path=\"/tmp/x\"y: the closing quote must be followed by ':' or the end"},
        {"a\033[2Jb=1", "a?[2Jb: no such option; help=1 lists them all"},
        {"=5", ": no such option; help=1 lists them all"},
    };
    struct options before;
    options_default(&before);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct said said;
        struct options o = parse(rows[i].text, &said);
        assert_int_equal(said.n, 1);
        assert_string_equal(said.line[0], rows[i].line);
        assert_memory_equal(&o, &before, sizeof o);
    }
    struct said said;
    struct options o = parse("nonsense:exitcode=7:grace=x:grace=1s", &said); /* what follows a bad word counts */
    assert_int_equal(said.n, 2);
    assert_int_equal(o.exitcode, 7);
    assert_int_equal(o.grace_ns, S);
    static const char *const times[] = {"90m", "2h", "90s", "1500ms", "0s"}; /* of what is kept, in the largest unit that fits */
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[64], end[64];
        snprintf(text, sizeof text, "grace=%s:grace=x", times[i]);
        snprintf(end, sizeof end, " (kept %s)", times[i]);
        parse(text, &said);
        assert_string_equal(strstr(said.line[0], " (kept"), end);
    }
    parse("log_path=a\033[2J:log_path=", &said); /* the value that is kept is the user's text too */
    assert_string_equal(said.line[0], "log_path=: empty (kept a?[2J)");
}

static void an_overlong_value_is_refused_and_an_overlong_word_is_cut_in_the_warning(void **state)
{
    (void)state;
    char text[2000] = "log_path=";
    memset(text + 9, 'x', 511);
    struct said said;
    struct options o = parse(text, &said);
    assert_int_equal(said.n, 0);
    assert_int_equal(strlen(o.log_path), 511);
    text[9 + 511] = 'x'; /* no room for the NUL */
    o = parse(text, &said);
    assert_int_equal(said.n, 1);
    memset(text + 9, 'x', 1500);
    o = parse(text, &said);
    assert_int_equal(said.n, 1);
    assert_true(strlen(said.line[0]) < 200);
    assert_non_null(strstr(said.line[0], "...: too long (at most 511 bytes) (kept stderr)"));
    assert_string_equal(o.log_path, "stderr");
    memset(text, 'k', 1500);
    parse(text, &said);
    assert_true(said.n == 1 && strlen(said.line[0]) < 200);
    options_parse(&o, "a=b:c=d:grace=", NULL, NULL); /* nobody listens */
}

static void the_interval_follows_grace_within_its_limits_unless_it_is_given(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t interval;
    } rows[] = {
        {"grace=1s", 250 * MS}, {"grace=0", 250 * MS}, {"grace=4s", S},
        {"grace=1h", 10 * S},   {"interval=0", 0},     {"grace=1h:interval=20s", 20 * S},
        {"interval=1ms", MS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct said said;
        struct options o = parse(rows[i].text, &said);
        assert_int_equal(o.interval_ns, rows[i].interval);
    }
}

static void times_are_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns; /* UINT64_MAX: no time */
    } rows[] = {
        {"0", 0},
        {"12", 12 * S},
        {"30s", 30 * S},
        {"250ms", 250 * MS},
        {"5m", 300 * S},
        {"2h", 7200 * S},
        {"1.5s", 1500 * MS},
        {"0.25", 250 * MS},
        {"1.0000000001s", S},
        {"9223372036s", 9223372036 * S},
        {"9223372037s", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"2562048h", UINT64_MAX},
        {"", UINT64_MAX},
        {"s", UINT64_MAX},
        {"-1", UINT64_MAX},
        {"+1", UINT64_MAX},
        {" 1", UINT64_MAX},
        {"1 s", UINT64_MAX},
        {"1d", UINT64_MAX},
        {"1.s", UINT64_MAX},
        {".5", UINT64_MAX},
        {"1e3", UINT64_MAX},
        {"1sm", UINT64_MAX},
        {"0x10", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ns = 77;
        bool ok = parse_time(rows[i].text, strlen(rows[i].text), &ns);
        if (ok != (rows[i].ns != UINT64_MAX) || ns != (ok ? rows[i].ns : 77))
            fail_msg("%s: %d %lu", rows[i].text, ok, ns);
    }
    uint64_t ns = 0;
    assert_true(parse_time("30seconds", 3, &ns)); /* only so many bytes count */
    assert_int_equal(ns, 30 * S);
}

static void lists_of_kinds_name_the_bad_word(void **state)
{
    (void)state;
    uint32_t mask = 77;
    const char *bad;
    size_t bad_len;
    assert_true(parse_kinds("close_wait", 10, &mask, &bad, &bad_len));
    assert_int_equal(mask, 1);
    assert_true(parse_kinds("open,hangup,open", 16, &mask, &bad, &bad_len));
    assert_int_equal(mask, KIND_BIT(KIND_OPEN) | KIND_BIT(KIND_HANGUP));
    assert_true(parse_kinds("dead,all", 8, &mask, &bad, &bad_len));
    assert_int_equal(mask, KINDS_ALL);
    mask = 77;
    assert_false(parse_kinds("dead,closed,open", 16, &mask, &bad, &bad_len));
    assert_int_equal(mask, 77);
    assert_int_equal(bad_len, 6);
    assert_memory_equal(bad, "closed", 6);
    assert_false(parse_kinds("", 0, &mask, &bad, &bad_len));
    assert_false(parse_kinds("dead,", 5, &mask, &bad, &bad_len));
    assert_false(parse_kinds("clos", 4, &mask, &bad, &bad_len));
}

static void a_log_path_names_its_process(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
    } rows[] = {
        {"/tmp/log", "/tmp/log.42"}, {"/tmp/log.%p", "/tmp/log.42"}, {"/tmp/%e-%h-%t-%p%%", "/tmp/a_b-host-1700000000-42%"},
        {"/tmp/%e", "/tmp/a_b.42"},  {"/tmp/%z%", "/tmp/%z%.42"},    {"", ".42"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        assert_true(expand_path(out, sizeof out, rows[i].pattern, 42, "a/b", "host", 1700000000));
        assert_string_equal(out, rows[i].path);
        size_t need = strlen(rows[i].path) + 1;
        char *tight = malloc(need);
        assert_true(expand_path(tight, need, rows[i].pattern, 42, "a/b", "host", 1700000000));
        assert_false(expand_path(tight, need - 1, rows[i].pattern, 42, "a/b", "host", 1700000000));
        free(tight);
    }
    assert_false(expand_path(NULL, 0, "x", 1, "", "", 0));
}

static void help_names_every_option_that_parsing_knows(void **state)
{
    (void)state;
    static const char *const keys[] = {"enabled",
                                       "kinds",
                                       "grace",
                                       "interval",
                                       "leak_check_at_exit",
                                       "exitcode",
                                       "max_allowed",
                                       "abort_on_error",
                                       "log_path",
                                       "log_max",
                                       "log_format",
                                       "max_frames",
                                       "source",
                                       "closes",
                                       "runtimes",
                                       "threshold",
                                       "on_exhaustion",
                                       "max_leaks",
                                       "max_sockets",
                                       "symbolize",
                                       "suppressions",
                                       "print_suppressions",
                                       "print_summary",
                                       "color",
                                       "follow_children",
                                       "state_dir",
                                       "signal",
                                       "verbosity",
                                       "help"};
    char buf[16384];
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    options_help(&o);
    buf[o.len] = 0;
    assert_int_equal(o.lost, 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char line_start[64];
        snprintf(line_start, sizeof line_start, "\n  %s ", keys[i]);
        assert_non_null(strstr(buf, line_start));
        struct said said;
        parse(keys[i], &said); /* without a value: known, so another complaint than 'no such option' */
        assert_null(strstr(said.line[0], "no such option"));
    }
    assert_non_null(strstr(buf, " where the state file lives (default $XDG_RUNTIME_DIR/sockleak, else /dev/shm/sockleak-UID)\n"));
    assert_non_null(strstr(buf, " file of suppressions (default no file)\n"));
    assert_null(strstr(buf, "default none"));
    unsigned lines = 0;
    for (const char *p = buf; (p = strstr(p, "\n  ")); p++)
        lines++;
    assert_int_equal(lines, sizeof keys / sizeof *keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_that_are_documented),
        cmocka_unit_test(every_option_takes_its_values),
        cmocka_unit_test(the_check_at_exit_is_all_of_it_or_without_the_youngest),
        cmocka_unit_test(a_size_takes_k_m_and_g),
        cmocka_unit_test(what_is_wrong_in_a_text_is_blanked_and_nothing_else),
        cmocka_unit_test(told_suppressions_are_marked_and_taken_all_the_same),
        cmocka_unit_test(colons_in_quotes_blanks_and_empty_items_do_no_harm),
        cmocka_unit_test(a_bad_word_is_named_once_and_the_old_value_stays),
        cmocka_unit_test(an_overlong_value_is_refused_and_an_overlong_word_is_cut_in_the_warning),
        cmocka_unit_test(the_interval_follows_grace_within_its_limits_unless_it_is_given),
        cmocka_unit_test(times_are_read_exactly_or_not_at_all),
        cmocka_unit_test(lists_of_kinds_name_the_bad_word),
        cmocka_unit_test(a_log_path_names_its_process),
        cmocka_unit_test(help_names_every_option_that_parsing_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
