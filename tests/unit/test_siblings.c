/* SPDX-License-Identifier: MIT */
/*
 * test_siblings.c: by which stacks the other sockets of a site were closed, and whose stand for them
 * where there are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/group_told.h"
#include "core/siblings.h"
#include "image.h"

enum { SITES = 0, CLOSES, MODULES, ALL };

static struct image im;
static struct state_view view;
static uint32_t closes_end;

static int begin(void **state)
{
    (void)state;
    image_make(&im, ALL);
    image_extent(&im, SITES, EXTENT_SITES, 0);
    image_extent(&im, CLOSES, EXTENT_CLOSES, 0);
    image_extent(&im, MODULES, EXTENT_MODULES, 0);
    struct state_module *m = image_at(&im, MODULES, 0);
    strcpy(m[0].path, "/srv/app");
    strcpy(m[1].path, "/lib/x86_64-linux-gnu/libc.so.6");
    m[0].ready = m[1].ready = 1;
    closes_end = 0;
    return state_open_view(&view, im.base, im.size) ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    image_free(&im);
    return 0;
}

/* The NTH site, of the frames FRAMES, innermost first; the last one is libc's. */
static state_ref site(unsigned nth, unsigned call, const char *frames)
{
    unsigned n = (unsigned)strlen(frames) + 1;
    struct state_site *s = image_site(&im, SITES, nth * 256, n);
    uint64_t *pcs = (void *)(s + 1);
    uint16_t *modules = (void *)(pcs + n);
    s->size = 256;
    s->call = (uint8_t)call;
    for (unsigned i = 0; i < n; i++) {
        pcs[i] = i + 1 < n ? (uint64_t)frames[i] : 9999;
        modules[i] = i + 1 == n;
    }
    return image_ref(SITES, nth * 256);
}

static struct state_closes *closes(state_ref of)
{
    struct state_closes *c = image_at(&im, CLOSES, closes_end);
    closes_end += sizeof *c;
    c->size = sizeof *c;
    c->format = STATE_CLOSES_SITE;
    c->site = of;
    c->ready = 1;
    return c;
}

static struct group group_of(state_ref of)
{
    struct state_site_view v;
    assert_true(state_site_at(&view, of, &v));
    return (struct group){.site = of, .siteid = v.site->siteid};
}

static void the_stacks_that_closed_the_others_are_found_with_their_counts(void **state)
{
    (void)state;
    state_ref own = site(0, CALL_SOCKET, "abm"), by = site(1, CALL_CLOSE, "xm"), also = site(2, CALL_FCLOSE, "ym");
    struct state_closes *c = closes(own);
    c->by[0] = by;
    c->count[0] = 5;
    c->by[1] = also;
    c->count[1] = 2;
    c->others = 1;
    struct group g = group_of(own);
    siblings_find(&g, &view);
    assert_int_equal(g.n_siblings, 8);
    assert_false(g.cousins || g.about);
    assert_int_equal(g.n_told, 2);
    assert_int_equal(g.told[0].event, EVENT_SIBLINGS);
    assert_int_equal(g.told[0].site, by);
    assert_int_equal(g.told[0].count, 5);
    assert_int_equal(g.told[0].call, CALL_CLOSE);
    assert_int_equal(g.told[1].call, CALL_FCLOSE);
    assert_null(group_commonest(&g)); /* nothing that the program was told */
}

static void two_records_of_one_stack_are_summed(void **state)
{
    (void)state;
    state_ref own = site(0, CALL_SOCKET, "abm"), by = site(1, CALL_CLOSE, "xm"), twin = site(2, CALL_SOCKET, "abm");
    ((struct state_site *)image_at(&im, SITES, 512))->siteid = ((struct state_site *)image_at(&im, SITES, 0))->siteid;
    for (int i = 0; i < 2; i++) {
        struct state_closes *c = closes(i ? twin : own);
        c->by[0] = by;
        c->count[0] = 3;
        c->about = i == 1;
    }
    struct group g = group_of(own);
    siblings_find(&g, &view);
    assert_int_equal(g.n_told, 1);
    assert_int_equal(g.told[0].count, 6);
    assert_int_equal(g.n_siblings, 6);
    assert_true(g.about);
}

static void of_many_stacks_the_commonest_are_kept_and_all_are_counted(void **state)
{
    (void)state;
    state_ref own = site(0, CALL_SOCKET, "abm");
    struct state_closes *c = closes(own);
    for (unsigned i = 0; i < 6; i++) {
        char frames[] = "am";
        frames[0] = (char)('p' + i);
        c->by[i] = site(1 + i, CALL_CLOSE, frames);
        c->count[i] = i + 1;
    }
    struct group g = group_of(own);
    siblings_find(&g, &view);
    assert_int_equal(g.n_siblings, 21);
    assert_int_equal(g.n_told, TOLD_KEPT);
    uint64_t least = 99;
    for (unsigned i = 0; i < g.n_told; i++)
        least = g.told[i].count < least ? g.told[i].count : least;
    assert_int_equal(least, 3);
}

