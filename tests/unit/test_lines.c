/* SPDX-License-Identifier: MIT */
/*
 * test_lines.c: the command's answer is taken when it fits the question, all of it; what was
 * found out once is not asked again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/base/clock.h"
#include "agent/base/environ.h"
#include "agent/base/pages.h"
#include "agent/symbolize/line_cache.h"
#include "agent/symbolize/symbolizer_process.h"
#include "agent/symbolize/unchanged.h"
#include "agent/symbolize/lines.h"
#include "agent/elf/object.h"
#include "agent/base/options.h"
#include "agent/base/scratch.h"
#include "agent/base/sys.h"
#include "agent/table/table.h"
#include "objects.h"

/* What the rest of the agent would say. */
static const char *preloads, *library, *answer;
static bool no_memory, runs;
static size_t memory; /* as much as there is in one piece */
static unsigned asked;
static char question[4096], command[600], since[32], with_source[16];

uint64_t clock_now(void)
{
    static uint64_t now = 1000000000u;
    return now += 1000000000u; /* no turn of another is waited for */
}
uint64_t clock_now_real(void) { return 1; }
static uint64_t before_load, after_load;
const char *environ_get(const char *name) { return strcmp(name, "LD_PRELOAD") == 0 ? preloads : NULL; }
void *pages_alloc(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return no_memory || size > memory || p == MAP_FAILED ? NULL : p;
}
void pages_free(void *p, size_t size) { munmap(p, size); }
bool object_at(uint64_t pc, struct object *l)
{
    (void)pc;
    memset(l, 0, sizeof *l);
    return library != NULL;
}
void object_path(const struct object *l, const char *exe, char *path, size_t size)
{
    (void)l, (void)exe;
    snprintf(path, size, "%s", library);
}
bool symbolizer_run(struct symbolizer_job *job, unsigned limit_ms)
{
    (void)limit_ms;
    asked++;
    snprintf(command, sizeof command, "%s", job->path);
    snprintf(question, sizeof question, "%.*s", (int)job->input_size, job->input);
    snprintf(since, sizeof since, "%s", job->argv[4]);
    snprintf(with_source, sizeof with_source, "%s", job->argv[5] ? job->argv[5] : "");
    assert_true(strlen(answer) <= job->output_room);
    memcpy(job->output, answer, job->output_size = strlen(answer));
    return runs;
}

static struct scratch *scratch;
static struct frame frames[3];
static struct group group;
static struct report report;
static uint64_t offset = 0x1000;

/*
 * A report of one group: a frame of a file with a build-id, one without any file, one of a file
 * without a build-id.
 */
static int setup(void **state)
{
    static struct state_header head;
    static char path[512];
    if (objects_setup(state) != 0 ||
        objects_run("mkdir bin lib; touch bin/sockleak; chmod 755 bin/sockleak; touch lib/libsockleak.so") != 0)
        return -1;
    head.start_ticks = 1;
    before_load = sys_clock(CLOCK_REALTIME);
    unchanged_begin();
    after_load = sys_clock(CLOCK_REALTIME);
    head.start_ticks = (uint64_t)1 << 38; /* the process' start is no bound here */
    table_head = &head;
    snprintf(path, sizeof path, "%s/lib/libsockleak.so", objects_dir);
    library = path;
    preloads = NULL;
    no_memory = false;
    memory = SIZE_MAX;
    runs = true;
    asked = 0;
    answer = "";
    offset += 16; /* nothing is known of it yet */
    frames[0] = (struct frame){.pc = 1, .module = "/bin/one", .build_id = "ab01", .offset = offset, .symbol = "sym"};
    frames[1] = (struct frame){.pc = 2};
    frames[2] = (struct frame){.pc = 3, .module = "/bin/two", .offset = offset};
    /* behind the stacks that it was told in is what was there before */
    group = (struct group){
        .frames = frames, .n_frames = 2, .n_told = 1, .told = {{.frames = frames + 2, .n_frames = 1}, {.frames = frames, .n_frames = 1}}};
    report = (struct report){.groups = &group, .n_groups = 1};
    line_cache_prepare();
    return 0;
}

static int teardown(void **state)
{
    scratch_free(&scratch);
    return objects_teardown(state);
}

