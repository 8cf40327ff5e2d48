/* SPDX-License-Identifier: MIT */
/*
 * test_suppress.c: suppression files are read strictly, matched as the sanitizers do, and never
 * take long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/suppress.h"

struct said {
    unsigned n;
    char line[8][512];
};

static void hear(void *arg, const char *line)
{
    struct said *s = arg;
    if (s->n < 8)
        snprintf(s->line[s->n], sizeof s->line[0], "%s", line);
    s->n++;
}

static void each_line_is_a_rule_a_comment_or_one_warning(void **state)
{
    (void)state;
    static const char text[] = "# a comment\n"
                               "\n"
                               "close_wait:db_connect\r\n"
                               "  leak : libfoo.so \n"
                               "peer:10.0.0.*\n"
                               "local:^/run/x$\n"
                               "no colon here\n"
                               "closewait:x\n"
                               "dead:\n"
                               "hangup:a:b#c";
    struct suppression rules[8];
    struct said said = {0};
    size_t n = 0;
    suppress_parse(text, sizeof text - 1, rules, &n, 8, hear, &said);
    assert_int_equal(n, 5);
    assert_int_equal(rules[0].kinds, KIND_BIT(KIND_CLOSE_WAIT));
    assert_int_equal(rules[0].pattern_len, 10);
    assert_int_equal(rules[1].kinds, KINDS_ALL);
    assert_memory_equal(rules[1].pattern, "libfoo.so", rules[1].pattern_len);
    assert_int_equal(rules[1].pattern_len, 9);
    assert_int_equal(rules[2].subject, SUPPRESS_PEER);
    assert_int_equal(rules[3].subject, SUPPRESS_LOCAL);
    assert_memory_equal(rules[4].pattern, "a:b#c", rules[4].pattern_len);
    assert_int_equal(said.n, 3);
    assert_non_null(strstr(said.line[0], "line 7: no kind in 'no colon here'; write KIND:PATTERN"));
    assert_non_null(strstr(said.line[1], "line 8: unknown kind 'closewait'; write KIND:PATTERN"));
    assert_string_equal(said.line[2], "line 9: no pattern after 'dead:'; write * to match everything");
}

static void a_second_file_is_appended_and_a_full_list_says_so_once(void **state)
{
    (void)state;
    struct suppression rules[3];
    struct said said = {0};
    size_t n = 0;
    suppress_parse("leak:a\nleak:b\n", 14, rules, &n, 3, hear, &said);
    suppress_parse("leak:c\nleak:d\nleak:e\n", 21, rules, &n, 3, hear, &said);
    assert_int_equal(n, 3);
    assert_int_equal(*rules[2].pattern, 'c');
    assert_int_equal(said.n, 1);
    assert_non_null(strstr(said.line[0], "line 2: too many suppressions"));
    suppress_parse("leak:c\nbad\n", 11, rules, &n, 3, NULL, NULL);
}

/* ---- patterns ------------------------------------------------------------------------------------------------------------- */

static bool match(const char *pattern, const char *s) { return pattern_match(pattern, strlen(pattern), s); }

static void patterns_match_as_the_sanitizers_do(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *s;
        bool yes;
    } rows[] = {
        {"connect", "db_connect", true},
        {"connect", "db_connect_all", true},
        {"connect", "conect", false},
        {"^connect", "db_connect", false},
        {"^db", "db_connect", true},
        {"connect$", "db_connect", true},
        {"db$", "db_connect", false},
        {"^db_connect$", "db_connect", true},
        {"^db_connect$", "db_connect2", false},
        {"^db*ect$", "db_connect", true},
        {"^db*ect$", "db_connects", false},
        {"*", "", true},
        {"*", "x", true},
        {"^$", "", true},
        {"^$", "x", false},
        {"^", "x", true},
        {"$", "x", true},
        {"a*b*c", "xxaxxbxxcxx", true},
        {"a*b*c", "acb", false},
        {"^*foo$", "a foo", true},
        {"foo*$", "foobar", true},
        {"a**b", "ab", true},
        {"*ab$", "abab", true},
        {"^aa*aa$", "aaa", false},
        {"^aa*aa$", "aaaa", true},
        {"a^b", "xa^bx", true},
        {"a$b", "xa$bx", true},
        {"std::*::connect", "std::net::TcpStream::connect", true},
        {"longer than the text", "text", false},
        {"", "x", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (match(rows[i].pattern, rows[i].s) != rows[i].yes)
            fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].s);
}

