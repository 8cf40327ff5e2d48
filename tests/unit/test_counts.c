/* SPDX-License-Identifier: MIT */
/*
 * test_counts.c: the counts by site and kind over the looks: what grows, what is steady, what is
 * due for a report.
 */
#include "tracked_agent.h"

#include "agent/stacks/sites.h"
#include "agent/base/sys.h"
#include "agent/report/counts.h"
#include "core/growth_ring.h"
#include "agent/track/gate.h"

#define S 1000000000ull
#define MINUTE (60 * S)

static state_ref site;
static uint64_t now, apart; /* APART: each socket came into its condition so many ns after the one before */
static bool pooled, before_attach, untried;

static int fresh(void **state)
{
    (void)state;
    static uint64_t pc = 4096;
    if (!gate_ready())
        return -1;
    pc += 16; /* a stack of its own for each test */
    site = sites_intern(&pc, 1);
    now = 1000 * S;
    apart = 10 * S;
    pooled = before_attach = untried = false;
    atomic_store(&table_head->grace_ns, 30 * S);
    atomic_store(&table_head->interval_ns, 8 * S);
    atomic_store(&table_head->last_look_ns, 0);
    counts_reset();
    return site ? 0 : -1;
}

/*
 * One look that sees LASTING sockets of KIND, PAST of them past grace, AFTER seconds after the
 * last.
 */
static void look(unsigned kind, unsigned lasting, unsigned past, uint64_t after)
{
    now += after * S;
    counts_begin();
    for (unsigned i = 0; i < lasting || i < past; i++)
        counts_add(&(struct counted){.site = site,
                                     .kind = kind,
                                     .since_ns = 500 * S + i * apart,
                                     .lasting = i < lasting,
                                     .past = i < past,
                                     .pooled = pooled,
                                     .untried = untried,
                                     .before_attach = before_attach});
    counts_end(now, 8 * S);
    atomic_store(&table_head->last_look_ns, now);
}

static void the_counts_are_those_of_the_last_look(void **state)
{
    (void)state;
    assert_null(counts_of(site, KIND_DEAD));
    look(KIND_DEAD, 5, 3, 8);
    look(KIND_DEAD, 4, 2, 8);
    const struct counts *t = counts_of(site, KIND_DEAD);
    assert_int_equal(t->lasting, 4);
    assert_int_equal(t->past, 2);
    assert_int_equal(atomic_load(&sites_at(site)->stuck[KIND_DEAD]), 2);
    assert_null(counts_of(site, KIND_HANGUP));
    assert_null(counts_of(0, KIND_DEAD));
    look(KIND_DEAD, 0, 0, 8);
    assert_int_equal(atomic_load(&sites_at(site)->stuck[KIND_DEAD]), 0);
}

static void sockets_without_a_stack_are_counted_too(void **state)
{
    (void)state;
    site = 0;
    look(KIND_DEAD, 2, 1, 8);
    look(KIND_DEAD, 2, 1, 8);
    assert_int_equal(counts_of(0, KIND_DEAD)->past, 1);
    assert_true(counts_any_due(KINDS_ALL));
    counts_all_reported(KINDS_ALL);
    assert_false(counts_any_due(KINDS_ALL));
}

static void a_thousand_sites_of_every_kind_keep_counts_of_their_own(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        counts_begin();
        for (state_ref i = 100; i < 1100; i++)
            for (unsigned kind = 0; kind < KIND_COUNT; kind++)
                for (unsigned n = 0; n <= i % 3; n++)
                    counts_add(&(struct counted){.site = i * 16, .kind = kind, .lasting = true, .past = kind == KIND_DEAD});
    }
    for (state_ref i = 100; i < 1100; i++)
        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            const struct counts *t = counts_of(i * 16, kind);
            assert_true(t && t->lasting == i % 3 + 1 && t->past == (kind == KIND_DEAD ? i % 3 + 1 : 0));
        }
    /* In a small table they meet: two sites at any distance. */
    for (state_ref d = 1; d < 64; d++) {
        counts_reset();
        for (state_ref at = 1; at <= 1 + d; at += d)
            for (unsigned kind = 0; kind < KIND_COUNT; kind++)
                for (unsigned n = 0; n <= kind; n++)
                    counts_add(&(struct counted){.site = at, .kind = kind, .lasting = true});
        for (state_ref at = 1; at <= 1 + d; at += d)
            for (unsigned kind = 0; kind < KIND_COUNT; kind++)
                assert_int_equal(counts_of(at, kind)->lasting, kind + 1);
    }
    counts_reset();
}