/* One site beside the group's own, with closes; are its sockets cousins of those of "abm"? */
static bool are_cousins(unsigned call, const char *frames)
{
    begin(NULL);
    state_ref own = site(0, CALL_SOCKET, "abm"), other = site(1, call, frames), by = site(2, CALL_CLOSE, "xm");
    struct state_closes *c = closes(other);
    c->by[0] = by;
    c->count[0] = 4;
    struct group g = group_of(own);
    siblings_find(&g, &view);
    bool are = g.cousins && g.n_siblings == 4 && g.n_told == 1;
    assert_true(are || (!g.cousins && !g.n_siblings && !g.n_told));
    end(NULL);
    return are;
}

static void cousins_share_outer_frames_of_the_program_and_the_call(void **state)
{
    (void)state;
    assert_true(are_cousins(CALL_SOCKET, "cbm"));
    assert_true(are_cousins(CALL_SOCKET, "acm"));
    assert_true(are_cousins(CALL_SOCKET, "wxyzbm"));
    assert_false(are_cousins(CALL_SOCKET, "vwxyzbm")); /* too far inside of that */
    assert_false(are_cousins(CALL_ACCEPT, "cbm"));
    assert_false(are_cousins(CALL_SOCKET, "abn")); /* libc alone is common */
    assert_false(are_cousins(CALL_SOCKET, ""));
    begin(NULL);
}

static void the_nearest_cousins_stand_and_none_where_there_are_siblings(void **state)
{
    (void)state;
    state_ref own = site(0, CALL_SOCKET, "abm"), near = site(1, CALL_SOCKET, "cbm"), far = site(2, CALL_SOCKET, "ccm");
    state_ref by = site(3, CALL_CLOSE, "xm"), also = site(4, CALL_CLOSE, "ym");
    struct state_closes *c = closes(far);
    c->by[0] = also;
    c->count[0] = 9;
    c = closes(near);
    c->by[0] = by;
    c->count[0] = 4;
    struct group g = group_of(own);
    siblings_find(&g, &view);
    assert_true(g.cousins);
    assert_int_equal(g.n_told, 1);
    assert_int_equal(g.told[0].site, by);
    c = closes(own);
    c->by[0] = also;
    c->count[0] = 1;
    g = group_of(own);
    siblings_find(&g, &view);
    assert_false(g.cousins);
    assert_int_equal(g.n_siblings, 1);
}

static void a_group_without_a_stack_has_no_siblings(void **state)
{
    (void)state;
    state_ref own = site(0, CALL_SOCKET, "abm");
    closes(own)->others = 4;
    struct group none = {0}, of_eof = group_of(own);
    of_eof.of_eof = true;
    siblings_find(&none, &view);
    siblings_find(&of_eof, &view);
    assert_int_equal(none.n_siblings + of_eof.n_siblings, 0);
}

static struct group told_of(uint64_t count, bool cousins)
{
    static const struct frame frame = {.symbol = "f", .file = "f.c", .line = 1};
    return (struct group){
        .n_siblings = count,
        .cousins = cousins,
        .n_told = 1,
        .told = {{.event = EVENT_SIBLINGS, .call = CALL_CLOSE, .siteid = 7, .count = count, .n_frames = 1, .frames = &frame}}};
}

static void siblings_of_two_groups_are_summed_and_take_the_place_of_cousins(void **state)
{
    (void)state;
    struct group g = told_of(3, false), more = told_of(4, false), cousins = told_of(9, true);
    siblings_add(&g, &more);
    assert_int_equal(g.n_siblings, 7);
    assert_int_equal(g.n_told, 1);
    assert_int_equal(g.told[0].count, 7);
    siblings_add(&g, &cousins);
    assert_int_equal(g.n_siblings, 7);
    assert_false(g.cousins);
    siblings_add(&cousins, &more);
    assert_int_equal(cousins.n_siblings, 4);
    assert_int_equal(cousins.told[0].count, 4);
    assert_false(cousins.cousins);
    struct group empty = {0};
    cousins = told_of(9, true);
    siblings_add(&empty, &cousins);
    assert_true(empty.cousins);
    assert_int_equal(empty.told[0].count, 9);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_stacks_that_closed_the_others_are_found_with_their_counts),   T(two_records_of_one_stack_are_summed),
        T(of_many_stacks_the_commonest_are_kept_and_all_are_counted),       T(cousins_share_outer_frames_of_the_program_and_the_call),
        T(the_nearest_cousins_stand_and_none_where_there_are_siblings),     T(a_group_without_a_stack_has_no_siblings),
        T(siblings_of_two_groups_are_summed_and_take_the_place_of_cousins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
