/* SPDX-License-Identifier: MIT */
/*
 * test_stacks.c: distinct stacks: one record for each, whoever comes first, over dlclose and fork.
 */
#include "tracked_agent.h"

#include <dlfcn.h>

#include "agent/stacks/modules.h"
#include "agent/stacks/sites.h"
#include "agent/base/sys.h"
#include "objects.h"

static const uint64_t *pcs_of(const struct state_site *s) { return (const uint64_t *)(const void *)(s + 1); }

static void equal_stacks_have_one_record(void **state)
{
    (void)state;
    uint64_t a[3] = {4096, 8192, 12288}, b[3] = {4096, 8192, 12289};
    state_ref one = sites_intern(a, 3);
    assert_int_not_equal(one, 0);
    assert_int_equal(sites_intern(a, 3), one);
    assert_int_not_equal(sites_intern(b, 3), one);
    state_ref shorter = sites_intern(a, 2);
    assert_int_not_equal(shorter, one);
    const struct state_site *s = sites_at(one);
    assert_int_equal(s->nframes, 3);
    assert_memory_equal(pcs_of(s), a, sizeof a);
    assert_int_equal(atomic_load(&s->ready), 1);
    assert_int_not_equal(s->siteid, sites_at(shorter)->siteid);
    struct state_view view = table_view();
    struct state_site_view v;
    assert_true(state_site_at(&view, one, &v));
}

/* Two stacks whose hash is the same: the frames decide. */
static void stacks_are_compared_by_their_frames_not_by_a_hash(void **state)
{
    (void)state;
    uint64_t a[1] = {40960}, b[1] = {40977};
    state_ref one = sites_intern(a, 1);
    uint64_t *held = (uint64_t *)(uintptr_t)pcs_of(sites_at(one));
    held[0] = b[0]; /* as if this one had A's hash */
    assert_int_not_equal(sites_intern(a, 1), one);
    held[0] = a[0];
    /* ... and so does their number. */
    uint64_t two[2] = {a[0], b[0]};
    state_ref longer = sites_intern(two, 2);
    sites_at(longer)->nframes = 1;
    assert_int_not_equal(sites_intern(two, 2), longer);
    sites_at(longer)->nframes = 2;
}

static void no_frames_or_too_many_have_no_record(void **state)
{
    (void)state;
    uint64_t pcs[STATE_MAX_FRAMES + 1];
    for (unsigned i = 0; i <= STATE_MAX_FRAMES; i++)
        pcs[i] = 4096 + i;
    assert_int_equal(sites_intern(pcs, 0), 0);
    assert_int_equal(sites_intern(pcs, STATE_MAX_FRAMES + 1), 0);
    assert_int_not_equal(sites_intern(pcs, STATE_MAX_FRAMES), 0);
}

__attribute__((noinline)) static state_ref from_here(bool *in_signal) { return sites_here(in_signal); }

static void a_stack_of_no_frames_is_none_and_says_nothing_of_a_signal(void **state)
{
    (void)state;
    bool in_signal = true;
    agent_options.native_frames = 0;
    uint64_t lost = atomic_load(&table_head->dropped[DROP_NO_STACK]);
    assert_int_equal(from_here(&in_signal), 0);
    assert_false(in_signal);
    assert_int_equal(atomic_load(&table_head->dropped[DROP_NO_STACK]), lost); /* as it was wanted */
    agent_options.native_frames = 1;
    state_ref ref = from_here(NULL);
    assert_int_equal(sites_at(ref)->nframes, 1);
    agent_options.native_frames = 32;
}

static bool handler_in_signal;
static state_ref handler_ref;
static void handler(int sig)
{
    (void)sig;
    handler_ref = from_here(&handler_in_signal);
}

static void a_stack_that_passes_a_signal_frame_says_so(void **state)
{
    (void)state;
    bool in_signal = true;
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    assert_true(handler_in_signal);
    assert_int_not_equal(handler_ref, 0);
    from_here(&in_signal);
    assert_false(in_signal);
}

/* ---- unloaded code ---- */

static void *load(const char *name, const char *text, void **f)
{
    objects_write("a.c", text);
    assert_int_equal(objects_run("cc -shared -fPIC -O1 -fno-optimize-sibling-calls -fno-inline -Wl,--build-id=sha1 -o %s a.c", name), 0);
    void *h = dlopen(objects_path(name), RTLD_NOW);
    assert_non_null(h);
    *f = dlsym(h, "f");
    return h;
}

static void unload(void *h)
{
    sites_dlclose_begin();
    dlclose(h);
    sites_dlclose_done();
}

