/* SPDX-License-Identifier: MIT */
/*
 * test_variants.c: which ends tell sockets of one site apart, which only have not come as far, and how
 * few groups they make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/group.h"
#include "core/variants.h"
#include "image.h"

enum { TOLD, RECEIVE, SEND, DEL };
#define MANY 400u

static struct finding f[MANY];
static size_t n;

static int begin(void **state)
{
    (void)state;
    memset(f, 0, sizeof f);
    n = 0;
    return 0;
}

/* COUNT sockets of one site that saw the end in the stack SAW_END and sent last in the stack SENT; 0: not known. */
static void sockets(unsigned count, uint64_t saw_end, uint64_t sent)
{
    for (unsigned i = 0; i < count; i++, n++) {
        f[n] = (struct finding){.fd = (int)n, .kind = KIND_CLOSE_WAIT, .siteid = 9, .descriptors = 2, .since_ns = 1000 - n};
        f[n].ends[TOLD] = saw_end;
        f[n].ends[SEND] = sent;
    }
}

static unsigned of_variant(uint32_t variant)
{
    unsigned count = 0;
    for (size_t i = 0; i < n; i++)
        count += f[i].variant == variant;
    return count;
}

/* The variant of the first socket with these ends. */
static uint32_t variant_of(uint64_t saw_end, uint64_t sent)
{
    for (size_t i = 0; i < n; i++)
        if (f[i].ends[TOLD] == saw_end && f[i].ends[SEND] == sent)
            return f[i].variant;
    fail();
    return 0;
}

static void one_life_has_no_variant(void **state)
{
    (void)state;
    sockets(1, 5, 6);
    assert_int_equal(variants_assign(f, n), 1);
    assert_int_equal(f[0].variant, 0);
    sockets(3, 5, 6);
    assert_int_equal(variants_assign(f, n), 1);
    assert_int_equal(of_variant(0), 4);
}

static void two_ends_are_two_variants_whose_names_do_not_depend_on_the_others(void **state)
{
    (void)state;
    sockets(3, 5, 6);
    sockets(1, 5, 7);
    assert_int_equal(variants_assign(f, n), 2);
    uint32_t first = variant_of(5, 6), second = variant_of(5, 7);
    assert_true(first && second && first != second);
    assert_int_equal(of_variant(first), 3);
    assert_int_equal(of_variant(second), 1);
    begin(NULL);
    sockets(1, 8, 7);
    sockets(20, 5, 7);
    sockets(2, 5, 6);
    assert_int_equal(variants_assign(f, n), 3);
    assert_int_equal(variant_of(5, 6), first);
    assert_int_equal(variant_of(5, 7), second);
    assert_int_equal(first, 0xd7ae6430); /* as it stands in tickets */
}

static void what_has_not_come_as_far_is_no_variant(void **state)
{
    (void)state;
    sockets(3, 5, 6);
    sockets(2, 0, 6);
    sockets(9, 0, 0);
    assert_int_equal(variants_assign(f, n), 1);
    assert_int_equal(of_variant(0), 14);
}

static void what_may_become_either_counts_to_the_commonest(void **state)
{
    (void)state;
    sockets(3, 5, 6);
    sockets(2, 5, 7);
    sockets(9, 5, 0);
    sockets(9, 0, 7); /* this one, to the only one that it can be of */
    assert_int_equal(variants_assign(f, n), 2);
    assert_int_equal(of_variant(variant_of(5, 6)), 12);
    assert_int_equal(of_variant(variant_of(5, 7)), 11);
    assert_int_equal(variant_of(5, 0), variant_of(5, 6));
    assert_int_equal(variant_of(0, 7), variant_of(5, 7));
    begin(NULL);
    sockets(2, 5, 6);
    sockets(1, 5, 7);
    sockets(50, 0, 0); /* however many: they are no end of their own */
    assert_int_equal(variants_assign(f, n), 2);
    assert_int_equal(of_variant(variant_of(5, 6)), 52);
    assert_int_equal(of_variant(variant_of(5, 7)), 1);
    assert_int_not_equal(variant_of(5, 7), 0);
}

static void two_of_which_neither_contains_the_other_are_two(void **state)
{
    (void)state;
    sockets(2, 5, 0);
    sockets(2, 0, 6);
    assert_int_equal(variants_assign(f, n), 2);
    assert_int_not_equal(variant_of(5, 0), variant_of(0, 6));
}