/* ---- the ring in the state file ---- */

static const struct state_growth *record_of(const struct state_view *view, state_ref of, unsigned kind)
{
    const struct state_growth *g;
    for (uint64_t pos = 0; (g = state_next_growth(view, &pos)) != NULL;)
        if (g->site == of && g->kind == kind)
            return g;
    return NULL;
}

static unsigned ring(state_ref of, unsigned kind, struct growth_point points[STATE_GROWTH_POINTS])
{
    struct state_view view = table_view();
    const struct state_growth *g = record_of(&view, of, kind);
    return g ? growth_ring_read(g, points) : 0;
}

static void only_a_site_with_stuck_sockets_keeps_its_counts_over_time(void **state)
{
    (void)state;
    struct growth_point p[STATE_GROWTH_POINTS];
    look(KIND_DEAD, 3, 0, 8);
    look(KIND_DEAD, 3, 0, 8);
    assert_int_equal(ring(site, KIND_DEAD, p), 0);
    look(KIND_DEAD, 3, 3, 8);
    look(KIND_DEAD, 5, 4, 8);
    look(KIND_DEAD, 0, 0, 8);
    assert_int_equal(ring(site, KIND_HANGUP, p), 0);
    assert_int_equal(ring(site, KIND_DEAD, p), 4);
    static const uint32_t counts[] = {0, 3, 4, 0};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(p[i].at_ns, now - (3 - i) * 8 * S); /* from the look before on, which saw none */
        assert_int_equal(p[i].count, counts[i]);
    }
    site = 0; /* without a stack */
    look(KIND_CLOSE_WAIT, 2, 2, 8);
    assert_int_equal(ring(0, KIND_CLOSE_WAIT, p), 2);
    assert_int_equal(p[1].count, 2);
}

static void the_first_look_of_all_has_none_before_it(void **state)
{
    (void)state;
    struct growth_point p[STATE_GROWTH_POINTS];
    look(KIND_HANGUP, 2, 2, 8);
    assert_int_equal(ring(site, KIND_HANGUP, p), 1);
    assert_int_equal(p[0].count, 2);
    struct state_view view = table_view();
    assert_int_equal(record_of(&view, site, KIND_HANGUP)->n, 1);
}

static void no_more_than_so_many_sites_keep_them(void **state)
{
    (void)state;
    struct growth_point p[STATE_GROWTH_POINTS];
    uint32_t before = table_view().n_extents;
    const state_ref first = 1000000, last = first + STATE_GROWTH_RECORDS + 100; /* such refs are no site's: none is written to */
    for (int turn = 0; turn < 2; turn++) {
        now += 8 * S;
        counts_begin();
        for (state_ref i = first; i < last; i++)
            counts_add(&(struct counted){.site = i * 16, .kind = KIND_USE_AFTER_CLOSE, .lasting = true, .past = true});
        counts_end(now, 8 * S);
    }
    unsigned kept = 0;
    for (state_ref i = first; i < last; i++)
        kept += ring(i * 16, KIND_USE_AFTER_CLOSE, p) > 0;
    assert_int_equal(kept, STATE_GROWTH_RECORDS);
    assert_in_range(table_view().n_extents - before, 140, 150); /* seven records each */
}

/* ---- what is due ---- */

static void a_group_is_due_an_interval_past_grace_and_then_past_each_doubling(void **state)
{
    (void)state;
    static const struct {
        unsigned past;
        bool due;
    } looks[] = {{0, false},  {3, false}, {3, true},  {5, false},  {6, false},  {7, true},   {13, false},
                 {14, false}, {14, true}, {4, false}, {28, false}, {27, false}, {28, false}, {30, true}};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        look(KIND_DEAD, 30, looks[i].past, 8);
        assert_int_equal(counts_is_due(counts_of(site, KIND_DEAD)), looks[i].due);
        assert_int_equal(counts_any_due(KINDS_ALL), looks[i].due);
        counts_all_reported(KINDS_ALL);
        assert_false(counts_any_due(KINDS_ALL));
        if (looks[i].due)
            assert_int_equal(atomic_load(&sites_at(site)->reported[KIND_DEAD]), looks[i].past);
    }
}

static void a_group_that_was_gone_is_new_when_it_comes_back(void **state)
{
    (void)state;
    look(KIND_DEAD, 8, 8, 8);
    counts_all_reported(KINDS_ALL);
    look(KIND_DEAD, 8, 0, 8);
    look(KIND_DEAD, 8, 1, 8);
    look(KIND_DEAD, 8, 1, 8);
    assert_true(counts_any_due(KINDS_ALL));
}