static void a_stack_in_unloaded_code_is_never_matched_again_and_one_that_came_back_is(void **state)
{
    (void)state;
    void *f, *again;
    void *h = load("s.so", "int f(void){return 1;}", &f);
    uint64_t pcs[2] = {(uintptr_t)f + 2, (uintptr_t)&from_here + 4}, mine[1] = {(uintptr_t)&from_here + 4};
    state_ref one = sites_intern(pcs, 2), own = sites_intern(mine, 1);
    unload(h);
    assert_int_equal(atomic_load(&sites_at(one)->stale), 1);
    assert_int_equal(atomic_load(&sites_at(own)->stale), 0);
    assert_int_equal(sites_intern(mine, 1), own);
    assert_int_not_equal(sites_intern(pcs, 2), one);
    h = dlopen(objects_path("s.so"), RTLD_NOW);
    again = dlsym(h, "f");
    if (again != f) {
        unload(h);
        skip();
    }
    modules_of((uintptr_t)f); /* as the next new stack there finds it */
    assert_int_equal(atomic_load(&sites_at(one)->stale), 0);
    unload(h);
}

/*
 * Between the unmapping and the end of dlclose another thread may already have loaded something
 * else at the place.
 */
static void a_stack_is_checked_anew_while_a_dlclose_runs(void **state)
{
    (void)state;
    void *f;
    void *h = load("t.so", "int f(void){return 1;}", &f);
    uint64_t pcs[1] = {(uintptr_t)f + 2};
    state_ref one = sites_intern(pcs, 1);
    sites_dlclose_begin();
    assert_int_equal(sites_intern(pcs, 1), one);
    dlclose(h);
    assert_int_not_equal(sites_intern(pcs, 1), one);
    sites_dlclose_done();
}

typedef state_ref here(bool *in_signal);

/* What an earlier call has left below is not there any more. */
__attribute__((noinline)) static void scribble(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0x5a;
}

/* The way of a stack that was seen before: its note leads to the record, until the code is gone. */
static void a_noted_stack_in_unloaded_code_is_recorded_anew(void **state)
{
    (void)state;
    static const char source[] = "typedef unsigned h(_Bool *); unsigned f(h *here){return here(0) + 0*(unsigned)(__UINTPTR_TYPE__)here;}";
    void *symbol;
    state_ref (*f)(here *);
    void *h = load("n.so", source, &symbol);
    state_ref refs[5];
    memcpy(&f, &symbol, sizeof f);
    for (volatile int i = 0; i < 5; i++) { /* one call site, and the same words on the stack */
        if (i == 3)
            atomic_store(&sites_at(refs[0])->stale, 1); /* what a dlclose leaves behind */
        scribble();
        refs[i] = f(sites_here);
    }
    assert_int_not_equal(refs[0], 0);
    assert_int_equal(refs[1], refs[0]);
    assert_int_equal(refs[2], refs[0]);
    assert_int_not_equal(refs[3], refs[0]);
    assert_int_equal(refs[4], refs[3]);
    /*
     * The frames themselves, not what was in memory for them; the first is that of the agent, which
     * is no library here.
     */
    unsigned n = sites_at(refs[0])->nframes;
    assert_true(n > 2 && sites_at(refs[3])->nframes == n);
    assert_memory_equal(pcs_of(sites_at(refs[3])) + 1, pcs_of(sites_at(refs[0])) + 1, (n - 1) * sizeof(uint64_t));
    dlclose(h);
}

/* ---- another table ---- */

static int is_of_this_table(state_ref ref, state_ref parents)
{
    struct state_view view = table_view();
    struct state_site_view v;
    WANT(ref && ref != parents);
    WANT(state_site_at(&view, ref, &v) && v.nframes > 1);
    return 0;
}

static void what_was_noted_for_one_table_is_not_taken_for_another(void **state)
{
    (void)state;
    state_ref refs[4];
    volatile pid_t child = -1;
    for (volatile int i = 0; i < 4; i++) {
        if (i == 3 && (child = fork()) == 0) {
            uint64_t first = 77; /* so that the refs of the two differ */
            alarm(30);
            if (!gate_ready() || !sites_intern(&first, 1))
                _exit(99);
        }
        refs[i] = from_here(NULL);
        if (child == 0)
            _exit(is_of_this_table(refs[3], refs[2]));
    }
    assert_int_equal(refs[2], refs[1]);
    assert_int_equal(refs[3], refs[1]);
    assert_int_equal(live_status(child), 0);
}

