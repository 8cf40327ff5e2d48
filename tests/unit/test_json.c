/* SPDX-License-Identifier: MIT */
/*
 * test_json.c: each line is one JSON object with the documented keys in their order, whatever the
 * strings hold.
 *
 * Carries a strict checker of its own (RFC 8259, and UTF-8): it accepts nothing that a parser might
 * stumble over.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/judge.h"
#include "core/report.h"

#define S 1000000000ull

/* ---- a strict JSON checker: each function returns the place behind what it read, or NULL --------------------------------------- */

static const char *json_value(const char *p, unsigned depth);

static const char *json_utf8(const char *s)
{
    const unsigned char *p = (const unsigned char *)s;
    static const struct {
        unsigned char first, last, second_first, second_last;
        unsigned more;
    } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 1}, {0xe0, 0xe0, 0xa0, 0xbf, 2}, {0xe1, 0xec, 0x80, 0xbf, 2}, {0xed, 0xed, 0x80, 0x9f, 2},
                 {0xee, 0xef, 0x80, 0xbf, 2}, {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3}, {0xf4, 0xf4, 0x80, 0x8f, 3}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (p[1] < forms[i].second_first || p[1] > forms[i].second_last)
            return NULL;
        for (unsigned k = 2; k <= forms[i].more; k++)
            if ((p[k] & 0xc0) != 0x80)
                return NULL;
        return s + 1 + forms[i].more;
    }
    return NULL;
}

static const char *json_string(const char *p)
{
    if (*p++ != '"')
        return NULL;
    while (p && *p != '"') {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20)
            return NULL;
        if (c >= 0x80) {
            p = json_utf8(p);
        } else if (c != '\\') {
            p++;
        } else if (p[1] == 'u') {
            if (strspn(p + 2, "0123456789abcdefABCDEF") < 4)
                return NULL;
            p += 6;
        } else {
            if (!p[1] || !strchr("\"\\/bfnrt", p[1]))
                return NULL;
            p += 2;
        }
    }
    return p ? p + 1 : NULL;
}

static const char *json_digits(const char *p)
{
    size_t n = strspn(p, "0123456789");
    return n ? p + n : NULL;
}

static const char *json_number(const char *p)
{
    p += *p == '-';
    if (*p == '0' && p[1] >= '0' && p[1] <= '9')
        return NULL;
    p = json_digits(p);
    if (p && *p == '.')
        p = json_digits(p + 1);
    if (p && (*p == 'e' || *p == 'E')) {
        p++;
        p += *p == '+' || *p == '-';
        p = json_digits(p);
    }
    return p;
}

static const char *json_list(const char *p, char close, unsigned depth)
{
    if (depth > 8)
        return NULL;
    if (*++p == close)
        return p + 1;
    for (;;) {
        if (close == '}') {
            p = json_string(p);
            if (!p || *p++ != ':')
                return NULL;
        }
        p = json_value(p, depth + 1);
        if (!p || (*p != ',' && *p != close))
            return NULL;
        if (*p++ == close)
            return p;
    }
}

static const char *json_value(const char *p, unsigned depth)
{
    switch (*p) {
    case '{':
        return json_list(p, '}', depth);
    case '[':
        return json_list(p, ']', depth);
    case '"':
        return json_string(p);
    case 't':
        return strncmp(p, "true", 4) == 0 ? p + 4 : NULL;
    case 'f':
        return strncmp(p, "false", 5) == 0 ? p + 5 : NULL;
    case 'n':
        return strncmp(p, "null", 4) == 0 ? p + 4 : NULL;
    default:
        return json_number(p);
    }
}

/* Each line of TEXT is one object; returns their number, or fails. */
static unsigned objects_in(const char *text)
{
    unsigned n = 0;
    for (const char *p = text; *p; n++) {
        const char *end = *p == '{' ? json_value(p, 0) : NULL;
        if (!end || *end != '\n') {
            fail_msg("not an object: %s", p);
            break;
        }
        p = end + 1;
    }
    return n;
}

