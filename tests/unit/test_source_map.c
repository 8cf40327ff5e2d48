/* SPDX-License-Identifier: MIT */
/*
 * test_source_map.c: source maps of all shapes, and damaged ones: a place is the right one, or none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/model/originals.h"
#include "cli/source_map/map_json.h"
#include "cli/source_map/source_maps.h"
#include "cli/source_map/source_url.h"
#include "cli/source_map/vlq.h"

#define LATER (UINT64_MAX / 2)

/* ---- numbers ------------------------------------------------------------------------------------- */

static void a_number_is_read_and_what_is_behind_it_is_left(void **state)
{
    static const struct {
        const char *text;
        int32_t v;
        size_t used;
    } good[] = {{"A", 0, 1},
                {"C", 1, 1},
                {"D", -1, 1},
                {"gB", 16, 2},
                {"hB,A", -16, 2},
                {"w+HA", 4072, 3},
                {"+/////D", INT32_MAX, 7},
                {"//////D", -INT32_MAX, 7},
                {"gggggAC", 0, 6}};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *at = good[i].text;
        int32_t v = 4711;
        assert_true(vlq_next(&at, at + strlen(at), &v));
        assert_int_equal(v, good[i].v);
        assert_int_equal(at - good[i].text, good[i].used);
    }
}

static void a_number_that_is_none_or_too_large_is_refused(void **state)
{
    static const char *const bad[] = {"",  "g",   "ggg", "!", "g!", ",", "B", "+/////H", "////////", "gggggggA", "ggggggggggggggggA",
                                      "=", "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = bad[i];
        int32_t v;
        assert_false(vlq_next(&at, at + strlen(at), &v));
    }
}

/* ---- mappings ------------------------------------------------------------------------------------ */

static struct mappings made;
static const struct mappings_part whole = {.end_line = 100, .n_sources = 2};

static bool add(const char *text) { return mappings_add(&made, text, strlen(text), &whole); }
static int end(void **state)
{
    (void)state;
    mappings_free(&made);
    return 0;
}

static void is_from(uint32_t line, uint32_t column, uint32_t source, uint32_t original_line)
{
    const struct mapping *m = mappings_find(&made, line, column);
    assert_non_null(m);
    assert_int_equal(m->source, source);
    assert_int_equal(m->original_line, original_line);
}
static void is_from_none(uint32_t line, uint32_t column) { assert_null(mappings_find(&made, line, column)); }

static void a_place_is_that_of_the_last_mapping_before_it_on_its_line(void **state)
{
    (void)state;
    /* line 0: column 2 from 0:0, 12 from 1:3 with a name; line 1: none; line 2: column 0 from 0:1, 4 from none */
    assert_true(add("EAAA,UCGAA;;ADFA,I"));
    mappings_settle(&made);
    is_from_none(0, 0);
    is_from(0, 2, 0, 0);
    is_from(0, 11, 0, 0);
    is_from(0, 12, 1, 3);
    is_from(0, 100000, 1, 3);
    is_from_none(1, 0);
    is_from(2, 3, 0, 1);
    is_from_none(2, 4);
    is_from_none(3, 0);
    is_from_none(UINT32_MAX - 1, 0);
}

static void without_a_column_a_line_has_a_place_if_all_of_it_has_that_one(void **state)
{
    (void)state;
    assert_true(add("AAAA,EAAE,EAAE;AACA,EACA;AAAA,E"));
    mappings_settle(&made);
    is_from(0, MAPPINGS_NO_COLUMN, 0, 0);
    is_from_none(1, MAPPINGS_NO_COLUMN);
    is_from_none(2, MAPPINGS_NO_COLUMN);
    is_from_none(7, MAPPINGS_NO_COLUMN);
}

static void one_place_from_two_lines_is_from_none_and_any_order_is_good(void **state)
{
    (void)state;
    /* columns 8, 4, 4 with another line, 2 */
    assert_true(add("QAAA,JACA,AACA,FAAA"));
    mappings_settle(&made);
    is_from(0, 8, 0, 0);
    is_from_none(0, 4);
    is_from_none(0, 7);
    is_from(0, 2, 0, 2);
}

