/* SPDX-License-Identifier: MIT */
/*
 * test_owner.c: what handles a socket of a node process, from memory that is made here: an event
 * loop, a handle, and the objects of a JavaScript heap.
 *
 * The memory is read as another process' is, so any damage to it must give no answer, and no fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/owner/loop.h"
#include "cli/owner/walk.h"
#include "v8_image.h"

#define BASE 0x200000u
#define BYTES (64u * 1024u)

enum { FUNCTION = 2065, SHARED = 262, SCRIPT = 167, SCOPE = 271, FIXED = 179, DEBUG = 250, UNCOMPILED = 220 };
enum {
    OBJECT = 1057,
    API_OBJECT = 1058,
    ARRAY = 2113,
    BOUND = 2064,
    SYMBOL = 128,
    PROPERTIES = 259,
    DESCRIPTORS = 236,
    ONE_BYTE = 8,
    CONTEXT = 205,
    PAIR = 160
};
enum { FAST_WORDS = 64, KEYS = 24 };

static uint8_t memory[BYTES], whole[BYTES];
static uint64_t null_object;
static struct owner_cache cache;
static struct v8_layout layout;
static struct objects objects;
static uint64_t loop, handle, wrap, js, sock, server, script; /* what the tests damage */

static bool read_memory(void *arg, uint64_t a, void *to, size_t n)
{
    (void)arg;
    if (a < BASE || a - BASE > BYTES - n)
        return false;
    memcpy(to, memory + (a - BASE), n);
    return true;
}

/* ---- making memory ---------------------------------------------------------------------------- */

static uint64_t take(size_t n) { return allocate(n) - 1; }
static void put(uint64_t o, unsigned offset, uint64_t value) { *words_of(o + offset) = value; }
/* Of a map of its own. */
static uint64_t new_object(unsigned type, size_t bytes) { return object_with(new_map(type), bytes); }
static uint64_t string(const char *s) { return string_of(ONE_BYTE, s, (uint32_t)strlen(s), 1); }
/* "@name" is a symbol. */
static uint64_t key(const char *name)
{
    if (*name != '@')
        return string(name);
    uint64_t o = new_object(SYMBOL, 24);
    put(o, 16, string(name + 1));
    return o;
}

/* An object with room for KEYS properties, three of them in itself. */
static uint64_t fast(unsigned type)
{
    uint64_t o = new_object(type, 8 * 8), map = *words_of(o - 1), properties = new_object(PROPERTIES, 16 + 8 * KEYS);
    uint64_t d = new_object(DESCRIPTORS, 24 + 24 * KEYS);
    put(map, 8, *words_of(map - 1 + 8) | 8 | 5 << 8); /* words; properties begin at the sixth */
    put(map, 40, d);
    put(properties, 8, smi(KEYS));
    put(o, 8, properties);
    return o;
}
static void set(uint64_t o, const char *name, uint64_t value)
{
    uint64_t map = *words_of(o - 1), d = *words_of(map - 1 + 40);
    unsigned n = (unsigned)(*words_of(map - 1 + 16) >> 10 & 0x3ff);
    put(map, 16, (uint64_t)(n + 1) << 10);
    put(d, 8, n + 1);
    put(d, 24 + 24 * n, key(name));
    put(d, 24 + 24 * n + 8, smi((int32_t)(n << 19)));
    if (n < 3)
        put(o, 8 * (5 + n), value);
    else
        put(*words_of(o - 1 + 8), 16 + 8 * (n - 3), value);
}
/* An object with a dictionary of 8 entries. */
static uint64_t dictionary(void)
{
    uint64_t o = new_object(OBJECT, 24), map = *words_of(o - 1), table = new_object(190, 16 + 8 * (6 + 24));
    put(map, 16, 1u << 21);
    put(table, 8, smi(6 + 24));
    put(table, 16 + 8 * 2, smi(8));
    for (unsigned i = 0; i < 24; i++)
        put(table, 16 + 8 * (6 + i), null_object);
    put(o, 8, table);
    return o;
}
static void enter(uint64_t o, unsigned slot, const char *name, uint64_t value)
{
    uint64_t table = *words_of(o - 1 + 8);
    put(table, 16 + 8 * (6 + 3 * slot), key(name));
    put(table, 16 + 8 * (6 + 3 * slot + 1), value);
    put(table, 16 + 8 * (6 + 3 * slot + 2), smi(0));
}

