/* SPDX-License-Identifier: MIT */
/*
 * test_mixed.c: the frames of a runtime among native ones: where they stand, what is left out, and
 * when they are not of this stack. The runtime is made up; its interpreter is this program, whose
 * module is marked by hand.
 */
#include "tracked_agent.h"

#include "agent/runtimes/runtime.h"
#include "agent/stacks/frames.h"
#include "agent/stacks/mixed.h"
#include "agent/stacks/modules.h"

#define EVALUATOR 0x1000u /* outside of every module, as generated code is */
#define OTHER 0x9000u

static unsigned n_named;
static uintptr_t unreadable, hides;

static bool name_of(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    n_named++;
    memset(out, 0, sizeof *out);
    *hidden = f->word[0] == hides;
    snprintf(out->function, sizeof out->function, "f%u", (unsigned)f->word[0]);
    strcpy(out->file, "made.up");
    out->line = (uint32_t)f->word[0];
    return f->word[0] != unreadable;
}

static const struct runtime made_up = {.number = RUNTIME_PYTHON, .name = name_of};

/* A walk of N frames, which are called f1, f2 ... */
static void fill(struct runtime_stack *s, unsigned n)
{
    static unsigned run;
    memset(s, 0, sizeof *s);
    s->n = s->max = n;
    run++;
    for (unsigned i = 0; i < n; i++)
        s->frames[i] = (struct runtime_frame){.hash = (uint64_t)run << 32 | (i + 1), .word = {i + 1, 0}};
    s->evaluator = EVALUATOR;
    s->evaluator_end = EVALUATOR + 0x1000;
}

static void fill_native(struct mixed_native *m, const uint64_t *pcs, unsigned n)
{
    *m = (struct mixed_native){.n = n, .complete = true};
    for (unsigned i = 0; i < n; i++) {
        m->pcs[i] = pcs[i];
        m->sps[i] = 0x7000 + i * 0x100;
    }
}

/* "E f1 N": E of the evaluator, I another of the interpreter, N any other native frame. */
static const char *words(const uint64_t *pcs, unsigned n)
{
    static char text[2048];
    size_t len = 0;
    struct state_view view = table_view();
    struct state_frame_view f;
    text[0] = 0;
    for (unsigned i = 0; i < n && len < sizeof text - 64; i++)
        len += (size_t)sprintf(text + len, "%s%s", i ? " " : "",
                               state_frame_at(&view, pcs[i], &f)           ? f.function
                               : pcs[i] - EVALUATOR < 0x1000               ? "E"
                               : modules_of(pcs[i] - 1) != STATE_NO_MODULE ? "I"
                                                                           : "N");
    return text;
}

static const char *merged(const struct runtime_stack *s, const struct mixed_native *native, unsigned max, bool with_interpreter)
{
    uint64_t out[STATE_MAX_FRAMES];
    struct runtime_stack copy = *s;
    struct mixed x;
    mixed_begin(&x, native, max, false);
    return words(out, mixed_place(&x, &made_up, &copy) ? mixed_merge(&x, with_interpreter, out) : 0);
}

static uint64_t of_interpreter(void) { return (uint64_t)(uintptr_t)&of_interpreter + 8; }

static void mark_this_program(uint8_t interpreter)
{
    struct state_module *m = (struct state_module *)(uintptr_t)modules_at(modules_of(of_interpreter() - 1));
    assert_non_null(m);
    m->interpreter = interpreter;
}

static void each_frame_stands_behind_the_native_ones_that_it_called(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 3);
    fill_native(&native, (uint64_t[]){OTHER, EVALUATOR + 9, OTHER, EVALUATOR + 9, EVALUATOR + 9, OTHER}, 6);
    assert_string_equal(merged(&s, &native, 64, true), "N f1 E N f2 E f3 E N");
    assert_string_equal(merged(&s, &native, 64, true), "N f1 E N f2 E f3 E N");
    assert_int_equal(n_named, 3); /* each once */
}