static void the_checker_itself_is_strict(void **state)
{
    (void)state;
    static const char *const good[] = {"{}", "{\"a\":[1,-0.5,1e9,\"\\u00ff\\n\",null,true]}", "[[],{}]", "\"\xc3\xbc\""};
    static const char *const bad[] = {"{,}", "{\"a\"}",  "[1,]", "01", "1.",           "\"\\x\"", "\"\x01\"",  "\"\xff\"",
                                      "\"a", "{\"a\":1", "nul",  "",   "\"\xc0\x80\"", "--1",     "\"\\u00f\""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *end = json_value(good[i], 0);
        assert_non_null(end);
        assert_int_equal(*end, 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *end = json_value(bad[i], 0);
        assert_true(!end || *end);
    }
}

/* ---- the report ------------------------------------------------------------------------------------------------------------- */

static char buf[1 << 17];

static const char *rendered(const struct report *r)
{
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    json_report(&o, r);
    assert_int_equal(o.lost, 0);
    buf[o.len] = 0;
    return buf;
}

static const struct frame allocated[] = {
    {.module = "/srv/app", .build_id = "00ff", .offset = 0x1234, .symbol = "db_connect", .file = "src/db.c", .line = 42},
    {.pc = 0x7f0012},
};
static const struct frame told[] = {{.module = "/srv/app", .offset = 0x1456, .symbol = "read_reply", .inlined = true}};
static struct finding findings[100];
static struct group group;

static struct report example(void)
{
    for (int i = 0; i < 100; i++)
        findings[i] = (struct finding){.fd = 14 + i,
                                       .kind = KIND_CLOSE_WAIT,
                                       .family = AF_INET,
                                       .tcp_state = ST_CLOSE_WAIT,
                                       .tid = 4243,
                                       .receive_tid = 77,
                                       .opened_ns = 100 * S,
                                       .since_ns = 187600000000ull,
                                       .unread = 7,
                                       .local = "10.0.0.7:51222",
                                       .peer = "10.0.0.5:1433"};
    group = (struct group){.kind = KIND_CLOSE_WAIT,
                           .eof = EOF_READ,
                           .siteid = 0x0f3a9c01d2e4b678,
                           .opened = 1240,
                           .closed = 1203,
                           .live = 37,
                           .count = 37,
                           .growing = true,
                           .oldest_ns = 812400000000ull,
                           .youngest_ns = 3100000000ull,
                           .n_findings = 1,
                           .findings = findings,
                           .n_frames = 2,
                           .frames = allocated,
                           .n_told = 1,
                           .told = {{.event = EVENT_EOF, .call = CALL_RECV, .count = 36, .n_frames = 1, .frames = told}}};
    return (struct report){.pid = 4242,
                           .exe = "/srv/app",
                           .host = "box",
                           .reason = REASON_EXIT,
                           .now_ns = 1000 * S,
                           .now_real_ns = 1767323045678000000ull,
                           .n_groups = 1,
                           .groups = &group,
                           .leaks = 37,
                           .sites = 1,
                           .by_kind = {37},
                           .print_summary = true};
}

static void the_documented_keys_stand_in_their_order(void **state)
{
    (void)state;
    struct report r = example();
    static const char leak[] =
        "{\"type\":\"leak\",\"time\":\"2026-01-02T03:04:05.678Z\",\"host\":\"box\",\"pid\":4242,\"exe\":\"/srv/app\",\"reason\":\"exit\","
        "\"kind\":\"close_wait\",\"how\":null,\"eof\":\"read\",\"site\":\"0f3a9c01d2e4b678\",\"count\":37,\"opened\":1240,\"closed\":1203,"
        "\"live\":37,"
        "\"growing\":true,\"oldest_s\":812.4,\"youngest_s\":3.1,"
        "\"frames\":[{\"module\":\"/srv/app\",\"build_id\":\"00ff\",\"offset\":\"0x1234\",\"symbol\":\"db_connect\",\"file\":\"src/"
        "db.c\",\"line\":42,"
        "\"inlined\":false,\"runtime\":\"native\"},"
        "{\"module\":null,\"build_id\":null,\"offset\":null,\"symbol\":null,\"file\":null,\"line\":null,\"inlined\":false,\"pc\":"
        "\"0x7f0012\",\"runtime\":\"native\"}],"
        "\"eof_frames\":[{\"module\":\"/srv/"
        "app\",\"build_id\":null,\"offset\":\"0x1456\",\"symbol\":\"read_reply\",\"file\":null,\"line\":null,"
        "\"inlined\":true,\"runtime\":\"native\"}],"
        "\"sockets\":[{\"fd\":14,\"family\":\"inet\",\"local\":\"10.0.0.7:51222\",\"peer\":\"10.0.0.5:1433\",\"state\":\"CLOSE_WAIT\","
        "\"age_s\":900.0,\"stuck_s\":812.4,\"unread\":7,\"origin\":\"socket\",\"tag\":null,\"tid\":4243,\"receive_tid\":77,\"send_tid\":"
        "null";
    static const char summary[] =
        "\n{\"type\":\"summary\",\"time\":\"2026-01-02T03:04:05.678Z\",\"pid\":4242,\"reason\":\"exit\",\"leaks\":37,\"sites\":1,"
        "\"suppressed\":0,\"dropped\":0,\"by_kind\":{\"close_wait\":37}";
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_memory_equal(text, leak, sizeof leak - 1);
    assert_non_null(strstr(text, summary));
    struct release rel = {.fd = 14,
                          .kind = KIND_CLOSE_WAIT,
                          .siteid = 0x0f3a9c01d2e4b678,
                          .stuck_ns = 812400000000ull,
                          .count = 2,
                          .n_fds = 2,
                          .fds = (const int[]){14, 15}};
    struct out o = {.buf = buf, .cap = sizeof buf - 1};
    json_release(&o, &r, &rel);
    buf[o.len] = 0;
    assert_string_equal(buf,
                        "{\"type\":\"release\",\"time\":\"2026-01-02T03:04:05.678Z\",\"pid\":4242,\"fd\":14,\"site\":\"0f3a9c01d2e4b678\","
                        "\"kind\":\"close_wait\",\"stuck_s\":812.4,\"count\":2,\"fds\":[14,15]}\n");
}

static void what_the_program_was_told_is_counted_for_each_stack(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 3;
    group.told[1] = (struct told){.event = EVENT_ERROR, .call = CALL_SEND, .error = EPIPE, .count = 2, .n_frames = 1, .frames = allocated};
    group.told[2] = (struct told){.event = EVENT_ERROR, .error = 250, .count = 1};
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    static const char *const parts[] = {
        "\"history\":[{\"event\":\"eof\",\"call\":\"recv\",\"count\":36,\"errno\":null,\"inferred\":false,\"frames\":[{",
        "{\"event\":\"error\",\"call\":\"send\",\"count\":2,\"errno\":\"EPIPE\",\"inferred\":false,\"frames\":[{",
        ("{\"event\":\"error\",\"call\":null,\"count\":1,\"errno\":\"errno "
         "250\",\"inferred\":false,\"frames\":[]}],\"variant\":null,\"site_of\":null,\"siblings_closed\":[],\"watched\":null,\"advice\":"
         "\"read_reply saw EOF and returned "
         "without closing; close there\"}\n")};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s not in %s", parts[i], text);
    static const struct {
        unsigned event;
        uint64_t inferred, elsewhere;
        const char *part;
        uint32_t tid;
    } lives[] = {
        {EVENT_EPOLL_ADD, 0, 0, "{\"event\":\"epoll_add\",\"call\":\"send\",\"count\":2,\"errno\":null,\"inferred\":false,\"frames\":[{",
         0},
        {EVENT_FIRST_RECEIVE, 1, 0,
         "{\"event\":\"first_receive\",\"call\":\"send\",\"count\":2,\"errno\":null,\"inferred\":false,\"frames\"", 0},
        {EVENT_FIRST_SEND, 2, 1,
         "\"event\":\"first_send\",\"call\":\"send\",\"count\":2,\"errno\":null,\"inferred\":true,\"other_thread\":1,", 0},
        {EVENT_DUP, 0, 0, "{\"event\":\"dup\",", 0},
        {EVENT_SHUTDOWN, 0, 0, "{\"event\":\"shutdown\",", 0},
        {EVENT_LAST_RECEIVE, 2, 0, "{\"event\":\"last_receive\",\"call\":\"send\",\"count\":2,\"errno\":null,\"inferred\":true,\"frames\"",
         0},
        {EVENT_LAST_SEND, 0, 0, "{\"event\":\"last_send\",", 0},
        {EVENT_LAST_SEND, 0, 1,
         "\"inferred\":false,\"other_thread\":1,\"thread\":{\"tid\":77,\"name\":\"flusher\",\"now\":\"poll\",\"ended\":false},\"frames\"",
         77},
        {EVENT_LAST_SEND, 0, 1, "\"other_thread\":1,\"thread\":{\"tid\":78,\"name\":null,\"now\":null,\"ended\":true},\"frames\"", 78},
        {EVENT_LAST_SEND, 0, 1, "\"other_thread\":1,\"thread\":{\"tid\":79,\"name\":null,\"now\":null,\"ended\":null},\"frames\"", 79},
        {EVENT_LAST_SEND, 0, 1, "\"other_thread\":1,\"frames\"", 0},
        {EVENT_EPOLL_DEL, 0, 0, "{\"event\":\"epoll_del\",", 0},
    };
    group.n_users = 2;
    group.users[0] = (struct opener){77, "flusher", "poll", false};
    group.users[1] = (struct opener){78, "", "", true};
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        group.told[1].event = (uint8_t)lives[i].event;
        group.told[1].error = 0;
        group.told[1].n_inferred = lives[i].inferred;
        group.told[1].n_elsewhere = lives[i].elsewhere;
        group.told[1].tid = lives[i].tid;
        if (!strstr(rendered(&r), lives[i].part))
            fail_msg("%s not in %s", lives[i].part, buf);
    }
    group.told[0].event = EVENT_CONNECT_FAILED; /* an old reader still finds the stack there, where none saw EOF */
    text = rendered(&r);
    assert_non_null(strstr(text, "\"history\":[{\"event\":\"connect_failed\""));
    assert_non_null(strstr(text, "\"eof_frames\":[{\"module\":\"/srv/app\",\"build_id\":null,\"offset\":\"0x1456\""));
    group.told[1].event = EVENT_EOF;
    group.of_eof = true;
    text = rendered(&r);
    assert_non_null(strstr(text, "\"eof_frames\":[{\"module\":\"/srv/app\",\"build_id\":\"00ff\",\"offset\":\"0x1234\""));
    assert_non_null(strstr(text, "\"site_of\":\"eof\",\"siblings_closed\":[],\"watched\":null}\n"));
}