static void of_many_variants_the_commonest_stay_and_the_rest_is_one_group(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS_SHOWN; i++)
        sockets(2 + i, 5, 100 + i);
    assert_int_equal(variants_assign(f, n), VARIANTS_SHOWN);
    assert_int_equal(of_variant(0), 0);
    sockets(1, 5, 50);
    assert_int_equal(variants_assign(f, n), VARIANTS_SHOWN);
    assert_int_equal(of_variant(0), 3);
    assert_int_equal(variant_of(5, 100), 0);
    assert_int_equal(variant_of(5, 50), 0);
    for (unsigned i = 1; i < VARIANTS_SHOWN; i++)
        assert_int_equal(of_variant(variant_of(5, 100 + i)), 2 + i);
}

static void more_lives_than_there_is_room_for_are_the_rest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        sockets(1, 5, 1000 + i);
    sockets(90, 5, 2000);
    sockets(80, 6, 1);
    assert_int_equal(variants_assign(f, n), VARIANTS_SHOWN);
    assert_int_equal(of_variant(variant_of(5, 2000)), 90);
    assert_int_equal(of_variant(variant_of(6, 1)), 80);
    assert_int_equal(of_variant(0), 98);
}

static void what_is_still_open_has_no_variants(void **state)
{
    (void)state;
    sockets(2, 5, 6);
    sockets(2, 6, 7);
    assert_int_equal(variants_assign(f, n), 2);
    for (size_t i = 0; i < n; i++)
        f[i].kind = KIND_OPEN;
    assert_int_equal(variants_assign(f, n), 1);
}

static void without_a_site_there_is_no_variant_of_it(void **state)
{
    (void)state;
    sockets(2, 5, 6);
    sockets(2, 5, 7);
    for (size_t i = 0; i < n; i++)
        f[i].siteid = 0;
    assert_int_equal(variants_assign(f, n), 1);
}

static void variants_are_groups_of_one_site(void **state)
{
    (void)state;
    static struct group g[MANY];
    sockets(3, 5, 6);
    sockets(4, 5, 7);
    sockets(5, 5, 6);
    for (size_t i = 0; i < 5; i++)
        f[n - 1 - i].siteid = 77; /* another site, with more than each of the variants, and less than both */
    assert_int_equal(group_findings(f, n, g, 2000), 3);
    assert_int_equal(g[0].siteid, 9);
    assert_int_equal(g[1].siteid, 9);
    assert_int_equal(g[2].siteid, 77);
    assert_int_equal(g[0].count, 4);
    assert_int_equal(g[1].count, 3);
    assert_int_equal(g[2].variants, 1);
    assert_int_equal(g[2].variant, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(g[i].variants, 2);
        assert_int_equal(group_site_count(&g[i]), 7);
        assert_int_equal(g[i].variant, g[i].findings[0].variant);
        for (size_t k = 1; k < g[i].n_findings; k++)
            assert_true(g[i].findings[k - 1].since_ns <= g[i].findings[k].since_ns);
    }
    assert_int_equal(g[0].oldest_ns, 2000 - g[0].findings[0].since_ns);
    for (int i = 0; i < 2; i++) { /* the rate is the site's: so are the descriptors that it takes */
        g[i].rate_milli = 60000;
        g[i].descriptors = 1;
        group_forecast_descriptors(&g[i], 0, 1200);
        assert_int_equal(g[i].fd_limit_in_s, 600);
    }
    assert_int_equal(group_findings(f, n, g, 2000), 3); /* grouped anew, with what the first time has left in them */
    assert_int_equal(g[0].count, 4);
}

/* ---- the program's own code ------------------------------------------------------------------ */

enum { SITES = 0, MODULES, ALL };
static struct image im;
static struct state_view view;
static struct state_finder finder;

static int begin_image(void **state)
{
    begin(state);
    image_make(&im, ALL);
    image_extent(&im, SITES, EXTENT_SITES, 0);
    image_extent(&im, MODULES, EXTENT_MODULES, 0);
    static const char *const paths[] = {"/srv/app",      "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/apache2/modules/mod_x.so",
                                        "/usr/bin/node", "/usr/lib/app/libplugin.so.1",           "/usr/lib/x86_64-linux-gnu/proxy.so"};
    struct state_module *m = image_at(&im, MODULES, 0);
    for (unsigned i = 0; i < 6; i++) {
        strcpy(m[i].path, paths[i]);
        m[i].build_id_len = 1;
        m[i].build_id[0] = (uint8_t)i;
        m[i].bias = 0x1000;
        m[i].interpreter = i == 3;
        m[i].ready = 1;
    }
    finder = (struct state_finder){0};
    return state_open_view(&view, im.base, im.size) ? -1 : 0;
}

static int end_image(void **state)
{
    (void)state;
    image_free(&im);
    return 0;
}

