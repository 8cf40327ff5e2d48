/* SPDX-License-Identifier: MIT */
/*
 * test_perf_file.c: of which processes a perf map is looked for, and which one is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cli/model/generated.c"
#include "cli/symbolize/perf_file.c"

static struct state_header header;
static struct loaded_file process;

static int setup(void **state)
{
    (void)state;
    header = (struct state_header){.pid = 4242, .start_ticks = 7};
    process = (struct loaded_file){.view = {.base = (const unsigned char *)&header}, .pid = 4242, .same_boot = true, .owner = 33};
    return 0;
}

static bool looked_for(void)
{
    struct perf_file f;
    return perf_file_of(&process, &f);
}

static void the_map_has_the_number_that_the_process_knows(void **state)
{
    struct perf_file f;
    (void)state;
    process.pid = 999;
    strcpy(process.root, "/proc/999/root");
    assert_true(perf_file_of(&process, &f));
    assert_string_equal(f.path, "/tmp/perf-4242.map");
    assert_string_equal(f.root, "/proc/999/root");
    assert_int_equal(f.pid, 999);
    process.life = LIFE_KILLED;
    assert_true(perf_file_of(&process, &f));
    assert_string_equal(f.root, "");
    assert_int_equal(f.pid, 0);
    assert_int_equal(f.owner, 33);
}

static void none_is_looked_for_where_the_number_may_be_another_process(void **state)
{
    (void)state;
    assert_true(looked_for());
    process.pid = 999; /* in another PID namespace, and the same /tmp */
    assert_false(looked_for());
    setup(state);
    process.same_boot = false;
    assert_false(looked_for());
    setup(state);
    process.life = LIFE_EXECED;
    assert_false(looked_for());
}

static void only_native_frames_in_no_module_are_asked_for(void **state)
{
    static const uint64_t pcs[] = {0x1000, 0x1000, STATE_FRAME_BIT | 64, STATE_FRAME_BIT};
    static const uint16_t modules[] = {STATE_NO_MODULE, 3, STATE_NO_MODULE, STATE_NO_MODULE};
    struct state_site_view site = {.nframes = 4, .pcs = pcs, .modules = modules};
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(is_generated(&site, i), i == 0);
}

/* A map of this process: what its own number, START and the like make of it. */
static struct perf_file ours(void)
{
    struct procfs_stat st;
    struct perf_file f = {.pid = getpid(), .inner_pid = getpid(), .owner = geteuid(), .begun_ns = now_real_ns()};
    assert_int_equal(procfs_stat(getpid(), &st), 0);
    f.start_ticks = st.start_ticks;
    return f;
}

static struct stat file_of(uint32_t uid, uint64_t written)
{
    return (struct stat){.st_mode = S_IFREG | 0644,
                         .st_uid = uid,
                         .st_mtim = {.tv_sec = (time_t)(written / 1000000000u), .tv_nsec = (long)(written % 1000000000u)}};
}

static void a_map_of_the_processs_user_written_since_its_start_is_taken(void **state)
{
    struct perf_file f = ours();
    struct stat st = file_of(geteuid(), f.begun_ns);
    (void)state;
    assert_null(refused(&f, &st));
    st = file_of(0, f.begun_ns);
    assert_null(refused(&f, &st));
    st = file_of(geteuid() + 1, f.begun_ns);
    assert_non_null(refused(&f, &st));
    st = file_of(geteuid(), f.begun_ns - 1000000000u);
    assert_non_null(refused(&f, &st));
    f.begun_ns = 0;
    assert_non_null(refused(&f, &st));
}

static void a_number_that_is_another_process_by_now_has_no_map(void **state)
{
    struct perf_file f = ours();
    struct stat st = file_of(geteuid(), f.begun_ns);
    (void)state;
    f.pid = 0;
    assert_null(refused(&f, &st)); /* on its way out */
    f.start_ticks--;
    assert_non_null(refused(&f, &st));
    f.pid = getpid();
    assert_non_null(refused(&f, &st));
    f.pid = 0;
    f.inner_pid = INT32_MAX; /* nobody's */
    assert_null(refused(&f, &st));
}

static void the_end_of_a_long_map_is_read_from_the_begin_of_a_line(void **state)
{
    char path[] = "/tmp/sockleak-test.XXXXXX";
    int fd = mkstemp(path);
    size_t len = 0;
    (void)state;
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(pwrite(fd, "1 1 a\n2 1 b\n", 12, 0), 12);
    char *text = read_end(fd, 12, &len);
    assert_int_equal(len, 12);
    free(text);
    text = read_end(fd, 50, &len); /* it was cut meanwhile */
    assert_int_equal(len, 12);
    free(text);
    off_t size = (off_t)PERF_MAP_MAX + 9;
    assert_int_equal(pwrite(fd, "3 1 c\n", 6, size - 6), 6);
    text = read_end(fd, size, &len);
    assert_int_equal(len, PERF_MAP_MAX - 3);
    assert_memory_equal(text + len - 6, "3 1 c\n", 6);
    free(text);
    close(fd);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_map_has_the_number_that_the_process_knows),      CASE(none_is_looked_for_where_the_number_may_be_another_process),
        CASE(only_native_frames_in_no_module_are_asked_for),      CASE(a_map_of_the_processs_user_written_since_its_start_is_taken),
        CASE(a_number_that_is_another_process_by_now_has_no_map), CASE(the_end_of_a_long_map_is_read_from_the_begin_of_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