static uint64_t new_script(const char *name)
{
    const uint64_t lines[] = {smi(10), smi(20), smi(30), smi(40)};
    uint64_t o = new_object(SCRIPT, 96), ends = array(FIXED, lines, 4, 8);
    put(o, 16, string(name));
    put(o, 24, smi(0));
    put(o, 32, smi(0));
    put(o, 56, ends);
    return o;
}
/* A function NAME that begins at START; the lines of a script have ten characters. */
static uint64_t function(const char *name, uint64_t of, int start)
{
    uint64_t f = new_object(FUNCTION, 64), shared = new_object(SHARED, 64), scope = new_object(SCOPE, 8 * 8);
    put(scope, 8, smi(1 << 12)); /* it has a name */
    put(scope, 24, smi(0));
    put(scope, 32, string(name));
    put(scope, 40, smi(0));
    put(scope, 48, smi(start));
    put(scope, 56, smi(start + 5));
    put(shared, 16, scope);
    put(shared, 32, of);
    put(f, 24, shared);
    return f;
}
/* One that was not called yet: with its name, or what was guessed. */
static uint64_t uncalled(const char *name, const char *guess, uint64_t of, int start)
{
    uint64_t f = function("x", of, start), shared = *words_of(f - 1 + 24), data = new_object(UNCOMPILED, 24);
    put(shared, 8, data);
    put(shared, 16, name ? string(name) : smi(0));
    put(data, 8, string(guess));
    put(data, 16, (uint64_t)(unsigned)start | (uint64_t)(unsigned)(start + 4) << 32);
    return f;
}
static uint64_t bound_to(uint64_t target)
{
    uint64_t o = fast(BOUND);
    put(o, 24, target);
    return o;
}
/* What once() has made, as newer versions do: a function with the one that was given. */
static uint64_t once_of(uint64_t wrapper, uint64_t given)
{
    uint64_t o = fast(FUNCTION);
    put(o, 24, *words_of(wrapper - 1 + 24));
    set(o, "listener", given);
    return o;
}
static uint64_t array_object(const uint64_t *values, unsigned n)
{
    uint64_t o = new_object(ARRAY, 32);
    put(o, 16, array(FIXED, values, (int32_t)n, 8));
    put(o, 24, smi((int32_t)n));
    return o;
}

/* ---- one socket -------------------------------------------------------------------------------- */

static void set_layouts(void)
{
    layout = (struct v8_layout){
        V8_IMAGE_LAYOUT,
        .shared_data = 8,
        .uncompiled_name = 8,
        .uncompiled_start = 16,
        .uncompiled_end = 20,
        .type_function = FUNCTION,
        .last_function = FUNCTION + 15,
        .type_shared = SHARED,
        .type_script = SCRIPT,
        .type_debug = DEBUG,
        .type_scope = SCOPE,
        .type_uncompiled = UNCOMPILED,
        .last_uncompiled = UNCOMPILED + 3,
        .type_fixed = FIXED,
    };
    objects.layout = (struct object_layout){.map_words = 8,
                                            .map_first_word = 9,
                                            .map_bits = 16,
                                            .map_descriptors = 40,
                                            .map_is_dictionary = 21,
                                            .map_own_mask = 0xffc00,
                                            .map_own_shift = 10,
                                            .properties = 8,
                                            .elements = 16,
                                            .internal_fields = 24,
                                            .symbol_name = 16,
                                            .type_object = OBJECT,
                                            .type_array = ARRAY,
                                            .type_bound = BOUND,
                                            .type_symbol = SYMBOL,
                                            .type_properties = PROPERTIES,
                                            .type_descriptors = DESCRIPTORS,
                                            .type_strong_descriptors = DESCRIPTORS + 1,
                                            .descriptors_first = 24,
                                            .index_mask = 0x1ff80000,
                                            .index_shift = 19,
                                            .kind_mask = 1,
                                            .location_mask = 32,
                                            .dictionary_prefix = 3,
                                            .dictionary_first = 3,
                                            .dictionary_entry = 3};
    objects.heap = (struct v8_heap){.layout = &layout, .at = owner_cache_at, .arg = &cache};
}

static void new_loop(void)
{
    loop = take(128);
    wrap = take(512);
    handle = wrap + 160;
    *words_of(loop + 16) = *words_of(loop + 24) = handle + 32;
    *words_of(loop + 64) = 9;
    *words_of(handle) = wrap;
    *words_of(handle + 8) = loop;
    *words_of(handle + 16) = 12;
    *words_of(handle + 32) = *words_of(handle + 40) = loop + 16;
    *words_of(handle + 184) = 21;
}

