/* SPDX-License-Identifier: MIT */
/*
 * test_out.c: bounded text building agrees with printf, never writes past its buffer, and leaves no
 * hole.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/out.h"

struct text {
    struct out o;
    char buf[512];
};

static const char *end_of(struct text *t)
{
    t->buf[t->o.len] = 0;
    return t->buf;
}

#define BUILD(t, call)                                                    \
    do {                                                                  \
        (t).o = (struct out){.buf = (t).buf, .cap = sizeof((t).buf) - 1}; \
        struct out *o = &(t).o;                                           \
        call;                                                             \
    } while (0)

#define SAME_AS_PRINTF(...)                         \
    do {                                            \
        struct text t_;                             \
        char want_[512];                            \
        snprintf(want_, sizeof want_, __VA_ARGS__); \
        BUILD(t_, out_fmt(o, __VA_ARGS__));         \
        assert_string_equal(end_of(&t_), want_);    \
    } while (0)

static void formats_agree_with_printf(void **state)
{
    (void)state;
    SAME_AS_PRINTF("plain");
    SAME_AS_PRINTF("%d %d %d %i", 0, INT_MIN, INT_MAX, -1);
    SAME_AS_PRINTF("%u %x %lu %lx %zu", UINT_MAX, 0xbeefu, ULONG_MAX, ULONG_MAX, (size_t)42);
    SAME_AS_PRINTF("%ld %lld %llu %zd", LONG_MIN, LLONG_MIN, ULLONG_MAX, (ssize_t)-5);
    SAME_AS_PRINTF("[%5d][%-5d][%05d][%5s][%-5s][%c%%]", 42, 42, -42, "ab", "ab", 'x');
    SAME_AS_PRINTF("[%*d][%-*d][%*s][%*u]", 6, 7, 6, 7, -6, "x", 4, 12345u);
    SAME_AS_PRINTF("[%08lx][%3u][%.3s][%.*s][%6.2s]", 0xabcUL, 7u, "abcdef", 2, "xyz", "pq1");
    SAME_AS_PRINTF("[%9u][%10u][%19s][%.9s][%.10s][%.19s]", 7u, 8u, "x", "0123456789ab", "0123456789ab", "0123456789abcdefghijklm");
    SAME_AS_PRINTF("[%2d][%3d][%02d][%03d][%2s][%.*s][%.*s]", 42, -42, 42, -42, "ab", -1, "all of it", 0, "nothing");
    SAME_AS_PRINTF("%p", (void *)formats_agree_with_printf);
    SAME_AS_PRINTF("%s%s", "", "tail");
}

static void what_is_no_format_is_written_as_it_is(void **state)
{
    (void)state;
    struct text t;
    const char *volatile odd = "100%! %q %5y %"; /* volatile: the compiler would object, rightly */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    BUILD(t, out_fmt(o, odd));
    assert_string_equal(end_of(&t), "100%! %q %5y %");
    const char *volatile null_string = NULL;
    BUILD(t, out_fmt(o, "%s", null_string));
#pragma GCC diagnostic pop
    assert_string_equal(end_of(&t), "(null)");
}

static void numbers_come_out_at_both_ends_of_their_range(void **state)
{
    (void)state;
    struct text t;
    BUILD(t, (out_u64(o, 0), out_char(o, ' '), out_u64(o, UINT64_MAX), out_char(o, ' '), out_i64(o, INT64_MIN), out_char(o, ' '),
              out_hex(o, 0, 1), out_char(o, ' '), out_hex(o, 0xab, 16), out_char(o, ' '), out_hex(o, UINT64_MAX, 0)));
    assert_string_equal(end_of(&t), "0 18446744073709551615 -9223372036854775808 0 00000000000000ab ffffffffffffffff");
    BUILD(t, (out_str(o, NULL), out_str(o, "ab"), out_pad(o, 0, 5), out_char(o, '|'), out_pad(o, 0, 3), out_char(o, '|')));
    assert_string_equal(end_of(&t), "ab   ||");
}