static void damaged_mappings_are_refused(void **state)
{
    static const char *const bad[] = {"AA",   "AAA",   "AAAAAA", "AAAA!", "D",       "AADA",     "AAAD",
                                      "ADAA", "AAAAg", "A A",    "gggg",  "//////D", "AAAA;AAA", "AEAA"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(add(bad[i]));
        mappings_free(&made);
    }
    assert_false(mappings_add(&made, ";;AAAA", 6, &(struct mappings_part){.end_line = 2, .n_sources = 1}));
    assert_false(mappings_add(&made, "K", 1, &(struct mappings_part){.end_column = 5, .n_sources = 1}));
    assert_true(mappings_add(&made, "I", 1, &(struct mappings_part){.end_column = 5, .n_sources = 1}));
    mappings_free(&made);
    /* sums of which each is a good number */
    char text[8 * 40 + 1] = "";
    for (int i = 0; i < 40; i++)
        strcat(text, "+/////D,");
    assert_false(add(text));
}

/* ---- names --------------------------------------------------------------------------------------- */

static void has_url(const char *text, const char *url)
{
    size_t len;
    const char *found = source_url_find(text, strlen(text), &len);
    if (!url) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(len, strlen(url));
    assert_memory_equal(found, url, len);
}

static void the_comment_that_names_the_map_ends_the_file(void **state)
{
    (void)state;
    has_url("a();\n//# sourceMappingURL=a.js.map", "a.js.map");
    has_url("a();\n//# sourceMappingURL=a.js.map\n", "a.js.map");
    has_url("a();\r\n  //# sourceMappingURL=a.js.map \r\n\n", "a.js.map");
    has_url("//# sourceMappingURL=a.js.map", "a.js.map");
    has_url("a();\n/*# sourceMappingURL=a.js.map */\n", "a.js.map");
    has_url("a();\n//# sourceMappingURL=b.js.map\n//# sourceMappingURL=a.js.map\n//# sourceURL=x\n// end\n", "a.js.map");
    has_url("a();\n//# sourceMappingURL=a.js.map\nb();\n", NULL);
    has_url("a = `\n//# sourceMappingURL=a.js.map\n`", NULL);
    has_url("a = '//# sourceMappingURL=a.js.map'", NULL);
    has_url("a();\n//@ sourceMappingURL=a.js.map\n", NULL);
    has_url("a();\n//# sourceMappingURL=\n", NULL);
    has_url("a();\n//# sourceMappingURL=a.js.map b\n", NULL);
    has_url("a();\n//#sourceMappingURL=a.js.map\n", NULL);
    has_url("a();\n/*# sourceMappingURL=a.js.map\n", NULL);
    has_url("/*# sourceMappingURL=a.js.map */ b();\n", NULL);
    has_url("", NULL);
    has_url("\n\n", NULL);
    has_url("/", NULL);
}

static void data_is(const char *url, const char *data)
{
    size_t n = 0;
    char *found = source_url_data(url, strlen(url), &n);
    assert_true(!found == !data);
    if (found) {
        assert_int_equal(n, strlen(data));
        assert_memory_equal(found, data, n);
    }
    free(found);
}

static void a_data_url_of_json_in_base64_is_decoded(void **state)
{
    (void)state;
    assert_true(source_url_is_data("data:,", 6));
    assert_false(source_url_is_data("datb:,", 6));
    data_is("data:application/json;base64,e30=", "{}");
    data_is("data:application/json;base64,e30", "{}");
    data_is("data:application/json;charset=utf-8;base64,eyJhIjoxfQ==", "{\"a\":1}");
    data_is("data:application/json;base64,", "");
}

static void other_data_urls_are_refused(void **state)
{
    static const char *const bad[] = {
        "data:text/plain;base64,e30=",        "data:application/json,{}",          "data:application/json;base64",
        "data:application/json;base6,e30",    "data:application/json;base64,e",    "data:application/json;base64,e!0=",
        "data:application/jsonx;base64,e30=", "data:application/json;base64,e3=0", "data:application/jsonbase64,e30="};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        data_is(bad[i], NULL);
}

