/* SPDX-License-Identifier: MIT */
/*
 * test_state_file.c: the state file gets its name when its header is complete; without a file
 * the table is in memory, and a note says why.
 *
 * The code is compiled in, with a version that is longer than its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/environ.h"
#include "agent/base/errno_text.h"
#include "agent/base/notes.h"
#include "agent/base/options.h"
#include "agent/base/sys.h"
#include "agent/table/state_dir.h"
#include "agent/table/table.h"
static const char *volatile version = "1.2.3~rc4+git20260102.abcdef012345-0ubuntu1~24.04";
#undef SOCKLEAK_VERSION
#define SOCKLEAK_VERSION version
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/table/state_file.c"
#include "objects.h"

/* What the rest of the agent would say. */
struct options agent_options;
static char noted[512];
const char *environ_get(const char *name) { return (void)name, NULL; }
const char *errno_text(int err)
{
    static char text[32];
    snprintf(text, sizeof text, "errno %d", err);
    return text;
}
uint64_t clock_now(void) { return 11; }
uint64_t clock_now_real(void) { return 22; }
void log_later(const char *text, const char *arg) { snprintf(noted, sizeof noted, "%s%s", text, arg); }

static int setup(void **state)
{
    struct state_view old;
    if (table_head)
        table_forget(&old);
    noted[0] = 0;
    state_dir_forget();
    if (objects_setup(state) != 0)
        return -1;
    snprintf(agent_options.state_dir, sizeof agent_options.state_dir, "%s/s", objects_dir);
    return 0;
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(agent_options.state_dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static void the_file_holds_a_complete_header_under_its_name_alone(void **state)
{
    (void)state;
    char path[600], exe[512] = "";
    struct utsname u;
    struct stat st;
    assert_true(state_file_make(NULL));
    assert_string_equal(noted, "");
    assert_true(state_dir_file_path(path, sizeof path));
    assert_int_equal(entries(), 1);
    int fd = open(path, O_RDONLY);
    struct state_header *h = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(h != MAP_FAILED);
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_memory_equal(h->magic, STATE_MAGIC, 8);
    assert_int_equal(h->version, STATE_VERSION);
    assert_int_equal(h->pid, getpid());
    assert_int_equal(h->ppid, getppid());
    assert_int_equal(h->opened_mono_ns, 11);
    assert_int_equal(h->opened_real_ns, 22);
    assert_int_not_equal(h->start_ticks, 0);
    assert_int_not_equal(h->boot_id_hash, 0);
    assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
    assert_string_equal(h->exe, exe);
    assert_int_equal(stat(exe, &st), 0);
    assert_int_equal(h->exe_ino, st.st_ino);
    uname(&u);
    assert_int_equal(strncmp(h->host, u.nodename, sizeof h->host - 1), 0);
    assert_memory_equal(h->agent_version, SOCKLEAK_VERSION, sizeof h->agent_version - 1);
    assert_int_equal(h->agent_version[sizeof h->agent_version - 1], 0);
    assert_int_equal(h->unwatched_ns, 0); /* it stands behind that */
    munmap(h, 4096);
    state_dir_remove_file();
    assert_int_equal(entries(), 0);
}

static void what_the_parent_knew_is_not_asked_again(void **state)
{
    (void)state;
    const struct state_header parent = {.boot_id_hash = 99, .exe_ino = 98, .exe = "/parent", .host = "parents"};
    assert_true(state_file_make(&parent));
    assert_int_equal(table_head->exe_ino, 98);
    assert_int_equal(table_head->boot_id_hash, 99);
    assert_string_equal(table_head->exe, "/parent");
    assert_string_equal(table_head->host, "parents");
}

static void the_limit_on_descriptors_is_noted(void **state)
{
    (void)state;
    struct rlimit was, r;
    getrlimit(RLIMIT_NOFILE, &was);
    r = (struct rlimit){123, was.rlim_max};
    setrlimit(RLIMIT_NOFILE, &r);
    assert_true(state_file_make(NULL));
    setrlimit(RLIMIT_NOFILE, &was);
    assert_int_equal(table_head->nofile_limit, 123);
}

static void no_descriptor_stays_open(void **state)
{
    (void)state;
    int before = dup(0), after;
    close(before);
    assert_true(state_file_make(NULL));
    after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

#define LIMIT 16

/* So that LEFT numbers are free; the limit that there was. */
static struct rlimit leave_descriptors(int left)
{
    struct rlimit was, r;
    for (int fd = 0; fd < LIMIT - left; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            dup2(0, fd);
    for (int fd = LIMIT - left; fd < LIMIT; fd++)
        close(fd);
    getrlimit(RLIMIT_NOFILE, &was);
    r = (struct rlimit){LIMIT, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
    return was;
}

static void without_a_descriptor_the_file_is_made_all_the_same(void **state)
{
    (void)state;
    char path[600];
    for (int left = 0; left < 2; left++) {
        assert_true(state_file_make(NULL)); /* by an earlier image of this process */
        struct state_header first = *table_head;
        struct state_view old;
        table_forget(&old);
        struct rlimit was = leave_descriptors(left);
        bool made = state_file_make(NULL);
        int next = dup(0);
        setrlimit(RLIMIT_NOFILE, &was);
        close(next);
        assert_true(made);
        assert_int_equal(next >= 0, left);
        assert_string_equal(noted, "");
        assert_true(state_dir_file_path(path, sizeof path));
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(table_head->pid, getpid());
        assert_int_equal(table_head->ppid, getppid());
        assert_int_equal(table_head->start_ticks, first.start_ticks);
        assert_int_equal(entries(), 1);
        assert_true(state_dir_take_old(&old));
        state_dir_remove_file();
        table_forget(&old);
    }
}

static void without_a_descriptor_or_a_child_the_table_is_in_memory(void **state)
{
    (void)state;
    char path[600];
    this_thread.works_for = (uint32_t)getpid(); /* so that no child is made */
    struct rlimit was = leave_descriptors(1);
    bool made = state_file_make(NULL);
    int next = dup(0);
    setrlimit(RLIMIT_NOFILE, &was);
    close(next);
    this_thread.works_for = 0;
    assert_true(made);
    assert_true(next >= 0);
    assert_false(state_dir_file_path(path, sizeof path));
    assert_non_null(strstr(noted, "no state file"));
}

static void without_a_directory_the_table_is_in_memory_and_the_reason_is_noted(void **state)
{
    (void)state;
    char path[600];
    assert_int_equal(objects_run("mkdir s && chmod 777 s"), 0);
    assert_true(state_file_make(NULL));
    assert_memory_equal(table_head->magic, STATE_MAGIC, 8);
    assert_false(state_dir_file_path(path, sizeof path));
    assert_non_null(strstr(noted, "others may write"));
    assert_int_equal(entries(), 0);
}

static void where_the_name_is_taken_nothing_is_overwritten_or_left_behind(void **state)
{
    (void)state;
    char path[600];
    assert_true(state_file_make(NULL));
    assert_true(state_dir_file_path(path, sizeof path));
    state_dir_remove_file();
    assert_int_equal(mkdir(path, 0700), 0); /* a file of an earlier image goes, a folder cannot */
    struct state_view old;
    table_forget(&old);
    assert_true(state_file_make(NULL));
    assert_non_null(strstr(noted, "no state file"));
    assert_int_equal(entries(), 1);
    assert_false(state_dir_file_path(path, sizeof path));
    state_dir_remove_file(); /* nothing of ours */
    assert_int_equal(entries(), 1);
}

static void a_file_size_limit_leaves_the_table_in_memory(void **state)
{
    (void)state;
    char path[600];
    struct rlimit was, r;
    getrlimit(RLIMIT_FSIZE, &was);
    r = (struct rlimit){4096, was.rlim_max};
    setrlimit(RLIMIT_FSIZE, &r);
    bool ok = state_file_make(NULL);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_true(ok);
    assert_false(state_dir_file_path(path, sizeof path));
    assert_non_null(strstr(noted, "errno 27"));
    assert_int_equal(entries(), 0);
}

static void without_any_memory_there_is_no_table(void **state)
{
    (void)state;
    struct rlimit was, r;
    getrlimit(RLIMIT_AS, &was);
    r = (struct rlimit){4096, was.rlim_max};
    setrlimit(RLIMIT_AS, &r);
    bool ok = state_file_make(NULL);
    setrlimit(RLIMIT_AS, &was);
    assert_false(ok);
    assert_null(table_head);
    assert_int_equal(entries(), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, objects_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_file_holds_a_complete_header_under_its_name_alone),
        TEST(what_the_parent_knew_is_not_asked_again),
        TEST(the_limit_on_descriptors_is_noted),
        TEST(no_descriptor_stays_open),
        TEST(without_a_descriptor_the_file_is_made_all_the_same),
        TEST(without_a_descriptor_or_a_child_the_table_is_in_memory),
        TEST(without_a_directory_the_table_is_in_memory_and_the_reason_is_noted),
        TEST(where_the_name_is_taken_nothing_is_overwritten_or_left_behind),
        TEST(a_file_size_limit_leaves_the_table_in_memory),
        TEST(without_any_memory_there_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