static void a_kind_that_is_not_asked_for_is_neither_due_nor_reported(void **state)
{
    (void)state;
    look(KIND_DEAD, 3, 3, 8);
    look(KIND_DEAD, 3, 3, 8);
    assert_false(counts_any_due(KIND_BIT(KIND_HANGUP)));
    counts_all_reported(KIND_BIT(KIND_HANGUP));
    assert_true(counts_any_due(KIND_BIT(KIND_DEAD)));
}

/* Between two regular looks somebody may ask for more of them. */
static void a_wave_is_one_report_however_often_one_looks(void **state)
{
    (void)state;
    for (unsigned past = 8; past <= 64; past += 8) {
        look(KIND_DEAD, past, past, 0);
        assert_false(counts_any_due(KINDS_ALL));
        now += S / 2;
    }
    look(KIND_DEAD, 64, 64, 4);
    assert_true(counts_any_due(KINDS_ALL));
    counts_all_reported(KINDS_ALL);
    assert_int_equal(counts_of(site, KIND_DEAD)->reported, 64);
}

/* ---- growing, steady ---- */

static enum trend trend(void) { return counts_trend(counts_of(site, KIND_DEAD)); }

static void what_rises_is_growing_with_its_rate(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 6; i++)
        look(KIND_DEAD, i, 0, 10);
    assert_int_equal(trend(), TREND_GROWING);
    assert_int_equal(atomic_load(&sites_at(site)->trend[KIND_DEAD]), TREND_GROWING);
    assert_int_equal(atomic_load(&sites_at(site)->rate_milli[KIND_DEAD]), 6000);
}

static void what_becomes_lasting_at_one_look_is_no_growth(void **state)
{
    (void)state;
    apart = S; /* a wave of nine seconds, and the looks meet it half way */
    look(KIND_DEAD, 3, 0, 8);
    look(KIND_DEAD, 10, 0, 8);
    assert_int_equal(trend(), TREND_NONE);
    assert_int_equal(counts_rate_milli(counts_of(site, KIND_DEAD)), 0);
    assert_int_equal(atomic_load(&sites_at(site)->rate_milli[KIND_DEAD]), 0);
    look(KIND_DEAD, 11, 0, 8); /* the eleventh came ten seconds after the first */
    assert_int_equal(trend(), TREND_GROWING);
    assert_true(counts_rate_milli(counts_of(site, KIND_DEAD)) > 0);
}

static void what_was_there_before_an_attach_has_no_trend(void **state)
{
    (void)state;
    before_attach = pooled = true;
    for (unsigned i = 1; i <= 6; i++)
        look(KIND_CLOSE_WAIT, i, 0, 10);
    assert_int_equal(counts_trend(counts_of(site, KIND_CLOSE_WAIT)), TREND_NONE);
    assert_int_equal(atomic_load(&sites_at(site)->rate_milli[KIND_CLOSE_WAIT]), 0);
    for (unsigned i = 1; i <= 12; i++)
        look(KIND_CLOSE_WAIT, 6, 0, 10);
    assert_int_equal(counts_trend(counts_of(site, KIND_CLOSE_WAIT)), TREND_NONE);
}

static void no_trend_reaches_over_a_time_without_looks(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 6; i++)
        look(KIND_DEAD, i, 0, 10);
    counts_forget_trends();
    assert_int_equal(atomic_load(&sites_at(site)->trend[KIND_DEAD]), TREND_NONE);
    assert_int_equal(atomic_load(&sites_at(site)->rate_milli[KIND_DEAD]), 0);
    look(KIND_DEAD, 9, 0, 3600);
    assert_int_equal(trend(), TREND_NONE);
}

/* ---- a reserve ---- */

static void a_single_socket_with_which_nothing_was_tried_is_no_finding(void **state)
{
    (void)state;
    untried = true;
    look(KIND_NEVER_CONNECTED, 1, 1, 8);
    assert_true(counts_is_reserve(counts_of(site, KIND_NEVER_CONNECTED)));
    assert_int_equal(counts_of(site, KIND_NEVER_CONNECTED)->lasting, 0);
    assert_false(counts_any_due(KINDS_ALL));
    look(KIND_NEVER_CONNECTED, 2, 2, 8);
    assert_false(counts_is_reserve(counts_of(site, KIND_NEVER_CONNECTED)));
    assert_int_equal(counts_of(site, KIND_NEVER_CONNECTED)->past, 2);
    look(KIND_NEVER_CONNECTED, 2, 2, 8);
    assert_true(counts_any_due(KINDS_ALL));
}

