/* SPDX-License-Identifier: MIT */
/*
 * test_bound.c: which state files of ended processes are removed when there are too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/sys.h"

static long process = 1; /* of which not each looks at many */
static long number_of_test(void) { return process; }
#define sys_getpid number_of_test
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/table/bound.c"
#undef sys_getpid
#include "core/state.h"
#include "core/statedir.h"
#include "objects.h"

#define NOBODY 2000000000u /* no process has such a number */
#define EARLIEST 1000000   /* seconds; older than all that is made by default */

static int dir;
static struct state_header header;

static int setup(void **state)
{
    if (objects_setup(state) != 0)
        return -1;
    dir = open(objects_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(&header, 0, sizeof header);
    memcpy(header.magic, STATE_MAGIC, sizeof header.magic);
    gethostname(header.host, sizeof header.host);
    atomic_store(&header.end, END_EXIT);
    return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    close(dir);
    return objects_teardown(state);
}

static const char *name_of(uint32_t pid, uint64_t ticks)
{
    static char name[64];
    snprintf(name, sizeof name, "%u.%lu" STATEDIR_SUFFIX, pid, (unsigned long)ticks);
    return name;
}

static void set_age(const char *name, time_t modified)
{
    const struct timespec times[2] = {{.tv_sec = modified}, {.tv_sec = modified}};
    assert_int_equal(utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* The file of a process with the header as it is now. */
static void make(uint32_t pid, uint64_t ticks, time_t modified)
{
    int fd = openat(dir, name_of(pid, ticks), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, &header, sizeof header), sizeof header);
    close(fd);
    set_age(name_of(pid, ticks), modified);
}

static bool is_there(uint32_t pid, uint64_t ticks) { return faccessat(dir, name_of(pid, ticks), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

/* N files of processes that have ended, all as old as what is written now. */
static void fill_from(unsigned first, unsigned n)
{
    uint32_t end = atomic_load(&header.end);
    atomic_store(&header.end, END_EXIT);
    for (unsigned i = first; i < first + n; i++)
        make(NOBODY + 10000 + i, 1, 2 * EARLIEST);
    atomic_store(&header.end, end);
}

static void fill(unsigned n) { fill_from(0, n); }

static long removed(void)
{
    struct stat st;
    return fstatat(dir, STATEDIR_REMOVED, &st, 0) == 0 ? (long)st.st_size : -1;
}

static void as_many_as_are_kept_stay(void **state)
{
    (void)state;
    fill(STATEDIR_KEEP);
    bound_directory(dir, false);
    assert_int_equal(removed(), -1);
    for (unsigned i = 0; i < STATEDIR_KEEP; i++)
        assert_true(is_there(NOBODY + 10000 + i, 1));
}

static void the_oldest_beyond_that_are_removed_and_counted(void **state)
{
    (void)state;
    const unsigned more = 70, all = STATEDIR_KEEP + more;
    for (unsigned i = 0; i < all; i++)
        make(NOBODY + i, 5, EARLIEST + (time_t)(i * 7 % all)); /* 7 and ALL have no divisor in common */
    bound_directory(dir, false);
    for (unsigned i = 0; i < all; i++)
        assert_int_equal(is_there(NOBODY + i, 5), i * 7 % all >= more);
    assert_int_equal(removed(), more);
    bound_directory(dir, false);
    assert_int_equal(removed(), more);
    fill(3);
    bound_directory(dir, false);
    assert_int_equal(removed(), more + 3);
}

/* The file of PID, older than all others, beside one too many. */
static bool goes(uint32_t pid, uint64_t ticks)
{
    make(pid, ticks, EARLIEST);
    bound_directory(dir, false);
    bool there = is_there(pid, ticks);
    unlinkat(dir, name_of(pid, ticks), 0);
    return !there;
}

static uint64_t our_ticks(void)
{
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return statedir_start_ticks(text);
}

/* A file that holds nothing, of a process that was killed long ago. */
static void make_empty(uint32_t pid)
{
    static unsigned char whole[STATE_BODY_OFFSET];
    struct state_header *h = (struct state_header *)whole;
    int fd = openat(dir, name_of(pid, 1), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *h = header;
    h->version = STATE_VERSION;
    h->byte_order = STATE_BYTE_ORDER;
    h->word_bits = 64;
    h->slot_size = sizeof(struct state_slot);
    h->header_size = STATE_HEADER_FIRST;
    h->interval_ns = 1;
    h->opened_mono_ns = 1;
    atomic_store(&h->end, END_RUNNING);
    assert_int_equal(write(fd, whole, sizeof whole), sizeof whole);
    close(fd);
}

/* Of a family that leaks each child leaves a file, and finds the directory full. */
static void a_forked_child_begins_when_there_are_some_more(void **state)
{
    (void)state;
    fill(STATEDIR_KEEP + SLACK);
    bound_directory(dir, true);
    assert_int_equal(removed(), -1);
    make(NOBODY, 5, EARLIEST);
    bound_directory(dir, true);
    assert_int_equal(removed(), SLACK + 1);
    assert_false(is_there(NOBODY, 5));
    fill_from(1000, SLACK);
    make_empty(NOBODY + 5);
    bound_directory(dir, true);
    assert_true(is_there(NOBODY + 5, 1)); /* it has no time for the empty ones */
}

static void of_many_files_the_empty_ones_are_looked_for_by_one_process_in_some(void **state)
{
    (void)state;
    if (clock_now() < 100000000000u)
        skip();
    fill(FEW - 1);
    make_empty(NOBODY);
    process = ONE_OF + 1;
    bound_directory(dir, false); /* few: by each */
    assert_false(is_there(NOBODY, 1));
    make_empty(NOBODY);
    make_empty(NOBODY + 1);
    bound_directory(dir, false);
    assert_true(is_there(NOBODY, 1));
    process = ONE_OF;
    bound_directory(dir, true);
    assert_true(is_there(NOBODY, 1));
    bound_directory(dir, false);
    assert_false(is_there(NOBODY, 1));
    assert_false(is_there(NOBODY + 1, 1));
    process = 1;
}

static void the_file_of_a_running_process_stays_but_not_that_of_its_numbers_last_owner(void **state)
{
    (void)state;
    fill(STATEDIR_KEEP);
    assert_false(goes((uint32_t)getpid(), our_ticks()));
    assert_true(goes((uint32_t)getpid(), our_ticks() - 1));
    assert_true(goes(NOBODY, our_ticks()));
}

static void a_process_that_may_run_in_another_namespace_keeps_its_file(void **state)
{
    (void)state;
    fill(STATEDIR_KEEP);
    atomic_store(&header.end, END_RUNNING);
    assert_true(goes(NOBODY, 1)); /* killed: of this host, and no process here */
    atomic_store(&header.last_look_ns, clock_now());
    assert_false(goes(NOBODY, 1));
    atomic_store(&header.end, END_EXIT);
    assert_true(goes(NOBODY, 1));
    atomic_store(&header.end, END_RUNNING);
    if (clock_now() > 100000000000u) {
        atomic_store(&header.last_look_ns, clock_now() - 90000000000u);
        assert_true(goes(NOBODY, 1));
    }
    atomic_store(&header.last_look_ns, 0);
    strcpy(header.host, "elsewhere");
    assert_false(goes(NOBODY, 1));
    atomic_store(&header.end, END_EXIT);
    assert_true(goes(NOBODY, 1));
}

static void what_is_no_state_file_stays(void **state)
{
    (void)state;
    fill(STATEDIR_KEEP);
    header.magic[7]++;
    assert_false(goes(NOBODY, 1));
    header.magic[7]--;
    assert_int_equal(symlinkat(name_of(NOBODY + 10000, 1), dir, "2000000001.1" STATEDIR_SUFFIX), 0);
    set_age("2000000001.1" STATEDIR_SUFFIX, EARLIEST);
    assert_int_equal(mkdirat(dir, "2000000002.1" STATEDIR_SUFFIX, 0700), 0);
    set_age("2000000002.1" STATEDIR_SUFFIX, EARLIEST);
    int fd = openat(dir, "2000000003.1" STATEDIR_SUFFIX, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, &header, 100), 100); /* not yet whole */
    close(fd);
    set_age("2000000003.1" STATEDIR_SUFFIX, EARLIEST);
    make(NOBODY, 1, 2 * EARLIEST - 1);
    bound_directory(dir, false);
    for (uint32_t pid = NOBODY + 1; pid <= NOBODY + 3; pid++)
        assert_true(is_there(pid, 1));
    assert_false(is_there(NOBODY, 1)); /* the oldest of those that are */
    assert_int_equal(removed(), 1);
}

/* In a child: 0 as promised, 1 not, 77 where no such namespace can be made. */
static int without_proc(void)
{
    if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return 77;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", "/proc", "tmpfs", 0, NULL) < 0)
        return 77;
    return goes((uint32_t)getppid(), 2);
}

static void a_process_whose_start_cannot_be_read_keeps_its_file(void **state)
{
    (void)state;
    int status;
    fill(STATEDIR_KEEP);
    pid_t child = fork();
    if (child == 0)
        _exit(without_proc());
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_many_as_are_kept_stay),
        TEST(the_oldest_beyond_that_are_removed_and_counted),
        TEST(a_forked_child_begins_when_there_are_some_more),
        TEST(of_many_files_the_empty_ones_are_looked_for_by_one_process_in_some),
        TEST(the_file_of_a_running_process_stays_but_not_that_of_its_numbers_last_owner),
        TEST(a_process_that_may_run_in_another_namespace_keeps_its_file),
        TEST(what_is_no_state_file_stays),
        TEST(a_process_whose_start_cannot_be_read_keeps_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