static void marks_say_which_native_frame_runs_which_others(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 5);
    s.n_marks = 2;
    s.marks[0] = (struct runtime_mark){0x7100 + 16, 2}; /* in native frame 1 */
    s.marks[1] = (struct runtime_mark){0x7300, 5};      /* where frame 3 begins */
    fill_native(&native, (uint64_t[]){OTHER, EVALUATOR + 9, OTHER, EVALUATOR + 9, OTHER}, 5);
    assert_string_equal(merged(&s, &native, 64, true), "N f1 f2 E N f3 f4 f5 E N");
    s.marks[1].on_stack = 0x7200 - 8; /* two in one frame */
    assert_string_equal(merged(&s, &native, 64, true), "N f1 f2 f3 f4 f5 E N E N");
}

static void marks_without_an_address_are_for_the_evaluators_frames_in_order(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 5);
    s.n_marks = 2;
    s.marks[0].count = 2;
    s.marks[1].count = 5;
    fill_native(&native, (uint64_t[]){OTHER, EVALUATOR + 9, OTHER, EVALUATOR + 9, OTHER}, 5);
    assert_string_equal(merged(&s, &native, 64, true), "N f1 f2 E N f3 f4 f5 E N");
    native.pcs[2] = EVALUATOR + 9; /* more of them than marks */
    assert_string_equal(merged(&s, &native, 64, true), "N f1 f2 f3 f4 f5 E E E N");
    native.pcs[2] = native.pcs[1] = OTHER; /* fewer: another interpreter's */
    assert_string_equal(merged(&s, &native, 64, true), "");
    native.complete = false;
    assert_string_equal(merged(&s, &native, 64, true), "N N N f1 f2 E N f3 f4 f5");
    native.complete = s.is_of_thread = true;
    assert_string_equal(merged(&s, &native, 64, true), "N N N f1 f2 E N f3 f4 f5");
}

static void generated_code_is_not_shown_and_runs_all_frames(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 3);
    s.n_marks = 2;
    s.marks[0].count = 1;
    s.marks[1].count = 3;
    s.is_of_thread = s.hides_generated = true;
    fill_native(&native, (uint64_t[]){of_interpreter(), OTHER, of_interpreter(), OTHER}, 4);
    assert_string_equal(merged(&s, &native, 64, true), "I f1 f2 f3 I");
    s.hides_generated = false;
    assert_string_equal(merged(&s, &native, 64, true), "I N I N f1 f2 f3");
}

static void frames_of_another_interpreter_are_not_shown(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 2);
    fill_native(&native, (uint64_t[]){EVALUATOR + 9, EVALUATOR + 9, EVALUATOR + 9}, 3);
    assert_string_equal(merged(&s, &native, 64, true), ""); /* one more runs than there are frames */
    s.cut = true;                                           /* ... of which not all were asked for */
    assert_string_equal(merged(&s, &native, 64, true), "f1 E f2 E E");
    fill(&s, 2);
    s.n_marks = 1;
    s.marks[0] = (struct runtime_mark){0x7200, 2};
    assert_string_equal(merged(&s, &native, 64, true), ""); /* one of the evaluator's is further in than the first mark */
    s.marks[0].on_stack = 0x7000;
    assert_string_equal(merged(&s, &native, 64, true), "f1 f2 E E E");
    s.marks[0].on_stack = 0x6000; /* nowhere on this stack */
    fill_native(&native, (uint64_t[]){OTHER, OTHER}, 2);
    assert_string_equal(merged(&s, &native, 64, true), "");
    native.complete = false; /* further out than the native stack was walked */
    assert_string_equal(merged(&s, &native, 64, true), "N N f1 f2");
}

static void a_frame_that_no_evaluator_runs_costs_nothing_but_its_place(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 3); /* an exception that is thrown through a generator of an old Python */
    fill_native(&native, (uint64_t[]){EVALUATOR + 9, OTHER, EVALUATOR + 9, OTHER}, 4);
    assert_string_equal(merged(&s, &native, 64, true), "f1 E N f2 E N f3");
}