static void the_stacks_that_closed_the_other_sockets_are_no_history(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 3;
    group.told[1] = (struct told){.event = EVENT_SIBLINGS, .call = CALL_CLOSE, .count = 1000, .n_frames = 1, .frames = allocated};
    group.told[2] = (struct told){.event = EVENT_SIBLINGS, .call = CALL_FCLOSE, .count = 203};
    group.n_siblings = 1203;
    group.about = true;
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_non_null(strstr(text, "\"event\":\"eof\""));
    assert_null(strstr(text, "\"event\":\"siblings_closed\""));
    assert_non_null(
        strstr(text, ",\"siblings_closed\":[{\"count\":1000,\"call\":\"close\",\"about\":true,\"cousins\":false,\"frames\":[{"));
    assert_non_null(strstr(
        text, "},{\"count\":203,\"call\":\"fclose\",\"about\":true,\"cousins\":false,\"frames\":[]}],\"watched\":null,\"advice\":\"read_"
              "reply saw EOF and returned without closing; close there\"}\n"));
}

static void a_closed_one_is_compared_where_its_life_was_kept(void **state)
{
    (void)state;
    struct report r = example();
    group.n_told = 3;
    group.told[0].count = group.count;
    group.told[1] = (struct told){.event = EVENT_SIBLINGS,
                                  .call = CALL_CLOSE,
                                  .siteid = 50,
                                  .count = 1000,
                                  .compared = true,
                                  .same = 1u << group.told[0].event,
                                  .lacks = 1u << EVENT_SHUTDOWN};
    group.told[2] = (struct told){.event = EVENT_PARTED, .was = EVENT_LAST_SEND, .call = CALL_SEND, .siteid = 5, .closer = 50};
    group.n_siblings = 1000;
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_null(strstr(text, "parted"));
    assert_non_null(
        strstr(text, "\"frames\":[],\"common\":1,\"same\":[\"eof\"],\"unlike\":[{\"event\":\"last_send\",\"call\":\"send\",\"frames\":[]}],"
                     "\"lacks\":[]}],\"watched\":null"));
    group.n_told = 4;
    group.told[3] = (struct told){.event = EVENT_SHUTDOWN, .call = CALL_SHUTDOWN, .siteid = 7, .count = group.count};
    assert_non_null(strstr(rendered(&r), "\"lacks\":[\"shutdown\"]}],\"watched\":null"));
}