static int begin(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    memset(&cache, 0, sizeof cache);
    v8_image_begin(memory, BASE, BYTES, 16);
    take(64);
    cache.read = read_memory;
    cache.max_reads = 1000000;
    set_layouts();
    null_object = new_object(131, 32);
    script = new_script("/srv/app.js");
    new_loop();
    js = fast(API_OBJECT);
    put(js, 32, wrap); /* its second internal field */
    uint64_t slot = take(16);
    *words_of(slot) = js;
    *words_of(wrap + 8) = slot;
    sock = fast(OBJECT);
    server = fast(OBJECT);
    put(*words_of(js - 1), 8, *words_of(*words_of(js - 1) - 1 + 8));
    uint64_t events = dictionary(), of_server = dictionary(), node = new_script("node:net");
    uint64_t once = bound_to(function("onceWrapper", node, 1)), data = function("onData", script, 3);
    set(once, "listener", uncalled(NULL, "guess.ed", script, 15));
    uint64_t several[] = {data, function("own", node, 2), bound_to(uncalled("receive", "", script, 25))};
    enter(events, 5, "error", data);
    enter(events, 3, "data", array_object(several, 3));
    enter(events, 0, "end", once);
    enter(events, 7, "gone", null_object);
    enter(of_server, 2, "upgrade", function("onUpgrade", script, 31));
    enter(of_server, 4, "request", function("onRequest", new_script("/srv/node_modules/web/web.js"), 12));
    /* three in the object would be in place of its internal fields */
    put(*words_of(js - 1), 16, 0);
    set(js, "fd", null_object);
    set(js, "reading", null_object);
    set(js, "onread", null_object);
    set(js, "@owner_symbol", sock);
    put(js, 32, wrap);
    set(sock, "connecting", null_object);
    set(sock, "@kHandle", js);
    set(sock, "_events", events);
    set(sock, "_maxListeners", null_object);
    set(sock, "server", server);
    set(server, "_events", of_server);
    memcpy(whole, memory, sizeof whole);
    return 0;
}

static bool walks(struct owner_handlers *h)
{
    owner_cache_drop(&cache);
    cache.reads = 0;
    return walk_handle(&objects, handle, wrap, 8, h);
}

static void is_handler(const struct owner_handler *h, const char *on, const char *name, const char *file, uint32_t line)
{
    assert_string_equal(h->on, on);
    assert_string_equal(h->function.function, name);
    assert_string_equal(h->function.file, file);
    assert_int_equal(h->function.line, line);
}

/* ---- tests -------------------------------------------------------------------------------------- */

static void the_listeners_of_a_socket_and_its_server_are_named_the_programs_own_first(void **state)
{
    struct owner_handlers h;
    (void)state;
    assert_true(walks(&h));
    assert_int_equal(h.n, 5);
    is_handler(&h.handler[0], "socket 'data', 'error'", "onData", "/srv/app.js", 1);
    is_handler(&h.handler[1], "socket 'data'", "receive", "/srv/app.js", 3);
    is_handler(&h.handler[2], "socket 'end'", "guess.ed", "/srv/app.js", 2);
    is_handler(&h.handler[3], "server 'upgrade'", "onUpgrade", "/srv/app.js", 4);
    is_handler(&h.handler[4], "server 'request'", "onRequest", "/srv/node_modules/web/web.js", 2);
    assert_true(h.handler[4].of_package && !h.handler[3].of_package);
}

static void what_once_has_made_leads_to_the_function_that_was_given(void **state)
{
    struct owner_handlers h;
    uint64_t events = *words_of(sock - 1 + 8 * 7), node = new_script("node:events"), given = function("given", script, 33);
    (void)state;
    enter(events, 6, "close", once_of(function("wrapper", node, 1), given));
    assert_true(walks(&h));
    assert_int_equal(h.n, 6);
    is_handler(&h.handler[0], "socket 'close'", "given", "/srv/app.js", 4);
    enter(events, 6, "close", once_of(function("own", script, 1), given)); /* the program's own, whatever hangs on it */
    assert_true(walks(&h));
    is_handler(&h.handler[0], "socket 'close'", "own", "/srv/app.js", 1);
}

static void a_connection_that_was_upgraded_has_no_listener_for_requests_and_another_none_for_upgrades(void **state)
{
    struct owner_handlers h;
    (void)state;
    set(sock, "parser", null_object);
    assert_true(walks(&h));
    assert_int_equal(h.n, 4);
    assert_string_equal(h.handler[3].on, "server 'upgrade'");
    set(sock, "parser", fast(OBJECT)); /* the later one of two counts */
    assert_true(walks(&h));
    assert_int_equal(h.n, 4);
    assert_string_equal(h.handler[3].on, "server 'request'");
}