static void a_source_has_the_path_that_its_url_has(void **state)
{
    static const struct {
        const char *root, *url, *path; /* seen from /app/dist/a.js; path NULL: none */
    } cases[] = {
        {NULL, "a.ts", "/app/dist/a.ts"},
        {"", "../src/a.ts", "/app/src/a.ts"},
        {NULL, "./x/.././../src//a.ts", "/app/src/a.ts"},
        {NULL, "../../../../../etc/a.ts", "/etc/a.ts"},
        {"../src", "a.ts", "/app/src/a.ts"},
        {"../src/", "a.ts", "/app/src/a.ts"},
        {"/srv/src", "sub/a.ts", "/srv/src/sub/a.ts"},
        {"/srv/src", "/other/a.ts", "/other/a.ts"},
        {"/srv/src", "webpack://app/a.ts", "webpack://app/a.ts"},
        {"file:///srv/src", "a.ts", "/srv/src/a.ts"},
        {"webpack://app", "./src/a.ts", "webpack://app/src/a.ts"},
        {NULL, "file:///srv/src/a.ts", "/srv/src/a.ts"},
        {NULL, "file://host/srv/a.ts", NULL},
        {NULL, "//host/a.ts", NULL},
        {NULL, "my%20file.ts?x=1#y", "/app/dist/my file.ts"},
        {NULL, "50%.ts", "/app/dist/50%.ts"},
        {NULL, "a%00b.ts", NULL},
        {NULL, "webpack:///./src/a.ts?1234", "webpack:///src/a.ts?1234"},
        {NULL, "webpack://app/../../a.ts", "webpack://app/a.ts"},
        {NULL, "webpack://app", "webpack://app"},
        {NULL, "node:net", "node:net"},
        {NULL, "", NULL},
        {NULL, "?x", NULL},
        {NULL, "..", "/app"},
        {NULL, "/", NULL},
    };
    char to[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found = source_url_resolve("/app/dist/a.js", cases[i].root, cases[i].url, strlen(cases[i].url), to, sizeof to);
        assert_true(found == !!cases[i].path);
        if (found)
            assert_string_equal(to, cases[i].path);
    }
    assert_false(source_url_resolve("/app/dist/a.js", NULL, "a\0b", 3, to, sizeof to));
    assert_false(source_url_resolve("/a.js", NULL, "a23456789012345678901234567890123456789012345678901234567890123", 63, to, sizeof to));
    assert_true(source_url_resolve("/a.js", NULL, "a2345678901234567890123456789012345678901234567890123456789012", 62, to, sizeof to));
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

static struct source_map map;
static struct arena arena;

static const char *read_map(const char *json)
{
    return map_json_read(&map, &arena, json, strlen(json), "/app/dist/a.js.map", "/app/dist/a.js", 10);
}
static int end_map(void **state)
{
    (void)state;
    map_json_free(&map);
    arena_free(&arena);
    return 0;
}

static void is_in(uint32_t line, uint32_t column, const char *file, uint32_t original_line)
{
    const struct mapping *m = mappings_find(&map.mappings, line, column);
    assert_non_null(m);
    if (file)
        assert_string_equal(map.sources[m->source], file);
    else
        assert_null(map.sources[m->source]);
    assert_int_equal(m->original_line, original_line);
}

static void a_map_has_the_names_of_its_sources(void **state)
{
    (void)state;
    assert_null(
        read_map("{\"version\":3,\"file\":\"a.js\",\"sourceRoot\":\"../src\",\"sources\":[\"a.ts\",null,\"\\u0000helpers\",\"/x.ts\"],"
                 "\"names\":[],\"sourcesContent\":[\"\\ud83d\\ude00\"],\"mappings\":\"AAAA;ACCA;ACCA;ACCA\"}"));
    is_in(0, 0, "/app/src/a.ts", 0);
    is_in(1, 0, NULL, 1);
    is_in(2, 5, NULL, 2);
    is_in(3, 0, "/x.ts", 3);
    map_json_free(&map);
    assert_null(read_map("{\"version\":3,\"file\":\"\",\"sourceRoot\":null,\"sources\":[],\"mappings\":\"\"}"));
    map_json_free(&map);
    assert_null(read_map("{\"version\":3,\"file\":\"../out/a.js\",\"sources\":[],\"mappings\":\";;A\"}"));
}

static void the_sections_of_an_index_map_begin_where_they_say(void **state)
{
    (void)state;
    assert_null(
        read_map("{\"version\":3,\"sections\":["
                 "{\"offset\":{\"line\":0,\"column\":4},\"map\":{\"version\":3,\"sources\":[\"a.ts\"],\"mappings\":\"AAAA;AACA\"}},"
                 "{\"offset\":{\"line\":1,\"column\":20},\"map\":{\"version\":3,\"sources\":[\"b.ts\"],\"mappings\":\"AAQA;EACA\"}}]}"));
    assert_null(mappings_find(&map.mappings, 0, 3));
    is_in(0, 4, "/app/dist/a.ts", 0);
    is_in(1, 19, "/app/dist/a.ts", 1);
    is_in(1, 20, "/app/dist/b.ts", 8);
    is_in(2, 2, "/app/dist/b.ts", 9);
}

static void what_is_no_map_of_the_file_is_refused(void **state)
{
#define SECTION(line, column, mappings) \
    "{\"offset\":{\"line\":" line ",\"column\":" column "},\"map\":{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"" mappings "\"}}"
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"AAAA\"",
        "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"AAAA\"} x",
        "{\"version\":2,\"sources\":[\"a\"],\"mappings\":\"AAAA\"}",
        "{\"version\":\"3\",\"sources\":[\"a\"],\"mappings\":\"AAAA\"}",
        "{\"sources\":[\"a\"],\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"file\":\"b.js\",\"sources\":[\"a\"],\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"sources\":[\"a\"]}",
        "{\"version\":3,\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"sources\":{\"a\":1},\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"sources\":[1],\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"sources\":[\"a\"],\"sourceRoot\":1,\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"sources\":[],\"mappings\":\"AAAA\"}",
        "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"ACAA\"}",
        "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"AAA\"}",
        "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\"AAAA\\u0000\"}",
        "{\"version\":3,\"sources\":[\"a\"],\"mappings\":\";;;;;;;;;;AAAA\"}",
        "{\"version\":3,\"sections\":[]}",
        "{\"version\":3,\"sections\":{}}",
        "{\"version\":3,\"sections\":[{}]}",
        "{\"version\":3,\"sections\":[{\"offset\":{\"line\":0,\"column\":0},\"url\":\"a.map\"}]}",
        "{\"version\":3,\"sections\":[" SECTION("-1", "0", "AAAA") "]}",
        "{\"version\":3,\"sections\":[" SECTION("0.5", "0", "AAAA") "]}",
        "{\"version\":3,\"sections\":[" SECTION("0", "4294967296", "AAAA") "]}",
        "{\"version\":3,\"sections\":[" SECTION("10", "0", "AAAA") "]}",
        "{\"version\":3,\"sections\":[" SECTION("0", "0", ";;AAAA") "," SECTION("1", "0", "AAAA") "]}",
        "{\"version\":3,\"sections\":[" SECTION("0", "0", "AAAA,KAAA") "," SECTION("0", "5", "AAAA") "]}",
        "{\"version\":3,\"sections\":[" SECTION("3", "0", "AAAA") "," SECTION("1", "0", "AAAA") "]}",
        "{\"version\":3,\"sections\":[{\"offset\":{\"line\":0,\"column\":0},\"map\":{\"version\":3,\"sections\":[]}}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!read_map(bad[i]))
            fail_msg("taken: %s", bad[i]);
        assert_null(map.sources);
        assert_null(map.mappings.items);
    }
    /* so deep that a parser without a limit has no stack left */
    char deep[20001];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_non_null(read_map(deep));
}