/* The plainest correct matcher there is: by trying everything. */
static bool try_all(const char *p, const char *end, const char *s, bool at_end)
{
    if (p == end)
        return !at_end || *s == 0;
    if (*p == '*')
        return try_all(p + 1, end, s, at_end) || (*s && try_all(p, end, s + 1, at_end));
    return *s == *p && try_all(p + 1, end, s + 1, at_end);
}

static bool reference(const char *p, const char *s)
{
    const char *end = p + strlen(p);
    bool at_start = p < end && *p == '^';
    p += at_start;
    bool at_end = p < end && end[-1] == '$';
    end -= at_end;
    if (at_start)
        return try_all(p, end, s, at_end);
    for (;; s++) {
        if (try_all(p, end, s, at_end))
            return true;
        if (!*s)
            return false;
    }
}

static void every_short_pattern_agrees_with_trying_everything(void **state)
{
    (void)state;
    static const char letters[] = "ab*^$";
    char p[6] = {0}, s[5] = {0};
    for (unsigned i = 0; i < 5 * 5 * 5 * 5 * 5; i++) {
        for (unsigned d = 0, v = i; d < 5; d++, v /= 5)
            p[d] = letters[v % 5];
        for (unsigned len = 1; len <= 5; len++) {
            char shorter[6] = {0};
            memcpy(shorter, p, len);
            for (unsigned j = 0; j < 81; j++) {
                for (unsigned d = 0, v = j; d < 4; d++, v /= 3)
                    s[d] = "ab"[v % 3]; /* the third is the end */
                if (match(shorter, s) != reference(shorter, s))
                    fail_msg("'%s' and '%s'", shorter, s);
            }
        }
    }
}

