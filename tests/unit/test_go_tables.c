/* SPDX-License-Identifier: MIT */
/*
 * test_go_tables.c: Go's tables of every version, in an executable that is made here: where they
 * are found, what they say of an address, and that damage to them gives no fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/trace/go_lines.c"
#include "cli/trace/go_program.c"
#include "cli/trace/go_tables.c"
#include "cli/trace/image.c"
#include "go_image.h"

static const uint64_t biases[] = {0, 0x10000};
static struct go_image made, memory;
static struct image image;
static struct go_program program;

/* As the process has it. */
static bool read_memory(void *arg, uint64_t at, void *to, size_t n)
{
    (void)arg;
    for (unsigned k = 0; k < image.n_segments; k++) {
        const struct image_segment *s = &image.segments[k];
        if (at >= s->address && at - s->address < s->bytes.n)
            return span_copy((struct span){memory.file + (s->bytes.at - image.file.at), s->bytes.n}, at - s->address, to, n);
    }
    return false;
}

/* The file has no addresses where it may lie anywhere: the loader puts them in. */
static void make(enum go_image_version version, uint64_t bias)
{
    go_image_make(&memory, version, bias);
    go_image_make(&made, version, bias);
    if (!bias)
        return;
    static struct go_image zero;
    go_image_make(&zero, version, 0x20000);
    for (unsigned i = 0; i < IMAGE_BYTES; i++)
        if (zero.file[i] != memory.file[i])
            made.file[i & ~7u] = made.file[i] = 0;
}

static bool open_program(void)
{
    return image_open_bytes(&image, (struct span){made.file, sizeof made.file}, IMAGE_BASE + made.bias) &&
           go_program_open(&program, &image, read_memory, NULL);
}

static void assert_line(const struct go_line *l, const char *function, const char *file, uint32_t line)
{
    assert_string_equal(l->function, function);
    if (!file) {
        assert_null(l->file);
    } else {
        assert_non_null(l->file);
        assert_string_equal(l->file, file);
    }
    assert_int_equal(l->line, line);
}

static void each_version_says_the_same_of_an_address(void **state)
{
    (void)state;
    for (enum go_image_version v = IMAGE_116; v <= IMAGE_127; v++)
        for (unsigned k = 0; k < 2; k++) {
            struct go_function f;
            struct go_line l[GO_INLINED];
            uint64_t size, text = IMAGE_TEXT + biases[k];
            make(v, biases[k]);
            assert_true(open_program());
            assert_false(go_function_at(&program.tables, text - 1, &f));
            assert_false(go_function_at(&program.tables, text + IMAGE_FUNCTIONS * IMAGE_SIZE, &f));
            assert_true(go_function_at(&program.tables, text + 0x14, &f));
            assert_int_equal(f.entry, text);
            assert_int_equal(f.end, text + IMAGE_SIZE);
            assert_true(go_frame_size(&program.tables, &f, text + 3, &size));
            assert_int_equal(size, 0);
            assert_true(go_frame_size(&program.tables, &f, text + 4, &size));
            assert_int_equal(size, 0x18);
            assert_int_equal(go_lines(&program.tables, &f, text + 0xb, l), 1);
            assert_line(l, "main.outer", "/src/outer.go", 7);
            assert_int_equal(go_lines(&program.tables, &f, text + 0x14, l), 2);
            assert_line(l, "main.inner", "/src/inner.go", 31);
            assert_line(l + 1, "main.outer", "/src/outer.go", 8);
            assert_int_equal(go_lines(&program.tables, &f, text + 0x18, l), 1);
            assert_line(l, "main.outer", "/src/outer.go", 300);
            assert_false(go_function_is_wrapper(&program.tables, &f));
            assert_true(go_function_at(&program.tables, text + IMAGE_SIZE, &f));
            assert_string_equal(go_function_name(&program.tables, &f), "main.value.run");
            assert_true(go_function_is_wrapper(&program.tables, &f));
            assert_true(go_function_at(&program.tables, text + 4 * IMAGE_SIZE, &f));
            assert_string_equal(go_function_name(&program.tables, &f), "main.leaf");
            go_program_close(&program);
        }
}