static void the_interpreters_own_frames_do_not_count_and_make_room(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    uint64_t pcs[60];
    for (unsigned i = 0; i < 60; i++)
        pcs[i] = i % 2 ? of_interpreter() : EVALUATOR + 9;
    fill(&s, 30);
    fill_native(&native, pcs, 60);
    mark_this_program(RUNTIME_PYTHON);
    const char *text = merged(&s, &native, 64, true);
    assert_non_null(strstr(text, "f1 E I f2 E I"));
    assert_string_equal(merged(&s, &native, 3, false), "f1 E f2");
    fill(&s, 100); /* with 30 of the interpreter's they would be 130 */
    s.n_marks = 1;
    s.marks[0] = (struct runtime_mark){0x7000, 1};
    for (unsigned i = 0; i < 60; i++)
        native.pcs[i] = of_interpreter();
    text = merged(&s, &native, 128, true);
    assert_null(strchr(text, 'I'));
    assert_non_null(strstr(text, " f100"));
    mark_this_program(0);
}

static void frames_in_generated_code_stand_for_all_that_is_further_out(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 3);
    s.generated = true;
    s.evaluator = s.evaluator_end = 0;
    fill_native(&native, (uint64_t[]){of_interpreter(), of_interpreter(), OTHER, of_interpreter(), OTHER}, 5);
    assert_string_equal(merged(&s, &native, 64, true), "I I f1 f2 f3");
    fill_native(&native, (uint64_t[]){of_interpreter(), of_interpreter()}, 2);
    assert_string_equal(merged(&s, &native, 64, true), ""); /* no generated code is on this stack */
    native.complete = false;
    assert_string_equal(merged(&s, &native, 64, true), "I I f1 f2 f3");
}

static void no_more_frames_are_named_than_are_kept(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 10);
    fill_native(&native, (uint64_t[]){OTHER}, 1);
    n_named = 0;
    assert_string_equal(merged(&s, &native, 4, true), "N f1 f2 f3");
    assert_int_equal(n_named, 4);
}

static void a_frame_that_cannot_be_read_leaves_the_native_stack_alone(void **state)
{
    (void)state;
    struct runtime_stack s;
    struct mixed_native native;
    fill(&s, 3);
    fill_native(&native, (uint64_t[]){EVALUATOR + 9, EVALUATOR + 9, EVALUATOR + 9}, 3);
    unreadable = 2;
    assert_string_equal(merged(&s, &native, 64, true), "");
    unreadable = 0;
    hides = 2;
    assert_string_equal(merged(&s, &native, 64, true), "f1 E E f3 E");
    assert_string_equal(merged(&s, &native, 64, true), "f1 E E f3 E"); /* from memory too */
    hides = 0;
}

/* Two runtimes: the frames of B, which are called b1, b2 ..., stand at EVALUATOR_B. */
#define EVALUATOR_B 0x5000u
static bool name_of_b(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    bool ok = name_of(f, out, hidden);
    out->function[0] = 'b';
    return ok;
}
static const struct runtime another = {.number = RUNTIME_PERL, .name = name_of_b};

static const char *merged_with(struct runtime_stack a, struct runtime_stack b, const struct mixed_native *native, bool b_first)
{
    uint64_t out[STATE_MAX_FRAMES];
    struct mixed x;
    mixed_begin(&x, native, STATE_MAX_FRAMES, true);
    bool any = b_first && mixed_place(&x, &another, &b);
    any |= mixed_place(&x, &made_up, &a);
    any |= !b_first && mixed_place(&x, &another, &b);
    return words(out, any ? mixed_merge(&x, true, out) : 0);
}

static void fill_b(struct runtime_stack *s, unsigned n)
{
    fill(s, n);
    s->evaluator = EVALUATOR_B;
    s->evaluator_end = EVALUATOR_B + 0x1000;
}

static void frames_of_two_runtimes_stand_each_where_its_own_interpreter_does(void **state)
{
    (void)state;
    struct runtime_stack a, b;
    struct mixed_native native;
    fill(&a, 3);
    fill_b(&b, 2);
    fill_native(&native, (uint64_t[]){EVALUATOR + 9, EVALUATOR_B + 9, OTHER, EVALUATOR + 9, EVALUATOR_B + 9, EVALUATOR + 9, OTHER}, 7);
    for (int first = 0; first < 2; first++)
        assert_string_equal(merged_with(a, b, &native, first), "f1 E b1 N N f2 E b2 N f3 E N");
}