static void a_variant_has_its_name_or_null(void **state)
{
    (void)state;
    struct report r = example();
    assert_non_null(strstr(rendered(&r), "],\"variant\":null,\"site_of\":null,"));
    group.variants = 2;
    group.variant = 0x1a2b3c4;
    group.site_count = 50;
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_non_null(strstr(text, "],\"variant\":\"01a2b3c4\",\"site_count\":50,\"site_of\":null,"));
    group.variant = 0;
    assert_non_null(strstr(rendered(&r), "],\"variant\":null,\"site_count\":50,"));
}

static void each_socket_has_its_own_eof_and_protocol(void **state)
{
    (void)state;
    static const struct {
        uint8_t eof, family, type;
        uint16_t protocol;
        const char *words;
    } rows[] = {
        {EOF_READ, AF_INET, SOCK_STREAM, 0, "\"eof\":\"read\",\"protocol\":\"tcp\",\"descriptors\":1,\"received\":null,"},
        {EOF_UNREAD, AF_INET6, SOCK_STREAM, PROTOCOL_MPTCP,
         "\"eof\":\"unread\",\"protocol\":\"mptcp\",\"descriptors\":1,\"received\":null,"},
        {EOF_NONE, AF_INET, SOCK_DGRAM, 0, "\"eof\":null,\"protocol\":\"udp\",\"descriptors\":1,\"received\":null,"},
        {EOF_NONE, AF_INET, SOCK_SEQPACKET, 0, "\"eof\":null,\"protocol\":\"sctp\",\"descriptors\":1,\"received\":null,"},
        {EOF_NONE, AF_INET, SOCK_STREAM, 132, "\"eof\":null,\"protocol\":\"sctp\",\"descriptors\":1,\"received\":null,"},
        {EOF_NONE, AF_INET, SOCK_RAW, 1, "\"eof\":null,\"protocol\":\"icmp\",\"descriptors\":1,\"received\":null,"},
        {EOF_NONE, AF_INET, SOCK_RAW, 250, "\"eof\":null,\"protocol\":null,\"descriptors\":1,\"received\":null,"},
        {EOF_READ, AF_UNIX, SOCK_STREAM, 0, "\"eof\":\"read\",\"protocol\":null,\"descriptors\":1,\"received\":null,"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report r = example();
        group.eof = EOF_MIXED;
        findings[0].eof = rows[i].eof;
        findings[0].family = rows[i].family;
        findings[0].type = rows[i].type;
        findings[0].protocol = rows[i].protocol;
        const char *text = rendered(&r);
        assert_non_null(strstr(text, "\"how\":null,\"eof\":\"mixed\",\"site\":"));
        if (!strstr(text, rows[i].words))
            fail_msg("%s not in %s", rows[i].words, text);
    }
}

static void who_holds_a_closed_socket_is_listed(void **state)
{
    (void)state;
    static const struct state_holder holder = {.pid = 812, .fd = 5, .exe = "/bin/sleep"};
    struct report r = example();
    group.kind = findings[0].kind = KIND_HELD_BY_CHILD;
    findings[0].holder = &holder;
    findings[0].n_holders = 1;
    findings[0].holders = 3;
    group.n_findings = 1;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\"kind\":\"held_by_child\""));
    assert_non_null(strstr(text, ",\"holders\":[{\"pid\":812,\"exe\":\"/bin/sleep\",\"fd\":5}],\"n_holders\":3,\"received\":null,"));
    assert_non_null(strstr(text, ",\"advice\":\"open it with SOCK_CLOEXEC"));
}