static bool resolve(struct scratch **s, struct report *r)
{
    lines_begin();
    return lines_resolve(s, r);
}

static void unchanged(void)
{
    assert_ptr_equal(group.frames, frames);
    assert_int_equal(group.n_frames, 2);
    assert_ptr_equal(group.told[0].frames, frames + 2);
}

static void files_lines_and_inlined_calls_are_taken_over_and_frames_without_a_file_stay(void **state)
{
    (void)state;
    char expected[200];
    answer = "1 7\ta.c\tinner\t\n0 9\tb.c\touter\t\n0 0\t\t\t\n";
    assert_true(resolve(&scratch, &report));
    snprintf(expected, sizeof expected, "%llx ab01 /bin/one\n%llx - /bin/two\n", (unsigned long long)offset, (unsigned long long)offset);
    assert_string_equal(question, expected);
    assert_in_range(strtoull(since, NULL, 10), before_load, after_load);
    assert_int_equal(group.n_frames, 3);
    assert_true(group.frames[0].inlined);
    assert_string_equal(group.frames[0].symbol, "inner");
    assert_string_equal(group.frames[0].file, "a.c");
    assert_int_equal(group.frames[0].line, 7);
    assert_false(group.frames[1].inlined);
    assert_string_equal(group.frames[1].symbol, "outer");
    assert_int_equal(group.frames[2].pc, 2);
    assert_null(group.frames[2].symbol);
    assert_int_equal(group.told[0].n_frames, 1);
    assert_null(group.told[0].frames[0].file);
}

static void the_source_line_is_that_of_the_programs_first_frame_alone(void **state)
{
    (void)state;
    agent_options.source = true;
    frames[0].module = "/lib/x86_64-linux-gnu/libcurl.so.4";
    answer = "0 9\tcurl.c\tcurl\tlibrary();\n0 0\t\t\t\n";
    assert_true(resolve(&scratch, &report));
    assert_string_equal(with_source, "--source");
    assert_null(group.frames[0].source);
    scratch_free(&scratch);
    teardown(state);
    setup(state);
    answer = "1 7\ta.c\tinner\tint x = f(\"\ty\");\n0 9\tb.c\touter\tg();\n0 0\t\t\t\n";
    assert_true(resolve(&scratch, &report));
    assert_string_equal(group.frames[0].source, "int x = f(\"\ty\");"); /* a tab of the line's own */
    assert_null(group.frames[1].source);
    agent_options.source = false;
}

static void of_a_runtime_only_the_programs_first_frame_is_asked_about_and_for_its_line_alone(void **state)
{
    (void)state;
    static const char *const not_asked[] = {"../web.py", "we\nb.py", ""};
    char expected[100];
    agent_options.source = true;
    frames[1] = (struct frame){.symbol = "login", .file = "app/web.py", .line = 88, .runtime = RUNTIME_PYTHON};
    snprintf(expected, sizeof expected, "%llx ab01 /bin/one\n@88 app/web.py\n%llx - /bin/two\n", (unsigned long long)offset,
             (unsigned long long)offset);
    answer = "0 9\tb.c\touter\tc();\n0 0\t\t\t    connect()\n0 0\t\t\t\n";
    assert_true(resolve(&scratch, &report));
    assert_string_equal(question, expected);
    assert_null(group.frames[0].source);
    assert_string_equal(group.frames[1].source, "    connect()");
    assert_string_equal(group.frames[1].symbol, "login");
    assert_string_equal(group.frames[1].file, "app/web.py");
    assert_int_equal(group.frames[1].line, 88);
    for (size_t i = 0; i < sizeof not_asked / sizeof *not_asked + 2; i++) {
        scratch_free(&scratch);
        teardown(state);
        setup(state);
        agent_options.source = i != 3;
        frames[1] = (struct frame){.file = i < 3 ? not_asked[i] : "w.py", .line = 8, .line_of_function = i == 4, .runtime = RUNTIME_PYTHON};
        answer = "0 9\tb.c\touter\t\n0 0\t\t\t\n";
        assert_true(resolve(&scratch, &report));
        assert_null(strchr(question, '@'));
        assert_string_equal(with_source, i != 3 ? "--source" : "");
    }
    agent_options.source = false;
}