/* The NTH site: frames as "0a": module and offset. */
static state_ref site(unsigned nth, const char *frames)
{
    unsigned count = (unsigned)strlen(frames) / 2;
    struct state_site *s = image_site(&im, SITES, nth * 256, count);
    uint64_t *pcs = (void *)(s + 1);
    uint16_t *modules = (void *)(pcs + count);
    s->size = 256;
    const struct state_module *m = image_at(&im, MODULES, 0);
    for (unsigned i = 0; i < count; i++) {
        modules[i] = (uint16_t)(frames[2 * i] - '0');
        pcs[i] = m[modules[i]].bias + (uint64_t)frames[2 * i + 1];
    }
    return image_ref(SITES, nth * 256);
}

static uint64_t end_of(state_ref ref)
{
    struct finding one = {.kind = KIND_CLOSE_WAIT, .n_events = 1, .events = {{.event = EVENT_LAST_SEND, .site = ref}}};
    variants_ends(&one, &view, &finder);
    return one.ends[SEND];
}

static void frames_of_system_libraries_and_interpreters_do_not_count(void **state)
{
    (void)state;
    uint64_t plain = end_of(site(0, "0a0b"));
    assert_int_not_equal(plain, 0);
    assert_int_equal(end_of(site(1, "1x1y0a0b")), plain);
    assert_int_equal(end_of(site(2, "3n0a0b")), plain);
    assert_int_not_equal(end_of(site(3, "0a0c")), plain);
    assert_int_not_equal(end_of(site(4, "2p0a0b")), plain); /* a plugin is the program's */
    assert_int_equal(end_of(site(5, "1x1y")), 0);
    /* as advice has it: what lies in a folder of a program, whatever it is called */
    assert_int_not_equal(end_of(site(6, "4p0a0b")), plain);
    assert_int_equal(end_of(site(7, "5s0a0b")), plain);
    assert_int_equal(end_of(12345), 0);
}

static void the_address_at_which_a_program_lies_does_not_count(void **state)
{
    (void)state;
    uint64_t plain = end_of(site(0, "0a0b"));
    ((struct state_module *)image_at(&im, MODULES, 0))[0].bias = 0x700000;
    assert_int_equal(end_of(site(1, "0a0b")), plain);
}

static void what_is_not_certain_does_not_count(void **state)
{
    (void)state;
    state_ref a = site(0, "0a"), b = site(1, "0b");
    struct finding one = {.kind = KIND_CLOSE_WAIT,
                          .n_events = 4,
                          .events = {{.event = EVENT_LAST_RECEIVE, .site = a, .either = true},
                                     {.event = EVENT_LAST_RECEIVE, .site = b, .either = true},
                                     {.event = EVENT_EPOLL_DEL, .site = a, .inferred = true},
                                     {.event = EVENT_LAST_SEND, .site = a, .inferred = true}}};
    variants_ends(&one, &view, &finder);
    assert_int_equal(one.ends[RECEIVE] | one.ends[DEL] | one.ends[TOLD], 0);
    assert_int_not_equal(one.ends[SEND], 0);
    one.told_site = a; /* as of a fork, of which it was told nothing */
    variants_ends(&one, &view, &finder);
    assert_int_equal(one.ends[TOLD], 0);
    one.told_error = true;
    variants_ends(&one, &view, &finder);
    assert_int_equal(one.ends[TOLD], end_of(a));
}

static void of_a_use_after_close_the_first_close_and_the_use_count(void **state)
{
    (void)state;
    struct finding one = {.kind = KIND_USE_AFTER_CLOSE};
    one.uses[0].site = site(0, "0a");
    one.uses[EVENT_USED - EVENT_CLOSED].site = site(1, "0b");
    variants_ends(&one, &view, &finder);
    assert_int_equal(one.ends[0], end_of(one.uses[0].site));
    assert_int_equal(one.ends[1], end_of(one.uses[EVENT_USED - EVENT_CLOSED].site));
}

int main(void)
{
#define T(t) cmocka_unit_test_setup(t, begin)
#define I(t) cmocka_unit_test_setup_teardown(t, begin_image, end_image)
    const struct CMUnitTest tests[] = {
        T(one_life_has_no_variant),
        T(two_ends_are_two_variants_whose_names_do_not_depend_on_the_others),
        T(what_has_not_come_as_far_is_no_variant),
        T(what_may_become_either_counts_to_the_commonest),
        T(two_of_which_neither_contains_the_other_are_two),
        T(of_many_variants_the_commonest_stay_and_the_rest_is_one_group),
        T(more_lives_than_there_is_room_for_are_the_rest),
        T(what_is_still_open_has_no_variants),
        T(without_a_site_there_is_no_variant_of_it),
        T(variants_are_groups_of_one_site),
        I(frames_of_system_libraries_and_interpreters_do_not_count),
        I(the_address_at_which_a_program_lies_does_not_count),
        I(what_is_not_certain_does_not_count),
        I(of_a_use_after_close_the_first_close_and_the_use_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