static void without_inlining_trees_the_line_is_left_out_where_a_call_is_inlined(void **state)
{
    (void)state;
    for (enum go_image_version v = IMAGE_118; v <= IMAGE_127; v++) {
        struct go_function f;
        struct go_line l[GO_INLINED];
        make(v, 0);
        assert_true(open_program());
        program.tables.inline_base = 0;
        assert_true(go_function_at(&program.tables, IMAGE_TEXT + 0x14, &f));
        assert_int_equal(go_lines(&program.tables, &f, IMAGE_TEXT + 0x14, l), 1);
        assert_line(l, "main.outer", NULL, 0);
        go_program_close(&program);
    }
}

/* Its number is among the tree's, and it leads back to itself for ever. */
static void a_tree_that_goes_round_ends(void **state)
{
    (void)state;
    struct go_function f;
    struct go_line l[GO_INLINED];
    make(IMAGE_120, 0);
    uint32_t place = 0x12;
    memcpy(made.file + IMAGE_TREE + 8, &place, sizeof place);
    assert_true(open_program());
    assert_true(go_function_at(&program.tables, IMAGE_TEXT + 0x14, &f));
    assert_int_equal(go_lines(&program.tables, &f, IMAGE_TEXT + 0x14, l), 1);
    assert_line(l, "main.outer", NULL, 0);
    go_program_close(&program);
}

static uint32_t values_at(void)
{
    uint64_t at;
    memcpy(&at, made.file + IMAGE_TABLE + 56, sizeof at);
    return (uint32_t)(IMAGE_TABLE + at);
}

/* What main.outer has at 0x14 when COUNT bytes at AT are VALUE. */
static unsigned lines_with(uint32_t at, uint8_t value, size_t count, struct go_line *l)
{
    struct go_function f;
    make(IMAGE_120, 0);
    memset(made.file + at, value, count);
    assert_true(open_program());
    program.tables.inline_base = IMAGE_BASE + IMAGE_TREE - 16;
    unsigned n = go_function_at(&program.tables, IMAGE_TEXT + 0x14, &f) ? go_lines(&program.tables, &f, IMAGE_TEXT + 0x14, l) : 0;
    go_program_close(&program);
    return n;
}

static void an_inlined_call_that_makes_no_sense_leaves_the_line_out(void **state)
{
    (void)state;
    struct go_line l[GO_INLINED];
    assert_int_equal(lines_with(IMAGE_TREE + 9, 1, 1, l), 1); /* it stands behind the function's end */
    assert_line(l, "main.outer", NULL, 0);
    assert_int_equal(lines_with(IMAGE_TREE + 4, 14, 1, l), 1); /* its name begins within another */
    assert_line(l, "main.outer", NULL, 0);
}

static void a_list_that_makes_no_sense_says_nothing(void **state)
{
    (void)state;
    struct go_function f;
    uint64_t size;
    make(IMAGE_120, 0);
    uint32_t at = values_at() + 1; /* of the frame's: 0 for 4 bytes, 0x18 for 0x38 */
    made.file[at + 2] = 0x32;      /* 0x19 */
    assert_true(open_program());
    assert_true(go_function_at(&program.tables, IMAGE_TEXT, &f));
    assert_false(go_frame_size(&program.tables, &f, IMAGE_TEXT + 8, &size));
    made.file[at + 2] = 0; /* it ends there */
    assert_true(go_frame_size(&program.tables, &f, IMAGE_TEXT + 3, &size));
    assert_false(go_frame_size(&program.tables, &f, IMAGE_TEXT + 8, &size));
    memset(made.file + at, 0xff, 12); /* numbers that do not end */
    assert_false(go_frame_size(&program.tables, &f, IMAGE_TEXT + 3, &size));
    go_program_close(&program);
}

static void a_record_of_another_function_is_not_believed(void **state)
{
    (void)state;
    struct go_function f;
    make(IMAGE_120, 0);
    assert_true(open_program());
    assert_true(go_function_at(&program.tables, IMAGE_TEXT + IMAGE_SIZE, &f));
    made.file[IMAGE_TABLE + f.record] ^= 0x10;
    assert_false(go_function_at(&program.tables, IMAGE_TEXT + IMAGE_SIZE, &f));
    go_program_close(&program);
}