static void of_several_runtimes_no_frame_stands_where_it_is_not_known_to(void **state)
{
    (void)state;
    struct runtime_stack a, b;
    struct mixed_native native;
    fill(&a, 3);
    fill_b(&b, 2);
    fill_native(&native, (uint64_t[]){EVALUATOR + 9, EVALUATOR_B + 9, EVALUATOR + 9}, 3);
    native.complete = false; /* f3 or b2 comes next */
    assert_string_equal(merged_with(a, b, &native, false), "f1 E b1 N f2 E");
    native.complete = true; /* no evaluator runs f3 and b2: they may stand anywhere */
    assert_string_equal(merged_with(a, b, &native, false), "");
    fill(&a, 2);
    assert_string_equal(merged_with(a, b, &native, false), "f1 E N f2 E");
}

static void behind_frames_in_generated_code_stand_none_of_another_runtime(void **state)
{
    (void)state;
    struct runtime_stack a, b;
    struct mixed_native native;
    uint64_t in = of_interpreter();
    fill(&a, 3);
    a.evaluator = in - 1;
    a.evaluator_end = in;
    fill_b(&b, 2);
    b.generated = true;
    b.evaluator = b.evaluator_end = 0;
    fill_native(&native, (uint64_t[]){in, in + 1, in, OTHER, in}, 5);
    for (int first = 0; first < 2; first++)
        assert_string_equal(merged_with(a, b, &native, first), "f1 I I f2 I b1 b2");
    native.n = 3; /* no generated code is there */
    a.n = 2;
    assert_string_equal(merged_with(a, b, &native, false), "f1 I I f2 I");
}

static void of_frames_that_run_at_once_the_place_is_known_in_a_whole_stack_alone(void **state)
{
    (void)state;
    struct runtime_stack a, b;
    struct mixed_native native;
    fill(&a, 1);
    fill_b(&b, 3);
    b.n_marks = 1;
    b.marks[0].count = 3;
    fill_native(&native, (uint64_t[]){EVALUATOR + 9, EVALUATOR_B + 9, EVALUATOR_B + 9}, 3);
    assert_string_equal(merged_with(a, b, &native, false), "f1 E b1 b2 b3 N N");
    native.complete = false;
    assert_string_equal(merged_with(a, b, &native, false), "f1 E N N");
}

static void where_there_is_no_room_for_all_the_outermost_go(void **state)
{
    (void)state;
    struct runtime_stack a, b;
    struct mixed_native native;
    fill(&a, 120);
    fill_b(&b, 20);
    a.n_marks = b.n_marks = 1;
    a.marks[0].count = 120;
    b.marks[0].count = 20;
    fill_native(&native, (uint64_t[]){EVALUATOR_B + 9, EVALUATOR + 9}, 2);
    for (int first = 0; first < 2; first++) {
        const char *text = merged_with(a, b, &native, first);
        assert_non_null(strstr(text, "b19 b20 N f1 f2 "));
        assert_non_null(strstr(text, " f107"));
        assert_null(strstr(text, " f108"));
    }
}

static void a_key_is_of_the_frames_the_call_and_the_table(void **state)
{
    (void)state;
    struct runtime_stack s;
    fill(&s, 2);
    uint64_t key = mixed_key_with(mixed_key(7, 1, 1), &s);
    assert_int_equal(mixed_key_with(mixed_key(7, 1, 1), &s), key);
    assert_int_not_equal(mixed_key_with(mixed_key(8, 1, 1), &s), key);
    assert_int_not_equal(mixed_key_with(mixed_key(7, 2, 1), &s), key);
    assert_int_not_equal(mixed_key_with(mixed_key(7, 1, 2), &s), key);
    assert_int_not_equal(mixed_key(7, 1, 1), key);
    s.frames[1].hash++;
    assert_int_not_equal(mixed_key_with(mixed_key(7, 1, 1), &s), key);
    assert_int_equal(mixed_recall(key), 0);
    mixed_remember(key, 42);
    assert_int_equal(mixed_recall(key), 42);
    assert_int_equal(mixed_recall(key + 4096), 0); /* of the same place */
    mixed_remember(key + 4096, 43);
    assert_int_equal(mixed_recall(key), 0);
}