static void each_beginning_and_each_wrong_byte_of_a_map_does_no_harm(void **state)
{
    static const char good[] = "{\"version\":3,\"sources\":[\"a.ts\",\"b.ts\"],\"mappings\":\"AAAA,IAAI;ACCA,gBAAgB;A\"}";
    char bad[sizeof good];
    (void)state;
    assert_null(read_map(good));
    map_json_free(&map);
    for (size_t n = 0; n < sizeof good - 1; n++)
        assert_non_null(map_json_read(&map, &arena, good, n, "/a", "/a", 10));
    for (size_t i = 0; i < sizeof good - 1; i++)
        for (int c = 0; c < 256; c += 5) {
            memcpy(bad, good, sizeof good);
            bad[i] = (char)c;
            map_json_read(&map, &arena, bad, sizeof good - 1, "/a", "/a", 10);
            for (size_t k = 0; k < map.mappings.n; k++)
                assert_true(map.mappings.items[k].source == MAPPING_NO_SOURCE || map.mappings.items[k].source < map.n_sources);
            map_json_free(&map);
        }
}

/* ---- files --------------------------------------------------------------------------------------- */

static char folder[256];
static struct source_maps *maps;

static char *in_folder(const char *name)
{
    static char path[4][320];
    static unsigned next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}
static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
#define MAP "{\"version\":3,\"sources\":[\"a.ts\"],\"mappings\":\"AAUA\"}"

static int begin_files(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/mapsXXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(folder));
    put("a.js", "a();\n//# sourceMappingURL=a.js.map\n");
    put("a.js.map", MAP);
    maps = source_maps_new(NULL);
    return 0;
}
static int end_files(void **state)
{
    (void)state;
    static const char *const names[] = {"a.js", "a.js.map", "b.js", "b", "b/c.js", "d.js"};
    source_maps_free(maps);
    for (size_t i = sizeof names / sizeof *names; i-- > 0;)
        remove(in_folder(names[i]));
    return rmdir(folder);
}