static void what_is_not_known_is_null(void **state)
{
    (void)state;
    struct report r = example();
    r.host = r.exe = NULL;
    group.siteid = 0;
    group.kind = KIND_DEAD;
    group.how = HOW_RESET;
    group.eof = EOF_NONE;
    findings[0] = (struct finding){
        .fd = 3, .kind = KIND_DEAD, .how = HOW_RESET, .told_errno = ECONNRESET, .origin = ORIGIN_BEFORE_ATTACH, .family = AF_UNIX};
    const char *text = rendered(&r);
    objects_in(text);
    static const char *const parts[] = {"\"host\":null",
                                        "\"exe\":null",
                                        "\"site\":null",
                                        "\"how\":\"reset\",\"eof\":null",
                                        "\"state\":null,\"age_s\":null",
                                        "\"local\":null,\"peer\":null",
                                        "\"tid\":null",
                                        "\"family\":\"unix\"",
                                        "\"origin\":\"before_attach\"",
                                        "\"error\":\"ECONNRESET\""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s not in %s", parts[i], text);
}

static void forecasts_are_decimals_as_all_times_are(void **state)
{
    (void)state;
    struct report r = example();
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\"fd_limit_in_s\":null"));
    assert_non_null(strstr(text, "\"ports_in_s\":null"));
    group.fd_limit_in_s = 19205;
    group.ports_in_s = UINT64_MAX;
    text = rendered(&r);
    objects_in(text);
    assert_non_null(strstr(text, "\"fd_limit_in_s\":19205.0,"));
    assert_non_null(strstr(text, "\"ports_in_s\":18446744073709551615.0,"));
    group.fd_limit_reached = group.ports_reached = true;
    text = rendered(&r);
    assert_non_null(strstr(text, "\"fd_limit_in_s\":0.0,"));
    assert_non_null(strstr(text, "\"ports_in_s\":0.0,"));
}