static void a_spiteful_pattern_takes_no_time(void **state)
{
    (void)state;
    char pattern[2001], s[20001];
    for (unsigned i = 0; i < 2000; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    memcpy(pattern + 1998, "*b", 3);
    memset(s, 'a', 20000);
    s[20000] = 0;
    clock_t before = clock();
    assert_false(match(pattern, s));
    assert_true(clock() - before < 5 * CLOCKS_PER_SEC); /* without end where a matcher goes back */
}

/* ---- rules on groups and sockets ------------------------------------------------------------------------------------------ */

static struct suppression rules[8];
static size_t read_rules(const char *text)
{
    size_t n = 0;
    suppress_parse(text, strlen(text), rules, &n, 8, NULL, NULL);
    return n;
}

static void any_frames_function_file_or_module_matches(void **state)
{
    (void)state;
    static const struct frame frames[] = {
        {.module = "/usr/lib/libpq.so.5", .symbol = "connectDBStart", .file = "src/interfaces/fe-connect.c"},
        {.module = "/srv/app", .symbol = "db::open(int)"},
        {.pc = 0x7f00},
    };
    struct group g = {.kind = KIND_CLOSE_WAIT, .frames = frames, .n_frames = 3};
    static const struct {
        const char *rule;
        bool yes;
    } rows[] = {
        {"close_wait:connectDB", true},
        {"leak:connectDB", true},
        {"dead:connectDB", false},
        {"leak:^fe-connect.c$", true},
        {"leak:^src/interfaces/", true},
        {"leak:^interfaces/", false},
        {"leak:libpq", true},
        {"leak:^libpq.so.5$", true},
        {"leak:^/usr/lib/*.5$", true},
        {"leak:^db::open*$", true},
        {"leak:nobody", false},
        {"peer:*", false},
        {"leak:*", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = read_rules(rows[i].rule);
        assert_int_equal(n, 1);
        if ((suppress_group(rules, n, &g) == &rules[0]) != rows[i].yes)
            fail_msg("%s", rows[i].rule);
    }
    size_t n = read_rules("leak:nobody\nleak:app\nleak:*\n");
    assert_ptr_equal(suppress_group(rules, n, &g), &rules[1]);
    g.n_frames = 0; /* no stack: only addresses can match */
    assert_null(suppress_group(rules, n, &g));
}

static void sockets_match_by_their_addresses_alone(void **state)
{
    (void)state;
    struct finding f = {.peer = "10.0.0.5:1433", .local = "10.0.0.7:51222"};
    size_t n = read_rules("leak:*\npeer:^10.0.0.*:1433$\nlocal:*\n");
    assert_ptr_equal(suppress_socket(rules, n, &f), &rules[1]);
    f.peer = NULL;
    assert_ptr_equal(suppress_socket(rules, n, &f), &rules[2]);
    f.local = "";
    assert_null(suppress_socket(rules, n, &f));
}

static const char *written(const struct group *g)
{
    static char buf[512];
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    suppress_write_line(&o, g);
    buf[o.len] = 0;
    return buf;
}

static void the_ready_line_matches_what_it_was_made_from(void **state)
{
    (void)state;
    static const struct frame jit_then_name[] = {{.pc = 1}, {.module = "/lib/a.so", .symbol = "operator*(V const&)"}};
    static const struct frame module_only[] = {{.pc = 1}, {.module = "/opt/app/libfoo.so", .offset = 0x1f}};
    static const struct finding peer = {.peer = "10.0.0.5:1433", .local = "1.2.3.4:5"}, local = {.local = "@a\nb"};
    struct group g = {.kind = KIND_CLOSE_WAIT, .frames = jit_then_name, .n_frames = 2};
    assert_string_equal(written(&g), "close_wait:^operator*(V const&) (a.so+0x0)$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_group(rules, 1, &g));
    static const struct frame anchors[] = {{.symbol = "^lambda$1$\n"}};
    g.n_frames = 1;
    g.frames = anchors;
    assert_string_equal(written(&g), "close_wait:^*lambda$1$* (+0x0)$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_group(rules, 1, &g));
    g.n_frames = 2;
    g.frames = module_only;
    g.kind = KIND_DEAD;
    assert_string_equal(written(&g), "dead:^(libfoo.so+0x1f)$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_group(rules, 1, &g));
    g.n_frames = 0;
    g.findings = &peer;
    g.n_findings = 1;
    assert_string_equal(written(&g), "peer:^10.0.0.5:1433$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_socket(rules, 1, &peer));
    g.findings = &local;
    assert_string_equal(written(&g), "local:^@a*b$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_socket(rules, 1, &local));
    g.n_findings = 0;
    assert_int_equal(*written(&g), '#');
}

/* Two leaks in the same function, and one under another caller. */
static void a_ready_line_hides_no_other_leak(void **state)
{
    (void)state;
    static const struct frame here[] = {{.symbol = "socket", .module = "/lib/x86_64-linux-gnu/libc.so.6", .offset = 9},
                                        {.symbol = "main", .module = "/srv/app", .file = "src/db.c", .line = 42},
                                        {.symbol = "__libc_start_main", .module = "/usr/lib/libc.so.6", .offset = 7}};
    static const struct frame there[] = {{.symbol = "main", .module = "/srv/app", .file = "src/db.c", .line = 43}};
    static const struct frame below[] = {{.symbol = "main", .module = "/srv/app", .file = "src/db.c", .line = 42},
                                         {.symbol = "again", .module = "/srv/app", .file = "src/db.c", .line = 50}};
    static const struct frame bare[] = {{.symbol = "main", .module = "/srv/app", .offset = 0x42}},
                              other[] = {{.symbol = "main", .module = "/srv/app", .offset = 0x43}};
    static const struct frame no_line[] = {{.symbol = "main", .module = "/srv/app", .offset = 0x42, .file = "src/db.c"}};
    struct group g = {.kind = KIND_CLOSE_WAIT, .frames = here, .n_frames = 3};
    assert_string_equal(written(&g), "close_wait:^main (db.c:42)$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_group(rules, 1, &g));
    assert_null(suppress_group(rules, 1, &(struct group){.kind = KIND_CLOSE_WAIT, .frames = there, .n_frames = 1}));
    assert_null(suppress_group(rules, 1, &(struct group){.kind = KIND_CLOSE_WAIT, .frames = below, .n_frames = 2}));
    assert_null(suppress_group(rules, 1, &(struct group){.kind = KIND_DEAD, .frames = here, .n_frames = 3}));
    g = (struct group){.kind = KIND_CLOSE_WAIT, .frames = below, .n_frames = 2};
    assert_string_equal(written(&g), "close_wait:^main (db.c:42) < again (db.c:50)$\n");
    g = (struct group){.kind = KIND_CLOSE_WAIT, .frames = bare, .n_frames = 1};
    assert_string_equal(written(&g), "close_wait:^main (app+0x42)$\n");
    assert_int_equal(read_rules(written(&g)), 1);
    assert_non_null(suppress_group(rules, 1, &g));
    assert_null(suppress_group(rules, 1, &(struct group){.kind = KIND_CLOSE_WAIT, .frames = other, .n_frames = 1}));
    g = (struct group){.kind = KIND_CLOSE_WAIT, .frames = no_line, .n_frames = 1}; /* a file alone would hide all of it */
    assert_string_equal(written(&g), "close_wait:^main (app+0x42)$\n");
}

static void a_frame_by_a_source_map_matches_by_both_its_files_and_is_written_with_that_which_runs(void **state)
{
    (void)state;
    static const struct frame frames[] = {{.symbol = "t",
                                           .file = "/srv/src/db.ts",
                                           .line = 42,
                                           .runtime = RUNTIME_JAVASCRIPT,
                                           .generated_file = "/srv/dist/app.js",
                                           .generated_line = 7}};
    static const char *const good[] = {"leak:^db.ts$",     "leak:/src/db",        "leak:^app.js$",
                                       "leak:^/srv/dist/", "leak:^t (db.ts:42)$", "leak:^t (app.js:7)$"};
    static const char *const bad[] = {"leak:^t (db.ts:7)$", "leak:^t (app.js:42)$", "leak:^app.ts$"};
    const struct group g = {.kind = KIND_CLOSE_WAIT, .frames = frames, .n_frames = 1};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_non_null(suppress_group(rules, read_rules(good[i]), &g));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(suppress_group(rules, read_rules(bad[i]), &g));
    assert_string_equal(written(&g), "close_wait:^t (app.js:7)$\n");
}

static void the_table_at_exit_lists_what_matched(void **state)
{
    (void)state;
    char buf[512];
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    size_t n = read_rules("leak:a\npeer:b\ndead:c\nclose_wait:d\n");
    suppress_print(&o, 42, rules, n);
    assert_int_equal(o.len, 0);
    rules[0].sockets = 12;
    rules[0].groups = 1;
    rules[1].sockets = 3;
    rules[3].sockets = 5;
    rules[3].builtin = true;
    suppress_print(&o, 42, rules, n);
    buf[o.len] = 0;
    assert_string_equal(buf, "==42==sockleak: Suppressions used:\n"
                             "  sockets  groups  suppression\n"
                             "       12       1  leak:a\n"
                             "        3       0  peer:b\n");
}

static void what_a_jdk_keeps_as_a_marker_is_known_and_nothing_else_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *symbol;
        uint8_t kind;
        bool known;
    } rows[] = {
        {"Java_sun_nio_ch_FileDispatcherImpl_init", KIND_HANGUP, true},
        {"Java_java_net_PlainSocketImpl_initProto", KIND_HANGUP, true},
        {"Java_java_net_PlainSocketImpl_initProto", KIND_DEAD, true}, /* it was shut down, too */
        {"Java_java_net_PlainSocketImpl_initProto", KIND_CLOSE_WAIT, false},
        {"Java_java_net_PlainSocketImpl_socketCreate", KIND_DEAD, false},
        {"main", KIND_HANGUP, false},
    };
    size_t n = read_rules(suppress_builtin);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame frame = {.symbol = rows[i].symbol};
        struct group g = {.kind = rows[i].kind, .n_frames = 1, .frames = &frame};
        assert_int_equal(suppress_group(rules, n, &g) != NULL, rows[i].known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_a_rule_a_comment_or_one_warning),
        cmocka_unit_test(a_second_file_is_appended_and_a_full_list_says_so_once),
        cmocka_unit_test(patterns_match_as_the_sanitizers_do),
        cmocka_unit_test(every_short_pattern_agrees_with_trying_everything),
        cmocka_unit_test(a_spiteful_pattern_takes_no_time),
        cmocka_unit_test(any_frames_function_file_or_module_matches),
        cmocka_unit_test(a_frame_by_a_source_map_matches_by_both_its_files_and_is_written_with_that_which_runs),
        cmocka_unit_test(sockets_match_by_their_addresses_alone),
        cmocka_unit_test(the_ready_line_matches_what_it_was_made_from),
        cmocka_unit_test(a_ready_line_hides_no_other_leak),
        cmocka_unit_test(the_table_at_exit_lists_what_matched),
        cmocka_unit_test(what_a_jdk_keeps_as_a_marker_is_known_and_nothing_else_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