static void a_word_that_gives_no_sense_to_the_trees_is_not_taken(void **state)
{
    (void)state;
    make(IMAGE_120, 0);
    uint64_t wrong = IMAGE_BASE + IMAGE_TREE - 8;
    memcpy(memory.file + IMAGE_MODULE + 8 * 40, &wrong, sizeof wrong);
    assert_true(open_program());
    assert_int_equal(program.tables.inline_base, 0);
    go_program_close(&program);
}

static void what_is_no_program_of_go_has_no_tables(void **state)
{
    (void)state;
    make(IMAGE_120, 0);
    made.file[IMAGE_TABLE] ^= 1;
    assert_false(open_program());
    make(IMAGE_126, 0); /* its text is in moduledata alone */
    memory.file[IMAGE_MODULE] ^= 8;
    assert_false(open_program());
    make(IMAGE_120, 0); /* a processor whose stacks are made in another way */
    made.file[offsetof(Elf64_Ehdr, e_machine)] = EM_AARCH64;
    assert_false(open_program());
}

/* Everything that is asked of a program, at each address. */
static void ask_everything(void)
{
    struct go_function f;
    struct go_line l[GO_INLINED];
    uint64_t size;
    for (uint64_t at = 0; at < IMAGE_FUNCTIONS * IMAGE_SIZE + 8; at += 4) {
        uint64_t pc = IMAGE_TEXT + at;
        if (!go_function_at(&program.tables, pc, &f))
            continue;
        unsigned n = go_lines(&program.tables, &f, pc, l);
        assert_true(n <= GO_INLINED);
        for (unsigned i = 0; i < n; i++)
            assert_true(strlen(l[i].function) < IMAGE_BYTES && (!l[i].file || strlen(l[i].file) < IMAGE_BYTES));
        go_frame_size(&program.tables, &f, pc, &size);
        go_function_is_wrapper(&program.tables, &f);
    }
}

static void damage_gives_no_fault(void **state)
{
    static const uint8_t values[] = {0, 0x7f, 0xff};
    (void)state;
    for (enum go_image_version v = IMAGE_116; v <= IMAGE_127; v++)
        for (unsigned at = 0; at < IMAGE_BYTES; at++) {
            if (at == 0 || !memory.file[at])
                make(v, 0);
            if (!memory.file[at] && at > IMAGE_TABLE + 72)
                continue;
            uint8_t before = memory.file[at];
            for (unsigned k = 0; k < sizeof values; k++) {
                made.file[at] = memory.file[at] = values[k];
                if (open_program()) {
                    ask_everything();
                    go_program_close(&program);
                }
            }
            made.file[at] = memory.file[at] = before;
        }
}

static void a_file_that_ends_early_gives_no_fault(void **state)
{
    (void)state;
    make(IMAGE_120, 0);
    for (size_t n = 0; n < IMAGE_BYTES; n += 8) {
        uint8_t *copy = malloc(n ? n : 1); /* its own, so that a sanitizer sees its end */
        assert_non_null(copy);
        memcpy(copy, made.file, n);
        if (image_open_bytes(&image, (struct span){copy, n}, IMAGE_BASE) && go_program_open(&program, &image, read_memory, NULL)) {
            ask_everything();
            go_program_close(&program);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_says_the_same_of_an_address),
        cmocka_unit_test(without_inlining_trees_the_line_is_left_out_where_a_call_is_inlined),
        cmocka_unit_test(a_tree_that_goes_round_ends),
        cmocka_unit_test(an_inlined_call_that_makes_no_sense_leaves_the_line_out),
        cmocka_unit_test(a_list_that_makes_no_sense_says_nothing),
        cmocka_unit_test(a_record_of_another_function_is_not_believed),
        cmocka_unit_test(a_word_that_gives_no_sense_to_the_trees_is_not_taken),
        cmocka_unit_test(what_is_no_program_of_go_has_no_tables),
        cmocka_unit_test(damage_gives_no_fault),
        cmocka_unit_test(a_file_that_ends_early_gives_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