static void an_empty_name_leaves_the_name_that_was_known(void **state)
{
    (void)state;
    answer = "0 9\tb.c\t\t\n0 0\t\t\t\n";
    assert_true(resolve(&scratch, &report));
    assert_string_equal(group.frames[0].symbol, "sym");
    assert_string_equal(group.frames[0].file, "b.c");
}

static void an_answer_that_does_not_fit_the_question_changes_nothing(void **state)
{
    static const char *const bad[] = {
        "",                                        /* nothing */
        "0 9\tb.c\touter\n",                       /* one frame too few */
        "0 9\tb.c\touter\n0 0\t\t",                /* cut in the last line */
        "0 9\tb.c\touter\n0 0\t\n",                /* a field too few */
        "0 9 b.c outer\n0 0\t\t\n",                /* no fields */
        "09\tb.c\touter\n0 0\t\t\n",               /* no flag */
        "\n\n",                                    /* empty lines */
        "1 1\ta.c\tx\n1 1\ta.c\tx\n1 1\ta.c\tx\n", /* inlined without an end */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        teardown(state);
        setup(state);
        answer = bad[i];
        if (resolve(&scratch, &report))
            fail_msg("answer %zu was taken", i);
        unchanged();
    }
}

static void a_command_that_fails_changes_nothing(void **state)
{
    (void)state;
    answer = "0 9\tb.c\touter\t\n0 0\t\t\t\n";
    runs = false;
    assert_false(resolve(&scratch, &report));
    assert_int_equal(asked, 1);
    unchanged();
}

static void what_is_known_is_not_asked_again_and_failures_are_known_too(void **state)
{
    (void)state;
    frames[2].build_id = "ab02";
    answer = "1 7\ta.c\tinner\t\n0 9\tb.c\touter\t\n0 0\t\ttold\t\n";
    assert_true(resolve(&scratch, &report));
    group = (struct group){.frames = frames, .n_frames = 2, .n_told = 1, .told = {{.frames = frames + 2, .n_frames = 1}}};
    answer = "nonsense";
    assert_true(lines_known(&scratch, &report));
    assert_int_equal(asked, 1);
    assert_int_equal(group.n_frames, 3);
    assert_string_equal(group.frames[0].symbol, "inner");
    assert_string_equal(group.frames[1].file, "b.c");
    assert_string_equal(group.told[0].frames[0].symbol, "told");
    /* Where asking was in vain, the names that are known stand for it. */
    teardown(state);
    setup(state);
    frames[2].build_id = "ab02";
    frames[2].symbol = "told";
    runs = false;
    assert_false(lines_known(&scratch, &report));
    assert_false(resolve(&scratch, &report));
    assert_true(resolve(&scratch, &report));
    assert_int_equal(asked, 1);
    assert_string_equal(group.frames[0].symbol, "sym");
    assert_null(group.frames[0].file);
    assert_string_equal(group.told[0].frames[0].symbol, "told");
}

static void only_frames_that_are_not_known_are_asked_for(void **state)
{
    (void)state;
    answer = "0 9\tb.c\touter\t\n0 0\t\t\t\n";
    assert_true(resolve(&scratch, &report));
    group = (struct group){.frames = frames, .n_frames = 2, .n_told = 1, .told = {{.frames = frames + 2, .n_frames = 1}}};
    assert_false(lines_known(&scratch, &report)); /* the frame without a build-id */
    answer = "1 7\ta.c\tinner\t\n0 3\tc.c\tother\t\n";
    assert_true(resolve(&scratch, &report));
    assert_int_equal(asked, 2);
    assert_null(strstr(question, "/bin/one"));
    assert_non_null(strstr(question, "/bin/two"));
    assert_int_equal(group.n_frames, 2);
    assert_string_equal(group.frames[0].symbol, "outer");
    assert_string_equal(group.frames[0].file, "b.c");
    assert_int_equal(group.told[0].n_frames, 2);
    assert_string_equal(group.told[0].frames[0].symbol, "inner");
    assert_string_equal(group.told[0].frames[1].symbol, "other");
}