static const char *found(const char *path, uint32_t line)
{
    static struct source_place out;
    const struct source_place at = {.file = path, .line = line, .column = 1};
    return source_maps_find(maps, "", LATER, &at, &out) ? out.file : NULL;
}

static char said[2048];
static void say(void *arg, const char *line)
{
    (void)arg;
    strcat(strcat(said, line), "\n");
}
static bool tells(const char *words)
{
    said[0] = 0;
    source_maps_troubles(maps, say, NULL);
    return words ? strstr(said, words) != NULL : !said[0];
}
/* The files are read anew. */
static void again(void)
{
    source_maps_free(maps);
    maps = source_maps_new(NULL);
}

static void a_place_is_found_by_the_map_beside_the_file(void **state)
{
    const struct source_place at = {.file = in_folder("a.js"), .line = 1, .column = 3};
    struct source_place out;
    (void)state;
    assert_true(source_maps_find(maps, "", LATER, &at, &out));
    assert_string_equal(out.file, in_folder("a.ts"));
    assert_int_equal(out.line, 11);
    assert_int_equal(out.column, 1);
    assert_null(found(at.file, 2));
    assert_null(found(at.file, 0));
    assert_null(found(at.file, UINT32_MAX));
    assert_null(found("a.js", 1));
    assert_null(found("node:net", 1));
    assert_true(tells(NULL));
}

static void files_that_have_changed_since_the_process_began_are_left(void **state)
{
    struct stat st;
    struct source_place at = {.file = in_folder("a.js"), .line = 1, .column = 3}, out;
    (void)state;
    assert_int_equal(stat(in_folder("a.js.map"), &st), 0);
    uint64_t changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
    assert_true(source_maps_find(maps, "", changed + 1, &at, &out));
    assert_true(tells(NULL));
    assert_false(source_maps_find(maps, "", changed, &at, &out));
    assert_true(tells("a.js: it or its source map has changed since the process began"));
    assert_false(source_maps_find(maps, "", 0, &at, &out));
}

static void a_map_that_is_no_file_that_can_be_read_is_left(void **state)
{
    char *js = strdup(in_folder("a.js")), *json = strdup(in_folder("a.js.map"));
    (void)state;
    assert_int_equal(unlink(json), 0);
    assert_null(found(js, 1));
    assert_true(tells("a.js: its source map cannot be read"));
    assert_int_equal(symlink("a.js.map", json), 0);
    again();
    assert_null(found(js, 1));
    assert_int_equal(unlink(json), 0);
    assert_int_equal(mkfifo(json, 0600), 0);
    again();
    assert_null(found(js, 1));
    assert_int_equal(unlink(json), 0);
    assert_int_equal(mkdir(json, 0700), 0);
    again();
    assert_null(found(js, 1));
    assert_int_equal(rmdir(json), 0);
    put("a.js.map", MAP);
    assert_int_equal(truncate(json, (64 << 20) + 1), 0);
    again();
    assert_null(found(js, 1));
    assert_true(tells("a.js: its source map cannot be read"));
    put("a.js.map", "{");
    again();
    assert_null(found(js, 1));
    assert_true(tells("a.js: its source map is no JSON"));
    put("a.js", "a();\n//# sourceMappingURL=http://host/a.js.map\n");
    again();
    assert_null(found(js, 1));
    assert_true(tells("a.js: its source map is in no file"));
    put("a.js", "a();\n//# sourceMappingURL=data:application/json,{}\n");
    again();
    assert_null(found(js, 1));
    assert_true(tells("a.js: its source map is no data of JSON in base64"));
    put("a.js", "a();\n");
    again();
    assert_null(found(js, 1));
    assert_true(tells(NULL));
    free(js);
    free(json);
}

static void names_lead_to_other_folders_below_the_root_alone(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("b"), 0700), 0);
    put("b/c.js", "a();\n//# sourceMappingURL=../a.js.map\n");
    assert_string_equal(found(in_folder("b/c.js"), 1), in_folder("a.ts"));
    source_maps_free(maps);
    maps = source_maps_new(folder);
    assert_string_equal(found("/a.js", 1), "/a.ts");
    assert_string_equal(found("/b/c.js", 1), "/a.ts");
    assert_int_equal(symlink("/a.js", in_folder("d.js")), 0);
    assert_string_equal(found("/d.js", 1), "/a.ts");
    again();
    const struct source_place at = {.file = "/a.js", .line = 1, .column = 1};
    struct source_place out;
    assert_true(source_maps_find(maps, folder, LATER, &at, &out));
    assert_string_equal(out.file, "/a.ts");
    assert_null(found("/a.js", 1));
}

