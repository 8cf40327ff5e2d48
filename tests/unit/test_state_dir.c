/* SPDX-License-Identifier: MIT */
/*
 * test_state_dir.c: where the state file lies, who is kept from it, and what happens to it
 * around an exec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/environ.h"
#include "agent/base/errno_text.h"
#include "agent/base/options.h"
#include "agent/base/sys.h"
#include "agent/table/state_dir.h"
#include "objects.h"

/* What the rest of the agent would say. */
struct options agent_options;
static const char *runtime_dir;
const char *environ_get(const char *name) { return strcmp(name, "XDG_RUNTIME_DIR") == 0 ? runtime_dir : NULL; }
const char *errno_text(int err)
{
    static char text[2][64];
    static unsigned turn;
    char *t = text[turn++ % 2];
    snprintf(t, sizeof text[0], "errno %d", err);
    return t;
}

static char name[64], path[600];
static uint64_t ticks;
static const char *why;

static int setup(void **state)
{
    runtime_dir = NULL;
    sys_sandboxed = false;
    state_dir_forget();
    if (objects_setup(state) != 0)
        return -1;
    snprintf(agent_options.state_dir, sizeof agent_options.state_dir, "%s/s", objects_dir);
    return 0;
}

static int open_place(void) { return state_dir_open(name, sizeof name, &ticks, &why); }

/* Opens the place, and a file with the name that it gave. */
static void make_file(void)
{
    int dir = open_place(), fd;
    assert_true(dir >= 0);
    fd = openat(dir, name, O_CREAT | O_WRONLY | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
    close(dir);
}

static bool is_there(const char *file)
{
    char p[700];
    snprintf(p, sizeof p, "%s/%s", agent_options.state_dir, file);
    return access(p, F_OK) == 0;
}

/* ---- whose directory ------------------------------------------------------------------------- */

static void a_directory_is_made_for_its_user_alone(void **state)
{
    (void)state;
    struct stat st;
    int dir = open_place();
    assert_true(dir >= 0);
    assert_int_equal(fstat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fcntl(dir, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(dir);
}

static void a_directory_that_others_may_write_to_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0770, 0707, 0702, 0720};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(objects_run("rm -rf s; mkdir -m %o s", modes[i]), 0);
        assert_int_equal(open_place(), -EPERM);
        assert_non_null(strstr(why, "others may write"));
    }
    assert_int_equal(objects_run("chmod 755 s"), 0); /* reading is no harm: the files are closed to others themselves */
    int dir = open_place();
    assert_true(dir >= 0);
    close(dir);
}