static void equal_names_have_one_record_and_another_table_its_own(void **state)
{
    (void)state;
    struct runtime_name a = {.function = "login", .file = "app.py", .line = 3}, b = a;
    uint64_t one = frames_intern(RUNTIME_PYTHON, &a);
    assert_true(state_is_frame(one));
    assert_int_equal(frames_intern(RUNTIME_PYTHON, &b), one);
    assert_int_not_equal(frames_intern(RUNTIME_RUBY, &a), one);
    b.line = 4;
    assert_int_not_equal(frames_intern(RUNTIME_PYTHON, &b), one);
    b = a;
    strcpy(b.file, "app.pyc");
    assert_int_not_equal(frames_intern(RUNTIME_PYTHON, &b), one);
    b = a;
    b.column = 9;
    assert_int_not_equal(frames_intern(RUNTIME_PYTHON, &b), one);
    struct state_view view = table_view();
    assert_int_equal(frames_import(&view, one), one);
    assert_int_equal(frames_import(&view, 4711), 4711);
    assert_int_equal(frames_import(&view, STATE_FRAME_BIT | 1), STATE_FRAME_BIT);
    frames_reset();
    assert_int_not_equal(frames_intern(RUNTIME_PYTHON, &a), one);
}

static void a_column_of_a_long_line_is_kept_whole(void **state)
{
    (void)state;
    struct runtime_name name = {.function = "t", .file = "bundle.js", .line = 1};
    static const uint32_t columns[] = {0, 1, 65535, 65536, 65537, 8000000};
    struct state_view view = table_view();
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        struct state_frame_view f;
        name.column = columns[i];
        uint64_t pc = frames_intern(RUNTIME_JAVASCRIPT, &name);
        assert_int_not_equal(pc, last);
        assert_true(state_frame_at(&view, pc, &f));
        assert_int_equal(state_frame_column(f.frame), columns[i]);
        assert_int_equal(frames_import(&view, pc), pc);
        last = pc;
    }
}

static void a_program_that_makes_names_for_ever_is_told_so_and_fills_no_disk(void **state)
{
    (void)state;
    struct runtime_name name = {.function = "f", .file = "generated"};
    frames_reset();
    for (name.line = 1; name.line <= 8192; name.line++)
        assert_int_not_equal((uint32_t)frames_intern(RUNTIME_PYTHON, &name), 0);
    assert_int_equal(frames_intern(RUNTIME_PYTHON, &name), STATE_FRAME_BIT);
    name.line = 1;
    assert_int_not_equal((uint32_t)frames_intern(RUNTIME_PYTHON, &name), 0);
}

static int begin(void **state)
{
    (void)state;
    agent_options.native_frames = 64;
    agent_options.max_frames = 64;
    return gate_ready() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_frame_stands_behind_the_native_ones_that_it_called),
        cmocka_unit_test(marks_say_which_native_frame_runs_which_others),
        cmocka_unit_test(marks_without_an_address_are_for_the_evaluators_frames_in_order),
        cmocka_unit_test(generated_code_is_not_shown_and_runs_all_frames),
        cmocka_unit_test(frames_of_another_interpreter_are_not_shown),
        cmocka_unit_test(a_frame_that_no_evaluator_runs_costs_nothing_but_its_place),
        cmocka_unit_test(the_interpreters_own_frames_do_not_count_and_make_room),
        cmocka_unit_test(frames_in_generated_code_stand_for_all_that_is_further_out),
        cmocka_unit_test(no_more_frames_are_named_than_are_kept),
        cmocka_unit_test(a_frame_that_cannot_be_read_leaves_the_native_stack_alone),
        cmocka_unit_test(frames_of_two_runtimes_stand_each_where_its_own_interpreter_does),
        cmocka_unit_test(of_several_runtimes_no_frame_stands_where_it_is_not_known_to),
        cmocka_unit_test(behind_frames_in_generated_code_stand_none_of_another_runtime),
        cmocka_unit_test(of_frames_that_run_at_once_the_place_is_known_in_a_whole_stack_alone),
        cmocka_unit_test(where_there_is_no_room_for_all_the_outermost_go),
        cmocka_unit_test(a_key_is_of_the_frames_the_call_and_the_table),
        cmocka_unit_test(equal_names_have_one_record_and_another_table_its_own),
        cmocka_unit_test(a_column_of_a_long_line_is_kept_whole),
        cmocka_unit_test(a_program_that_makes_names_for_ever_is_told_so_and_fills_no_disk),
    };
    return live_end(cmocka_run_group_tests(tests, begin, NULL));
}