/* The record of a frame has room for so much, and keeps the end. */
static void a_name_that_may_be_the_end_of_a_longer_one_is_left(void **state)
{
    char path[STATE_FILE_MAX];
    (void)state;
    memset(path, '/', sizeof path);
    strcpy(path + sizeof path - 1 - strlen(in_folder("a.js")), in_folder("a.js"));
    assert_null(found(path, 1));
    assert_non_null(found(path + 1, 1));
}

/* ---- frames -------------------------------------------------------------------------------------- */

static void frames_of_two_processes_are_shown_where_both_were(void **state)
{
    const struct frame a[] = {
        {.symbol = "f",
         .file = "a.ts",
         .line = 5,
         .column = 9,
         .runtime = RUNTIME_JAVASCRIPT,
         .generated_file = "b.js",
         .generated_line = 1,
         .generated_column = 80},
        {.symbol = "main", .file = "main.c", .line = 3},
        {.symbol = "g", .file = "a.ts", .line = 8, .runtime = RUNTIME_JAVASCRIPT, .generated_file = "b.js", .generated_line = 1}};
    struct frame b[] = {{.symbol = "node", .interpreter = true}, a[0], a[2]};
    (void)state;
    assert_ptr_equal(originals_of_both(&arena, a, 3, b, 3), a);
    assert_ptr_equal(originals_of_both(&arena, a, 3, NULL, 0), a);
    b[1].line = 6;
    const struct frame *both = originals_of_both(&arena, a, 3, b, 3);
    assert_string_equal(both[0].file, "b.js");
    assert_int_equal(both[0].line, 1);
    assert_int_equal(both[0].column, 80);
    assert_null(both[0].generated_file);
    assert_string_equal(both[1].file, "main.c");
    assert_string_equal(both[2].file, "a.ts");
    /* in the other process it has none */
    b[1] = (struct frame){.symbol = "f", .file = "b.js", .line = 1, .runtime = RUNTIME_JAVASCRIPT};
    assert_string_equal(originals_of_both(&arena, a, 3, b, 3)[0].file, "b.js");
    assert_string_equal(originals_of_both(&arena, a, 3, b, 2)[2].file, "b.js");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_read_and_what_is_behind_it_is_left),
        cmocka_unit_test(a_number_that_is_none_or_too_large_is_refused),
        cmocka_unit_test_teardown(a_place_is_that_of_the_last_mapping_before_it_on_its_line, end),
        cmocka_unit_test_teardown(without_a_column_a_line_has_a_place_if_all_of_it_has_that_one, end),
        cmocka_unit_test_teardown(one_place_from_two_lines_is_from_none_and_any_order_is_good, end),
        cmocka_unit_test_teardown(damaged_mappings_are_refused, end),
        cmocka_unit_test(the_comment_that_names_the_map_ends_the_file),
        cmocka_unit_test(a_data_url_of_json_in_base64_is_decoded),
        cmocka_unit_test(other_data_urls_are_refused),
        cmocka_unit_test(a_source_has_the_path_that_its_url_has),
        cmocka_unit_test_teardown(a_map_has_the_names_of_its_sources, end_map),
        cmocka_unit_test_teardown(the_sections_of_an_index_map_begin_where_they_say, end_map),
        cmocka_unit_test_teardown(what_is_no_map_of_the_file_is_refused, end_map),
        cmocka_unit_test_teardown(each_beginning_and_each_wrong_byte_of_a_map_does_no_harm, end_map),
        cmocka_unit_test_setup_teardown(a_place_is_found_by_the_map_beside_the_file, begin_files, end_files),
        cmocka_unit_test_setup_teardown(files_that_have_changed_since_the_process_began_are_left, begin_files, end_files),
        cmocka_unit_test_setup_teardown(a_map_that_is_no_file_that_can_be_read_is_left, begin_files, end_files),
        cmocka_unit_test_setup_teardown(names_lead_to_other_folders_below_the_root_alone, begin_files, end_files),
        cmocka_unit_test_setup_teardown(a_name_that_may_be_the_end_of_a_longer_one_is_left, begin_files, end_files),
        cmocka_unit_test_teardown(frames_of_two_processes_are_shown_where_both_were, end_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