static void an_owner_that_does_not_lead_back_to_the_handle_is_not_believed(void **state)
{
    struct owner_handlers h;
    (void)state;
    put(*words_of(sock - 1 + 8) /* no property of it */, 0, *words_of(*words_of(sock - 1 + 8) - 1));
    put(sock, 8 * 6, server);
    assert_false(walks(&h));
    memcpy(memory, whole, sizeof memory);
    put(js, 32, wrap + 8); /* another's object */
    assert_false(walks(&h));
    memcpy(memory, whole, sizeof memory);
    assert_true(walks(&h));
    assert_false(walk_handle(&objects, wrap + 2000, wrap, 8, &h));
    assert_false(walk_handle(&objects, wrap, wrap, 8, &h));
}

static void what_is_no_function_where_one_must_be_gives_no_answer(void **state)
{
    struct owner_handlers h;
    uint64_t events = *words_of(sock - 1 + 8 * 7);
    (void)state;
    enter(events, 6, "close", server);
    assert_false(walks(&h));
    assert_int_equal(*words_of(0 + BASE + 8), 0);
}

static void a_dictionary_whose_sizes_do_not_agree_has_no_properties(void **state)
{
    struct owner_handlers h;
    uint64_t events = *words_of(sock - 1 + 8 * 7), table = *words_of(events - 1 + 8);
    (void)state;
    put(table, 16 + 8 * 2, smi(4));
    assert_false(walks(&h));
    put(table, 16 + 8 * 2, smi(-8));
    assert_false(walks(&h));
    put(table, 16 + 8 * 2, smi(8));
    assert_true(walks(&h));
}

static void a_property_beyond_the_array_is_none(void **state)
{
    (void)state;
    assert_int_equal(object_get(&objects, sock, "server"), server);
    put(*words_of(sock - 1 + 8), 8, smi(1));
    owner_cache_drop(&cache);
    assert_int_equal(object_get(&objects, sock, "server"), 0);
}

static void nothing_is_read_beyond_the_budget(void **state)
{
    struct owner_handlers h;
    (void)state;
    owner_cache_drop(&cache);
    cache.reads = 0;
    cache.max_reads = 3;
    assert_false(walk_handle(&objects, handle, wrap, 8, &h));
    assert_int_equal(cache.reads, 3);
}

static unsigned seen;
static uint64_t seen_data;
static void see(void *arg, uint64_t at, int fd, uint64_t data)
{
    (void)arg;
    assert_int_equal(at, handle);
    assert_int_equal(fd, 21);
    seen_data = data;
    seen++;
}

static bool has_loop(void)
{
    owner_cache_drop(&cache);
    return loop_is(&cache, loop, 9);
}

static void a_loop_is_one_that_its_handles_lead_back_to(void **state)
{
    (void)state;
    assert_true(has_loop());
    assert_true(loop_is(&cache, loop, -1));
    assert_false(loop_is(&cache, loop, 8));
    assert_false(loop_is(&cache, loop + 8, 9));
    *words_of(handle + 8) = wrap;
    assert_false(has_loop());
    *words_of(handle + 8) = loop;
    *words_of(handle + 40) = loop;
    assert_false(has_loop());
    *words_of(handle + 40) = loop + 16;
    *words_of(loop + 16) = *words_of(loop + 24) = loop + 16;
    assert_false(has_loop()); /* no handle proves it */
}

static void a_loop_is_found_on_the_stack_of_its_thread_and_in_the_code_of_its_function(void **state)
{
    uint64_t stack = take(512), code = take(64), variable = take(8);
    static const uint8_t text[] = {0x55, 0x48, 0x89, 0xe5, 0x4c, 0x8b, 0x25};
    (void)state;
    *words_of(stack + 8) = stack;
    *words_of(stack + 24) = handle;
    assert_int_equal(loop_of_stack(&cache, stack, stack + 512, 9), 0);
    *words_of(stack + 400) = loop;
    owner_cache_drop(&cache);
    assert_int_equal(loop_of_stack(&cache, stack + 4, stack + 512, 9), loop);
    assert_int_equal(loop_of_stack(&cache, stack, stack + 400, 9), 0);
    assert_int_equal(loop_of_stack(&cache, stack, BASE + BYTES + 4096, 8), 0);
    uint32_t far = (uint32_t)(variable - (code + sizeof text + 4));
    memcpy(memory + (code - BASE), text, sizeof text);
    memcpy(memory + (code - BASE) + sizeof text, &far, sizeof far);
    *words_of(variable) = handle;
    owner_cache_drop(&cache);
    assert_int_equal(loop_of_function(&cache, code), 0);
    *words_of(variable) = loop;
    owner_cache_drop(&cache);
    assert_int_equal(loop_of_function(&cache, code), loop);
    assert_int_equal(loop_of_function(&cache, stack), 0);
}