static void somebody_elses_directory_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(objects_run("mkdir -m 700 s && chown 4711 s"), 0);
    assert_int_equal(open_place(), -EPERM);
    /* The effective user counts, who opens the file. */
    assert_int_equal(objects_run("chmod 711 ."), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(setresuid(0, 4711, 0) == 0 && open_place() >= 0 ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_refused_directory_leaves_no_descriptor_open(void **state)
{
    (void)state;
    assert_int_equal(objects_run("mkdir -m 777 s; chmod 777 s"), 0);
    int before = dup(0), after;
    close(before);
    assert_int_equal(open_place(), -EPERM);
    after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

static void a_symbolic_link_or_a_file_in_its_place_is_not_followed(void **state)
{
    (void)state;
    assert_int_equal(objects_run("mkdir -m 700 t && ln -s t s"), 0);
    assert_true(open_place() < 0);
    assert_int_equal(objects_run("rm s && touch s"), 0);
    assert_int_equal(open_place(), -ENOTDIR);
}

static void the_reason_is_why_it_could_not_be_made_not_that_it_is_missing(void **state)
{
    (void)state;
    assert_int_equal(objects_run("touch file"), 0);
    snprintf(agent_options.state_dir, sizeof agent_options.state_dir, "%s/file/s", objects_dir);
    assert_true(open_place() < 0);
    assert_string_equal(why, errno_text(ENOTDIR));
    snprintf(agent_options.state_dir, sizeof agent_options.state_dir, "/proc/nowhere");
    assert_true(open_place() < 0);
    assert_string_equal(why, errno_text(ENOENT));
    snprintf(agent_options.state_dir, sizeof agent_options.state_dir, "/sys/nowhere");
    assert_int_equal(mkdir(agent_options.state_dir, 0700), -1);
    int expected = errno;
    assert_true(open_place() < 0);
    assert_string_equal(why, errno_text(expected));
}

/* ---- which directory ------------------------------------------------------------------------- */

static void the_users_runtime_directory_is_taken_when_it_is_absolute_and_ours(void **state)
{
    (void)state;
    char fallback[64], expected[700];
    agent_options.state_dir[0] = 0;
    snprintf(fallback, sizeof fallback, "/dev/shm/sockleak-%u/", (unsigned)geteuid());
    runtime_dir = objects_dir;
    make_file();
    assert_true(state_dir_file_path(path, sizeof path));
    snprintf(expected, sizeof expected, "%s/sockleak/%s", objects_dir, name);
    assert_string_equal(path, expected);
    state_dir_remove_file();
    assert_int_equal(objects_run("chmod 777 sockleak"), 0);
    const char *const bad[] = {objects_dir, "relative", "", "/nowhere/at/all", NULL};
    assert_int_equal(chdir(objects_dir), 0);
    assert_int_equal(objects_run("mkdir -m 700 relative"), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        runtime_dir = bad[i];
        int dir = open_place();
        assert_true(dir >= 0);
        close(dir);
        assert_true(state_dir_file_path(path, sizeof path));
        assert_int_equal(strncmp(path, fallback, strlen(fallback)), 0);
        state_dir_forget();
    }
    assert_int_equal(chdir("/"), 0);
}

static void a_runtime_directory_too_long_for_a_path_is_not_cut(void **state)
{
    (void)state;
    static char longer[700];
    agent_options.state_dir[0] = 0;
    snprintf(longer, sizeof longer, "%s/", objects_dir);
    while (strlen(longer) < 650)
        strcat(longer, "././././././././");
    runtime_dir = longer;
    int dir = open_place();
    assert_true(dir >= 0);
    close(dir);
    assert_true(state_dir_file_path(path, sizeof path));
    assert_int_equal(strncmp(path, "/dev/shm/", 9), 0);
    assert_false(is_there("sockleak"));
}

/* ---- the file -------------------------------------------------------------------------------- */

static void the_name_holds_the_start_time_whatever_the_program_is_called(void **state)
{
    (void)state;
    char text[1024], expected[64];
    assert_int_equal(prctl(PR_SET_NAME, "a) R 1 2 (b c", 0, 0, 0), 0);
    FILE *f = fopen("/proc/self/stat", "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    unsigned long long start = 0;
    assert_int_equal(
        sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start), 1);
    make_file();
    assert_int_equal(ticks, start);
    snprintf(expected, sizeof expected, "%d.%llu.sockleak", (int)getpid(), start);
    assert_string_equal(name, expected);
}

static void the_file_of_an_earlier_image_of_this_process_goes(void **state)
{
    (void)state;
    make_file();
    make_file(); /* O_EXCL */
}

static void the_file_is_removed_once_and_only_from_a_directory_that_is_still_ours(void **state)
{
    (void)state;
    make_file();
    assert_int_equal(objects_run("chmod 777 s"), 0);
    state_dir_remove_file();
    assert_true(is_there(name));
    assert_int_equal(objects_run("chmod 700 s"), 0);
    state_dir_remove_file();
    assert_false(is_there(name));
    assert_int_equal(objects_run("touch 's/%s'", name), 0);
    state_dir_remove_file(); /* by now another's */
    assert_true(is_there(name));
}

static void a_child_of_fork_and_a_table_in_memory_have_no_file_to_remove_or_to_name(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        make_file();
        if (i)
            state_dir_no_file();
        else
            state_dir_forget();
        assert_false(state_dir_file_path(path, sizeof path));
        state_dir_remove_file();
        state_dir_step_aside();
        assert_true(is_there(name));
    }
    assert_int_equal(objects_run("rm -rf s; touch s"), 0);
    assert_true(open_place() < 0);
    assert_false(state_dir_file_path(path, sizeof path));
}

static void a_path_that_does_not_fit_is_no_path(void **state)
{
    (void)state;
    make_file();
    assert_false(state_dir_file_path(path, 20));
    assert_true(state_dir_file_path(path, sizeof path));
}

/* ---- exec ------------------------------------------------------------------------------------ */

static const char *aside(void)
{
    static char text[32];
    snprintf(text, sizeof text, "%d.exec", (int)getpid());
    return text;
}

static void around_an_exec_that_fails_the_file_steps_aside_and_back(void **state)
{
    (void)state;
    make_file();
    state_dir_step_aside();
    assert_false(is_there(name));
    assert_true(is_there(aside()));
    state_dir_step_back();
    assert_true(is_there(name));
    assert_false(is_there(aside()));
    assert_int_equal(objects_run("mv 's/%s' s/%s", name, aside()), 0);
    state_dir_step_back(); /* not aside by us: nothing to bring back */
    assert_false(is_there(name));
}

static void nothing_that_is_there_is_overwritten_by_stepping_aside(void **state)
{
    (void)state;
    make_file();
    assert_int_equal(objects_run("echo other > s/%s", aside()), 0);
    state_dir_step_aside();
    assert_true(is_there(name));
    assert_int_equal(objects_run("grep -q other s/%s", aside()), 0);
    state_dir_step_back();
    assert_true(is_there(name));
}

static void in_a_sandbox_nothing_is_renamed(void **state)
{
    (void)state;
    make_file();
    sys_sandboxed = true;
    state_dir_step_aside();
    assert_true(is_there(name));
}

static void a_child_of_fork_does_not_bring_its_parents_file_back(void **state)
{
    (void)state;
    make_file();
    state_dir_step_aside();
    state_dir_forget();
    close(open_place()); /* for a table of its own */
    state_dir_step_back();
    assert_true(is_there(aside()));
}

static void the_next_image_clears_what_the_exec_left_in_each_directory_that_it_may_be_in(void **state)
{
    (void)state;
    make_file();
    state_dir_step_aside();
    state_dir_clear_aside();
    assert_false(is_there(aside()));
    make_file();
    state_dir_step_aside();
    assert_int_equal(objects_run("chmod 777 s"), 0); /* somebody else's trap: not touched */
    state_dir_clear_aside();
    assert_true(is_there(aside()));
    agent_options.state_dir[0] = 0;
    runtime_dir = objects_dir;
    assert_int_equal(
        objects_run("mkdir -m 700 sockleak; touch sockleak/%s; mkdir -p -m 700 /dev/shm/sockleak-%u && touch /dev/shm/sockleak-%u/%s",
                    aside(), (unsigned)geteuid(), (unsigned)geteuid(), aside()),
        0);
    state_dir_clear_aside();
    assert_int_equal(objects_run("! test -e sockleak/%s", aside()), 0);
    assert_int_equal(objects_run("! test -e /dev/shm/sockleak-%u/%s", (unsigned)geteuid(), aside()), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, objects_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_directory_is_made_for_its_user_alone),
        TEST(a_directory_that_others_may_write_to_is_refused),
        TEST(somebody_elses_directory_is_refused),
        TEST(a_refused_directory_leaves_no_descriptor_open),
        TEST(a_symbolic_link_or_a_file_in_its_place_is_not_followed),
        TEST(the_reason_is_why_it_could_not_be_made_not_that_it_is_missing),
        TEST(the_users_runtime_directory_is_taken_when_it_is_absolute_and_ours),
        TEST(a_runtime_directory_too_long_for_a_path_is_not_cut),
        TEST(the_name_holds_the_start_time_whatever_the_program_is_called),
        TEST(the_file_of_an_earlier_image_of_this_process_goes),
        TEST(the_file_is_removed_once_and_only_from_a_directory_that_is_still_ours),
        TEST(a_child_of_fork_and_a_table_in_memory_have_no_file_to_remove_or_to_name),
        TEST(a_path_that_does_not_fit_is_no_path),
        TEST(around_an_exec_that_fails_the_file_steps_aside_and_back),
        TEST(nothing_that_is_there_is_overwritten_by_stepping_aside),
        TEST(in_a_sandbox_nothing_is_renamed),
        TEST(a_child_of_fork_does_not_bring_its_parents_file_back),
        TEST(the_next_image_clears_what_the_exec_left_in_each_directory_that_it_may_be_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