static void the_counts_over_time_stand_with_their_ages_where_they_are_known(void **state)
{
    (void)state;
    static const struct growth_point growth[] = {{200 * S, 0}, {999900000000ull, 37}, {2000 * S, 38}};
    struct report r = example();
    assert_null(strstr(rendered(&r), "\"growth\""));
    group.growth = growth;
    group.n_growth = 3;
    const char *text = rendered(&r);
    objects_in(text);
    assert_non_null(strstr(text, "\"growth\":[{\"age_s\":800.0,\"count\":0},{\"age_s\":0.1,\"count\":37},{\"age_s\":0.0,\"count\":38}]"));
}

static void the_trend_stands_behind_the_sockets(void **state)
{
    (void)state;
    struct report r = example();
    group.rate_milli = 12034;
    group.fd_limit = 1024;
    group.ports = 28232;
    group.ports_peer = "10.0.0.5:1433";
    static const char *const parts[] = {"}],\"steady\":false,\"rate_per_minute\":12.034,\"fd_limit\":1024,\"fd_limit_in_s\":null,"
                                        "\"ports\":28232,\"ports_in_s\":null,\"ports_peer\":\"10.0.0.5:1433\",\"history\":[",
                                        "}],\"steady\":true,\"rate_per_minute\":12.034,"};
    for (size_t i = 0; i < 2; i++) {
        group.steady = i;
        const char *text = rendered(&r);
        objects_in(text);
        if (!strstr(text, parts[i]))
            fail_msg("%s not in %s", parts[i], text);
    }
}