static void nobody_is_asked_of_nothing(void **state)
{
    (void)state;
    frames[0].module = "[vdso]";
    frames[2].module = NULL;
    resolve(&scratch, &report);
    assert_int_equal(asked, 0);
    assert_int_equal(group.n_frames, 2);
    assert_string_equal(group.frames[0].symbol, "sym");
}

/* ---- which command --------------------------------------------------------------------------- */

static void the_command_is_looked_for_beside_the_library_and_where_it_is_installed(void **state)
{
    (void)state;
    static const char *const places[] = {"lib/sockleak", "lib/../bin/sockleak", "lib/../../bin/sockleak"};
    for (int i = 2; i >= 0; i--) {
        char path[600];
        assert_int_equal(objects_run("rm -rf bin; mkdir -p bin deep/lib deep/bin; rm -f */sockleak deep/*/sockleak"), 0);
        snprintf(path, sizeof path, "%s/deep/lib/libsockleak.so", objects_dir);
        library = path;
        assert_int_equal(objects_run("touch deep/%s && chmod 644 deep/%s", places[i], places[i]), 0);
        if (geteuid() != 0 || objects_run("test -x deep/%s", places[i]) != 0) {
            resolve(&scratch, &report); /* not for running: not asked */
            assert_int_equal(asked, 0);
        }
        assert_int_equal(objects_run("chmod 755 deep/%s", places[i]), 0);
        offset += 16;
        frames[0].offset = frames[2].offset = offset;
        resolve(&scratch, &report);
        assert_int_equal(asked, 1);
        snprintf(path, sizeof path, "%s/deep/%s", objects_dir, places[i]);
        assert_string_equal(command, path);
        asked = 0;
    }
}

static void no_command_no_absolute_path_or_valgrind_and_nobody_is_asked(void **state)
{
    (void)state;
    answer = "0 9\tb.c\touter\t\n0 0\t\t\t\n";
    library = NULL;
    assert_false(resolve(&scratch, &report));
    assert_int_equal(chdir(objects_dir), 0);
    library = "lib/libsockleak.so";
    assert_false(resolve(&scratch, &report));
    library = "";
    assert_false(resolve(&scratch, &report));
    assert_int_equal(chdir("/"), 0);
    teardown(state);
    setup(state);
    answer = "0 9\tb.c\touter\t\n0 0\t\t\t\n";
    preloads = "/x/libsockleak.so:/usr/libexec/valgrind/vgpreload_core-amd64-linux.so";
    assert_false(resolve(&scratch, &report));
    assert_int_equal(asked, 0);
    preloads = "/x/libsockleak.so";
    assert_true(resolve(&scratch, &report));
}

static void without_memory_the_report_stays_as_it_is(void **state)
{
    (void)state;
    answer = "0 9\tb.c\touter\t\n0 0\t\t\t\n";
    no_memory = true;
    assert_false(resolve(&scratch, &report));
    unchanged();
    static struct frame many[300];
    for (size_t i = 0; i < 300; i++)
        many[i] = frames[0];
    group.frames = many;
    group.n_frames = 300;
    no_memory = false;
    memory = 256 * 1024; /* for the questions, and not for the answers */
    assert_false(resolve(&scratch, &report));
    assert_int_equal(asked, 0);
    assert_ptr_equal(group.frames, many);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(files_lines_and_inlined_calls_are_taken_over_and_frames_without_a_file_stay),
        TEST(the_source_line_is_that_of_the_programs_first_frame_alone),
        TEST(of_a_runtime_only_the_programs_first_frame_is_asked_about_and_for_its_line_alone),
        TEST(an_empty_name_leaves_the_name_that_was_known),
        TEST(an_answer_that_does_not_fit_the_question_changes_nothing),
        TEST(a_command_that_fails_changes_nothing),
        TEST(what_is_known_is_not_asked_again_and_failures_are_known_too),
        TEST(only_frames_that_are_not_known_are_asked_for),
        TEST(nobody_is_asked_of_nothing),
        TEST(the_command_is_looked_for_beside_the_library_and_where_it_is_installed),
        TEST(no_command_no_absolute_path_or_valgrind_and_nobody_is_asked),
        TEST(without_memory_the_report_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