static void a_site_of_another_table_is_copied_with_its_frames(void **state)
{
    (void)state;
    uint64_t pcs[3] = {61440, 61450, 61460};
    struct state_view view = table_view();
    state_ref one = sites_intern(pcs, 3), copy = sites_import(&view, one);
    assert_int_equal(copy, one); /* the same stack */
    assert_int_equal(sites_import(&view, 0), 0);
    assert_int_equal(sites_import(&view, 1), 0);
    assert_int_equal(sites_import(&view, ~0u), 0);
}

/* ---- at the same time ---- */

static uint64_t contested[1];
static state_ref one_ref, other_ref;
static void one(void) { one_ref = sites_intern(contested, 1); }
static void other(void) { other_ref = sites_intern(contested, 1); }

static void two_threads_that_meet_one_stack_have_one_record(void **state)
{
    (void)state;
    long at, first, n = 0;
    contested[0] = 1;
    interrupted(1000000, one, other);
    first = live_steps() > 400 ? live_steps() - 400 : 1; /* a new record becomes known in the last of its steps */
    at = first;
    for (bool inside = true; inside && at < first + 1000; at++) {
        contested[0] = 1000000u + (unsigned)at;
        inside = interrupted(at, one, other);
        if (!inside)
            other();
        assert_int_not_equal(one_ref, 0);
        assert_int_equal(one_ref, other_ref);
        other();
        assert_int_equal(one_ref, other_ref);
    }
    assert_in_range(at, first + (LIVE_STEPS ? 300 : 0), first + 999);
    /* What a thread gave up is no record to a reader. */
    struct state_view view = table_view();
    struct state_site_view v;
    uint64_t pos = 0;
    state_ref ref;
    while (state_next_site(&view, &pos, &ref, &v))
        n += v.nframes == 1 && v.pcs[0] >= 1000000u && v.pcs[0] < 2000000u;
    assert_int_equal(n, at - first);
}

/* ---- too many ---- */

static int never_repeats(void *arg)
{
    (void)arg;
    WANT(gate_ready());
    uint64_t pcs[8] = {0, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned i = 0; i < 40000; i++) {
        pcs[0] = 100 + i;
        WANT(sites_intern(pcs, 1));
    }
    pcs[0] = 50;
    state_ref one = sites_intern(pcs, 8);
    pcs[7] = 99;
    WANT(one && sites_intern(pcs, 8) == one);
    WANT(sites_at(one)->nframes == 6);
    pcs[5] = 99;
    WANT(sites_intern(pcs, 8) != one);
    WANT(sites_at(sites_intern(pcs, 3))->nframes == 3);
    return 0;
}

static void stacks_that_never_repeat_are_told_apart_by_their_innermost_frames(void **state)
{
    (void)state;
    assert_int_equal(in_child(never_repeats, NULL), 0);
}

static int without_room(void *arg)
{
    (void)arg;
    struct rlimit limit = {1ull << 40, 1ull << 40};
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    WANT(gate_ready());
    uint64_t pcs[1] = {0};
    for (unsigned i = 0; i < 100000; i++) {
        pcs[0] = 100 + i;
        if (!sites_intern(pcs, 1))
            break;
    }
    WANT(pcs[0] > 1000);
    WANT(sites_intern(pcs, 1) == 0);
    WANT(atomic_load(&table_head->dropped[DROP_SITE_FULL]) == 2);
    pcs[0] = 100;
    WANT(sites_intern(pcs, 1) != 0);
    return 0;
}

static void a_stack_that_finds_no_room_is_counted(void **state)
{
    (void)state;
    assert_int_equal(in_child(without_room, NULL), 0);
}

static int first_table(void **state)
{
    agent_options.native_frames = 32;
    return gate_ready() ? objects_setup(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_stacks_have_one_record),
        cmocka_unit_test(stacks_are_compared_by_their_frames_not_by_a_hash),
        cmocka_unit_test(no_frames_or_too_many_have_no_record),
        cmocka_unit_test(a_stack_of_no_frames_is_none_and_says_nothing_of_a_signal),
        cmocka_unit_test(a_stack_that_passes_a_signal_frame_says_so),
        cmocka_unit_test(a_stack_in_unloaded_code_is_never_matched_again_and_one_that_came_back_is),
        cmocka_unit_test(a_stack_is_checked_anew_while_a_dlclose_runs),
        cmocka_unit_test(a_noted_stack_in_unloaded_code_is_recorded_anew),
        cmocka_unit_test(what_was_noted_for_one_table_is_not_taken_for_another),
        cmocka_unit_test(a_site_of_another_table_is_copied_with_its_frames),
        cmocka_unit_test(two_threads_that_meet_one_stack_have_one_record),
        cmocka_unit_test(stacks_that_never_repeat_are_told_apart_by_their_innermost_frames),
        cmocka_unit_test(a_stack_that_finds_no_room_is_counted),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, objects_teardown));
}