static void the_age_of_a_socket_that_nobody_saw_opened_is_null(void **state)
{
    (void)state;
    struct report r = example();
    findings[0].origin = ORIGIN_BEFORE_ATTACH;
    findings[0].adopted = true;
    findings[0].opened_ns = 900 * S;
    assert_non_null(strstr(rendered(&r), "\"age_s\":null,\"stuck_s\":812.4,"));
}

static void at_most_sixty_four_sockets_are_listed(void **state)
{
    (void)state;
    struct report r = example();
    group.count = group.n_findings = 100;
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, "{\"fd\":")); p++)
        n++;
    assert_int_equal(n, 64);
    assert_non_null(strstr(text, "\"count\":100"));
}

static void a_report_without_groups_is_empty_and_the_summary_can_be_left_out(void **state)
{
    (void)state;
    struct report r = example();
    r.print_summary = false;
    assert_int_equal(objects_in(rendered(&r)), 1);
    r.print_summary = true;
    r.n_groups = 0;
    assert_string_equal(rendered(&r), "");
}

static void what_was_left_out_is_counted_with_and_without_a_summary(void **state)
{
    (void)state;
    struct report r = example();
    r.groups_left_out = 2;
    r.sockets_left_out = 15;
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_non_null(strstr(text, "\"groups_left_out\":2,\"sockets_left_out\":15}"));
    r.print_summary = false;
    text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_non_null(strstr(text, "{\"type\":\"note\",\"time\":\"2026-01-02T03:04:05.678Z\",\"pid\":4242,"
                                 "\"text\":\"2 more groups with 15 sockets left out (max_leaks)\","
                                 "\"groups_left_out\":2,\"sockets_left_out\":15}\n"));
}

static void a_stretched_period_is_a_note(void **state)
{
    (void)state;
    struct report r = example();
    r.print_summary = false;
    r.stretched_ms = 2500;
    const char *text = rendered(&r);
    assert_int_equal(objects_in(text), 2);
    assert_non_null(strstr(text, "{\"type\":\"note\",\"time\":\"2026-01-02T03:04:05.678Z\",\"pid\":4242,\"text\":\"looks take long: "));
    assert_non_null(strstr(text, "\",\"period_s\":2.5}\n"));
}

/* Every string of the report in turn holds each byte. */
static void no_byte_in_any_string_breaks_a_line(void **state)
{
    (void)state;
    char evil[8] = "a?\"\\b";
    struct frame f = {.module = evil, .build_id = evil, .symbol = evil, .file = evil};
    for (unsigned c = 1; c < 256; c++) {
        evil[1] = (char)c;
        struct report r = example();
        r.host = r.exe = evil;
        group.frames = group.told[0].frames = &f;
        group.n_frames = group.told[0].n_frames = 1;
        group.ports_peer = evil;
        findings[0].local = findings[0].peer = findings[0].tag = evil;
        assert_int_equal(objects_in(rendered(&r)), 2);
    }
}

static void every_number_of_every_kind_is_a_valid_line(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        struct report r = example();
        r.reason = (uint8_t)kind;
        group = (struct group){.kind = (uint8_t)kind,
                               .how = (uint8_t)kind,
                               .eof = (uint8_t)kind,
                               .findings = findings,
                               .n_findings = 2,
                               .rate_milli = UINT32_MAX,
                               .count = UINT64_MAX};
        findings[0] = (struct finding){.fd = -1,
                                       .kind = (uint8_t)kind,
                                       .how = (uint8_t)kind,
                                       .eof = (uint8_t)kind,
                                       .origin = (uint8_t)kind,
                                       .family = (uint8_t)kind,
                                       .tcp_state = (uint8_t)kind,
                                       .told_errno = (uint8_t)kind,
                                       .opened_ns = UINT64_MAX,
                                       .since_ns = UINT64_MAX};
        for (unsigned k = 0; k < KIND_COUNT; k++)
            r.by_kind[k] = UINT64_MAX;
        assert_int_equal(objects_in(rendered(&r)), 2);
    }
}