static bool each(void)
{
    seen = 0;
    owner_cache_drop(&cache);
    return loop_each_socket(&cache, loop, see, NULL);
}

static void only_open_handles_of_sockets_are_given_and_a_broken_list_is_known(void **state)
{
    (void)state;
    assert_true(each());
    assert_int_equal(seen, 1);
    assert_int_equal(seen_data, wrap);
    *words_of(handle + 88) = 1; /* it is being closed */
    assert_true(each());
    assert_int_equal(seen, 0);
    *words_of(handle + 88) = 0;
    *words_of(handle + 16) = 13; /* a timer */
    assert_true(each());
    assert_int_equal(seen, 0);
    *words_of(handle + 16) = 12;
    *words_of(handle + 32) = handle + 32; /* round and round */
    assert_false(each());
    *words_of(handle + 32) = loop + 16;
    *words_of(handle + 40) = handle;
    assert_false(each());
}

static uint32_t next_random(uint32_t *s) { return *s = *s * 1664525u + 1013904223u; }

static void damaged_memory_gives_an_answer_in_bounds_or_none(void **state)
{
    uint32_t seed = 12;
    unsigned answers = 0;
    struct owner_handlers h;
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        memcpy(memory, whole, sizeof memory);
        for (unsigned k = next_random(&seed) >> 30; k < 4; k++) {
            uint64_t at = BASE + (next_random(&seed) >> 8) % v8_image.used / 8 * 8,
                     with = BASE + (next_random(&seed) >> 8) % v8_image.used / 8 * 8;
            switch (next_random(&seed) >> 30) {
            case 0: /* another object */
                *words_of(at) = with + 1;
                break;
            case 1: /* what stands elsewhere */
                *words_of(at) = *words_of(with);
                break;
            case 2:
                *words_of(at) ^= 1ull << (next_random(&seed) >> 26);
                break;
            default:
                *words_of(at) = (uint64_t)next_random(&seed) << 32 | next_random(&seed);
            }
        }
        cache.max_reads = 1000000;
        bool known = walks(&h);
        assert_true(cache.reads < 100000);
        assert_true(h.n <= OWNER_HANDLERS);
        for (unsigned k = 0; known && k < h.n; k++) {
            assert_true(memchr(h.handler[k].on, 0, sizeof h.handler[k].on) && h.handler[k].on[0]);
            assert_non_null(memchr(h.handler[k].function.function, 0, sizeof h.handler[k].function.function));
            assert_non_null(memchr(h.handler[k].function.file, 0, sizeof h.handler[k].function.file));
        }
        answers += known;
        owner_cache_drop(&cache);
        if (loop_is(&cache, loop, 9))
            seen += loop_of_stack(&cache, BASE + (next_random(&seed) >> 8) % v8_image.used, BASE + v8_image.used, 9) != 0;
    }
    assert_true(answers > 100 && answers < 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_listeners_of_a_socket_and_its_server_are_named_the_programs_own_first, begin),
        cmocka_unit_test_setup(what_once_has_made_leads_to_the_function_that_was_given, begin),
        cmocka_unit_test_setup(a_connection_that_was_upgraded_has_no_listener_for_requests_and_another_none_for_upgrades, begin),
        cmocka_unit_test_setup(an_owner_that_does_not_lead_back_to_the_handle_is_not_believed, begin),
        cmocka_unit_test_setup(what_is_no_function_where_one_must_be_gives_no_answer, begin),
        cmocka_unit_test_setup(a_dictionary_whose_sizes_do_not_agree_has_no_properties, begin),
        cmocka_unit_test_setup(a_property_beyond_the_array_is_none, begin),
        cmocka_unit_test_setup(nothing_is_read_beyond_the_budget, begin),
        cmocka_unit_test_setup(a_loop_is_one_that_its_handles_lead_back_to, begin),
        cmocka_unit_test_setup(a_loop_is_found_on_the_stack_of_its_thread_and_in_the_code_of_its_function, begin),
        cmocka_unit_test_setup(only_open_handles_of_sockets_are_given_and_a_broken_list_is_known, begin),
        cmocka_unit_test_setup(damaged_memory_gives_an_answer_in_bounds_or_none, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