static void durations_name_the_units_that_matter(void **state)
{
    (void)state;
    static const struct {
        uint64_t s;
        const char *words;
    } rows[] = {
        {0, "0 s"},
        {812, "812 s"},
        {999, "999 s"},
        {1000, "16 min"},
        {3599, "59 min"},
        {3600, "1 h"},
        {19200, "5 h 20 min"},
        {86399, "23 h 59 min"},
        {86400, "1 d"},
        {3 * 86400 + 7200, "3 d 2 h"},
        {UINT64_MAX, "213503982334601 d 7 h"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text t;
        BUILD(t, out_duration(o, rows[i].s));
        assert_string_equal(end_of(&t), rows[i].words);
    }
    struct text t;
    BUILD(t, (out_seconds(o, 812449999999ull), out_char(o, ' '), out_seconds(o, 0), out_char(o, ' '), out_seconds(o, UINT64_MAX)));
    assert_string_equal(end_of(&t), "812.4 0.0 18446744073.7");
}

static void dates_agree_with_the_calendar_of_libc(void **state)
{
    (void)state;
    struct text t;
    BUILD(t, out_rfc3339(o, 1767323045678000000ull));
    assert_string_equal(end_of(&t), "2026-01-02T03:04:05.678Z");
    for (uint64_t s = 0; s < 18446744073ull; s += 86400 * 13 + 4711) {
        time_t when = (time_t)s;
        struct tm tm;
        char want[64];
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.009Z", gmtime_r(&when, &tm));
        BUILD(t, out_rfc3339(o, s * 1000000000u + 9999999u));
        assert_string_equal(end_of(&t), want);
    }
}

static void json_strings_are_valid_whatever_the_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"a\nb\tc\x01\x1f", "\"a\\u000ab\\u0009c\\u0001\\u001f\""},
        {"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"\xc3", "\"\xef\xbf\xbd\""},                                 /* cut short */
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe2\x82x", "\"\xef\xbf\xbd\xef\xbf\xbdx\""},
    };
    struct text t;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BUILD(t, out_json(o, rows[i].in));
        assert_string_equal(end_of(&t), rows[i].out);
    }
    BUILD(t, (out_json_opt(o, NULL), out_json_opt(o, ""), out_json_opt(o, "x")));
    assert_string_equal(end_of(&t), "nullnull\"x\"");
}

static void cleaned_text_cannot_steer_a_terminal(void **state)
{
    (void)state;
    struct text t;
    BUILD(t, out_clean(o, "a\033[2J\x7f\xc2\x9b\xc3\xbc\n", 11, 100));
    assert_string_equal(end_of(&t), "a?[2J???\xc3\xbc?");
    BUILD(t, out_clean(o, "abcdefgh", 8, 3));
    assert_string_equal(end_of(&t), "abc...");
    BUILD(t, out_clean(o, "abc", 3, 3));
    assert_string_equal(end_of(&t), "abc");
}

static void a_full_buffer_keeps_a_clean_beginning_and_counts_the_rest(void **state)
{
    (void)state;
    for (size_t cap = 0; cap <= 30; cap++) {
        char *buf = malloc(cap + 1); /* exactly: a byte too far is a sanitizer's find */
        struct out o = {.buf = buf, .cap = cap};
        out_fmt(&o, "%s %d ", "0123456789", 42);
        out_json(&o, "abc\xff\n");
        size_t whole = 10 + 1 + 2 + 1 + 1 + 3 + 3 + 6 + 1;
        assert_int_equal(o.len + o.lost, whole);
        assert_int_equal(o.len, cap < whole ? cap : whole);
        static const char text[] = "0123456789 42 \"abc\xef\xbf\xbd\\u000a\"";
        assert_memory_equal(buf, text, o.len);
        free(buf);
    }
}

struct sink {
    char text[256];
    size_t len;
    unsigned refuse_after, calls;
};

static bool take(struct out *o, size_t need)
{
    struct sink *s = o->arg;
    assert_true(need > 0);
    if (s->calls++ >= s->refuse_after)
        return false;
    memcpy(s->text + s->len, o->buf, o->len);
    s->len += o->len;
    o->len = 0;
    return true;
}

static void a_flush_makes_room_and_one_that_fails_ends_the_text(void **state)
{
    (void)state;
    char small[7];
    struct sink s = {.refuse_after = UINT_MAX};
    struct out o = {.buf = small, .cap = sizeof small, .flush = take, .arg = &s};
    out_fmt(&o, "%s-%s", "the quick brown fox", "jumps over the lazy dog");
    take(&o, 1);
    assert_int_equal(o.lost, 0);
    assert_int_equal(s.len, 43);
    assert_memory_equal(s.text, "the quick brown fox-jumps over the lazy dog", 43);

    s = (struct sink){.refuse_after = 1};
    o = (struct out){.buf = small, .cap = sizeof small, .flush = take, .arg = &s};
    out_str(&o, "0123456789abcdefghijkl");
    assert_int_equal(s.len, 7);
    assert_int_equal(o.len, 7);
    assert_int_equal(o.lost, 8);
    s.refuse_after = UINT_MAX; /* it could write again, but that would leave a hole */
    out_str(&o, "more");
    assert_int_equal(o.lost, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_agree_with_printf),
        cmocka_unit_test(what_is_no_format_is_written_as_it_is),
        cmocka_unit_test(numbers_come_out_at_both_ends_of_their_range),
        cmocka_unit_test(durations_name_the_units_that_matter),
        cmocka_unit_test(dates_agree_with_the_calendar_of_libc),
        cmocka_unit_test(json_strings_are_valid_whatever_the_bytes),
        cmocka_unit_test(cleaned_text_cannot_steer_a_terminal),
        cmocka_unit_test(a_full_buffer_keeps_a_clean_beginning_and_counts_the_rest),
        cmocka_unit_test(a_flush_makes_room_and_one_that_fails_ends_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