static void frames_of_a_runtime_have_no_address_and_say_what_is_known_of_their_place(void **state)
{
    (void)state;
    struct report r = example();
    static const struct frame frames[] = {
        {.symbol = "login", .file = "web.js", .line = 88, .column = 5, .runtime = RUNTIME_JAVASCRIPT},
        {.symbol = "Db::__destruct", .file = "db.php", .line = 7, .line_of_function = true, .runtime = RUNTIME_PHP, .interpreter = true},
    };
    group.frames = frames;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\"symbol\":\"login\",\"file\":\"web.js\",\"line\":88,\"inlined\":false,\"runtime\":\"javascript\","
                                 "\"column\":5}"));
    assert_non_null(strstr(text, "\"line\":7,\"inlined\":false,\"runtime\":\"php\",\"line_of_function\":true,\"interpreter\":true}"));
}

static void a_frame_by_a_source_map_says_where_it_is_in_the_file_that_runs_too(void **state)
{
    (void)state;
    struct report r = example();
    static const struct frame frames[] = {
        {.symbol = "t",
         .file = "a.ts",
         .line = 88,
         .column = 5,
         .runtime = RUNTIME_JAVASCRIPT,
         .generated_file = "b.js",
         .generated_line = 1,
         .generated_column = 90210},
        {.symbol = "f", .file = "a.ts", .line = 8, .runtime = RUNTIME_JAVASCRIPT, .generated_file = "b.js", .generated_line = 2},
    };
    group.frames = frames;
    const char *text = rendered(&r);
    assert_non_null(strstr(text, "\"file\":\"a.ts\",\"line\":88,\"inlined\":false,\"runtime\":\"javascript\",\"column\":5,"
                                 "\"generated\":{\"file\":\"b.js\",\"line\":1,\"column\":90210}}"));
    assert_non_null(strstr(text, "\"generated\":{\"file\":\"b.js\",\"line\":2}}"));
    objects_in(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_itself_is_strict),
        cmocka_unit_test(the_documented_keys_stand_in_their_order),
        cmocka_unit_test(the_counts_over_time_stand_with_their_ages_where_they_are_known),
        cmocka_unit_test(what_the_program_was_told_is_counted_for_each_stack),
        cmocka_unit_test(the_stacks_that_closed_the_other_sockets_are_no_history),
        cmocka_unit_test(a_closed_one_is_compared_where_its_life_was_kept),
        cmocka_unit_test(a_variant_has_its_name_or_null),
        cmocka_unit_test(each_socket_has_its_own_eof_and_protocol),
        cmocka_unit_test(who_holds_a_closed_socket_is_listed),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(forecasts_are_decimals_as_all_times_are),
        cmocka_unit_test(the_trend_stands_behind_the_sockets),
        cmocka_unit_test(the_age_of_a_socket_that_nobody_saw_opened_is_null),
        cmocka_unit_test(at_most_sixty_four_sockets_are_listed),
        cmocka_unit_test(a_report_without_groups_is_empty_and_the_summary_can_be_left_out),
        cmocka_unit_test(what_was_left_out_is_counted_with_and_without_a_summary),
        cmocka_unit_test(a_stretched_period_is_a_note),
        cmocka_unit_test(no_byte_in_any_string_breaks_a_line),
        cmocka_unit_test(frames_of_a_runtime_have_no_address_and_say_what_is_known_of_their_place),
        cmocka_unit_test(a_frame_by_a_source_map_says_where_it_is_in_the_file_that_runs_too),
        cmocka_unit_test(every_number_of_every_kind_is_a_valid_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