static void what_stays_is_steady_after_two_graces_where_it_is_like_a_pool(void **state)
{
    (void)state;
    pooled = true;
    for (int i = 0; i < 8; i++)
        look(KIND_CLOSE_WAIT, 4, 0, 8);
    assert_int_equal(counts_trend(counts_of(site, KIND_CLOSE_WAIT)), TREND_NONE); /* 56 s */
    look(KIND_CLOSE_WAIT, 4, 0, 8);
    assert_int_equal(counts_trend(counts_of(site, KIND_CLOSE_WAIT)), TREND_STEADY);
    assert_int_equal(atomic_load(&sites_at(site)->trend[KIND_CLOSE_WAIT]), TREND_STEADY);
    atomic_store(&table_head->grace_ns, 60 * S);
    assert_int_equal(counts_trend(counts_of(site, KIND_CLOSE_WAIT)), TREND_NONE);
    /* One of them is not: accepted, or never used. */
    atomic_store(&table_head->grace_ns, 30 * S);
    counts_begin();
    for (unsigned i = 0; i < 4; i++)
        counts_add(&(struct counted){.site = site, .kind = KIND_CLOSE_WAIT, .lasting = true, .pooled = i > 0});
    counts_end(now += 8 * S, 8 * S);
    assert_int_equal(counts_trend(counts_of(site, KIND_CLOSE_WAIT)), TREND_NONE);
}

/* The look before the first socket saw none: that is when the count was last lower. */
static void the_look_before_the_first_is_the_last_that_saw_less(void **state)
{
    (void)state;
    atomic_store(&table_head->last_look_ns, 500 * S);
    look(KIND_DEAD, 1, 0, 8);
    assert_true(counts_of(site, KIND_DEAD)->growth.lower_ns == 500 * S);
    look(KIND_DEAD, 1, 0, 8);
    assert_true(counts_of(site, KIND_DEAD)->growth.lower_ns == 500 * S);
}

static void looks_on_request_do_not_crowd_the_regular_ones_out(void **state)
{
    (void)state;
    unsigned count = 0;
    for (int period = 0; period < 6; period++) {
        look(KIND_DEAD, ++count, 0, 7);
        for (int i = 0; i < 20; i++)
            look(KIND_DEAD, count, 0, 0);
        look(KIND_DEAD, count, 0, 1);
    }
    assert_int_equal(trend(), TREND_GROWING);
    const struct growth *g = &counts_of(site, KIND_DEAD)->growth;
    assert_true(g->at_ns[(g->n - 1) % GROWTH_SAMPLES] == now);
}

/* ---- without memory ---- */

static int without_memory(void *arg)
{
    (void)arg;
    WANT(gate_ready());
    counts_reset();
    struct rlimit limit = {1, 1};
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    counts_begin();
    counts_add(&(struct counted){.site = 16, .kind = KIND_DEAD, .lasting = true, .past = true});
    counts_end(now, 8 * S);
    WANT(counts_of(16, KIND_DEAD) == NULL);
    WANT(!counts_any_due(KINDS_ALL));
    return 0;
}

static void what_finds_no_memory_is_not_counted(void **state)
{
    (void)state;
    assert_int_equal(in_child(without_memory, NULL), 0);
}

#define CASE(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_counts_are_those_of_the_last_look),
        CASE(sockets_without_a_stack_are_counted_too),
        CASE(a_thousand_sites_of_every_kind_keep_counts_of_their_own),
        CASE(only_a_site_with_stuck_sockets_keeps_its_counts_over_time),
        CASE(the_first_look_of_all_has_none_before_it),
        CASE(no_more_than_so_many_sites_keep_them),
        CASE(a_group_is_due_an_interval_past_grace_and_then_past_each_doubling),
        CASE(a_group_that_was_gone_is_new_when_it_comes_back),
        CASE(a_kind_that_is_not_asked_for_is_neither_due_nor_reported),
        CASE(a_wave_is_one_report_however_often_one_looks),
        CASE(what_rises_is_growing_with_its_rate),
        CASE(what_becomes_lasting_at_one_look_is_no_growth),
        CASE(what_was_there_before_an_attach_has_no_trend),
        CASE(no_trend_reaches_over_a_time_without_looks),
        CASE(a_single_socket_with_which_nothing_was_tried_is_no_finding),
        CASE(what_stays_is_steady_after_two_graces_where_it_is_like_a_pool),
        CASE(the_look_before_the_first_is_the_last_that_saw_less),
        CASE(looks_on_request_do_not_crowd_the_regular_ones_out),
        CASE(what_finds_no_memory_is_not_counted),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
