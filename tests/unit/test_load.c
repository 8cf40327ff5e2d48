/* SPDX-License-Identifier: MIT */
/*
 * test_load.c: state files opened and checked, their processes told live from gone, and a fresh
 * look asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cli/state/load_process.h"
#include "cli/state/load_set.h"
#include "statefile.h"

static struct image im;
static struct state_header *head;

static int setup(void **state)
{
    (void)state;
    head = statefile_begin(&im);
    statefile_path[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (statefile_path[0])
        unlink(statefile_path);
    image_free(&im);
    return 0;
}

static const char *load(struct loaded_file *l)
{
    statefile_write(&im);
    return load_file(l, statefile_path);
}

/* The header of a live process: this one. */
static void be_me(void)
{
    struct stat st;
    char state;
    head->pid = (uint32_t)getpid();
    assert_true(load_stat(getpid(), &head->start_ticks, &state));
    assert_int_equal(stat("/proc/self/exe", &st), 0);
    head->exe_dev = st.st_dev;
    head->exe_ino = st.st_ino;
}

static void a_good_file_is_loaded(void **state)
{
    (void)state;
    struct loaded_file l;
    assert_null(load(&l));
    assert_string_equal(l.path, statefile_path);
    assert_int_equal(state_head(&l.view)->pid, 4194304);
    assert_non_null(l.writable);
    load_free(&l);
}

static void a_file_that_may_not_be_written_is_read(void **state)
{
    (void)state;
    struct loaded_file l;
    statefile_write(&im);
    chmod(statefile_path, 0400);
    assert_null(load_file(&l, statefile_path));
    if (geteuid() != 0)
        assert_null(l.writable);
    load_free(&l);
}

static void what_is_no_state_file_is_refused_with_a_sentence(void **state)
{
    (void)state;
    struct loaded_file l;
    assert_string_equal(load_file(&l, "/nonexistent"), "No such file or directory");
    assert_non_null(strstr(load_file(&l, "/tmp"), "not a state file"));
    assert_non_null(strstr(load_file(&l, "/dev/null"), "not a state file"));
    head->version = 99;
    assert_non_null(strstr(load(&l), "newer"));
    unlink(statefile_path);
    head->version = STATE_VERSION;
    head->magic[0] = 'x';
    assert_non_null(strstr(load(&l), "not a state file"));
    assert_int_equal(truncate(statefile_path, 100), 0);
    assert_non_null(load_file(&l, statefile_path));
}

static void a_fifo_does_not_hang_us(void **state)
{
    (void)state;
    struct loaded_file l;
    snprintf(statefile_path, sizeof statefile_path, "/tmp/slfifo.%d", (int)getpid());
    assert_int_equal(mkfifo(statefile_path, 0600), 0);
    assert_non_null(load_file(&l, statefile_path));
}

/* In a state directory of somebody else's it may lead to any file of ours. */
static void a_link_is_not_followed(void **state)
{
    (void)state;
    struct loaded_file l;
    char link[sizeof statefile_path + 8];
    assert_null(load(&l));
    load_free(&l);
    snprintf(link, sizeof link, "%s.link", statefile_path);
    assert_int_equal(symlink(statefile_path, link), 0);
    const char *why = load_file(&l, link);
    unlink(link);
    assert_non_null(why);
    assert_non_null(strstr(why, "symbolic link"));
}

/* Under two names, or another user's: read, and not opened for writing. */
static void only_a_file_of_our_own_is_written_to(void **state)
{
    (void)state;
    struct loaded_file l;
    char second[sizeof statefile_path + 8];
    statefile_write(&im);
    snprintf(second, sizeof second, "%s.second", statefile_path);
    assert_int_equal(link(statefile_path, second), 0);
    const char *why = load_file(&l, statefile_path);
    unlink(second);
    assert_null(why);
    assert_null(l.writable);
    assert_false(load_can_write(&l));
    assert_false(load_put32(&l, &state_head(&l.view)->request, 1));
    load_free(&l);
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(statefile_path, 65534, 65534), 0);
    assert_null(load_file(&l, statefile_path));
    assert_null(l.writable);
    load_free(&l);
}

/* Another user's live process: by its memory, which is ours to write where we may trace it. */
static void a_field_is_written_by_way_of_the_process(void **state)
{
    (void)state;
    struct loaded_file l;
    static struct state_header there;
    be_me();
    assert_null(load(&l));
    munmap(l.writable, STATE_PAGE);
    l.writable = NULL;
    l.header_there = (uint64_t)(uintptr_t)&there;
    assert_true(load_put32(&l, &state_head(&l.view)->request, 7));
    assert_true(load_put64(&l, &state_head(&l.view)->grace_ns, 1ull << 40));
    assert_int_equal(there.request, 7);
    assert_int_equal(there.grace_ns, 1ull << 40);
    l.header_there = 0;
    assert_false(load_put32(&l, &state_head(&l.view)->request, 8));
    load_free(&l);
}

static void a_file_cut_while_it_is_mapped_reads_as_zeros(void **state)
{
    (void)state;
    struct loaded_file l;
    struct state_slot slot;
    uint64_t pos = 0;
    int fd;
    statefile_socket(&im, 5, 0);
    assert_null(load(&l));
    assert_true(state_next_slot(&l.view, &pos, &fd, &slot));
    assert_int_equal(truncate(statefile_path, STATE_BODY_OFFSET), 0);
    pos = 0;
    assert_false(state_next_slot(&l.view, &pos, &fd, &slot));
    assert_int_equal(truncate(statefile_path, 0), 0);
    assert_int_equal(state_head(&l.view)->pid, 0);
    load_free(&l);
}

static void what_the_table_grows_by_is_seen_at_the_next_look(void **state)
{
    (void)state;
    struct loaded_file l;
    struct state_slot slot;
    uint64_t pos = 0;
    int fd;
    statefile_socket(&im, 5, 0);
    head->n_extents = 0;
    assert_null(load(&l));
    assert_false(state_next_slot(&l.view, &pos, &fd, &slot));
    atomic_store(&l.writable->n_extents, IN_ALL);
    load_recheck(&l);
    assert_true(state_next_slot(&l.view, &pos, &fd, &slot));
    assert_int_equal(fd, 5);
    atomic_store(&l.writable->n_extents, STATE_MAX_EXTENTS); /* more than the file has room for */
    load_recheck(&l);
    assert_int_equal(l.view.n_extents, IN_ALL);
    load_free(&l);
}

static void the_end_of_a_process_is_told(void **state)
{
    (void)state;
    static const struct {
        uint32_t end;
        enum life life;
    } all[] = {{END_RUNNING, LIFE_KILLED}, {END_EXIT, LIFE_EXITED}, {END_EXEC, LIFE_EXECED}, {END_ABORT, LIFE_ABORTED}, {77, LIFE_KILLED}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct loaded_file l;
        head->end = all[i].end;
        assert_null(load(&l));
        assert_int_equal(l.life, all[i].life);
        assert_false(load_is_live(&l));
        load_free(&l);
        unlink(statefile_path);
    }
}

static void another_boot_is_elsewhere(void **state)
{
    (void)state;
    struct loaded_file l;
    be_me();
    head->boot_id_hash = 12345;
    assert_null(load(&l));
    assert_false(l.same_boot);
    assert_int_equal(l.life, LIFE_ELSEWHERE);
    load_free(&l);
}

static void pid_start_time_and_program_make_a_live_process(void **state)
{
    (void)state;
    struct loaded_file l;
    be_me();
    assert_null(load(&l));
    assert_int_equal(l.life, LIFE_RUNNING);
    assert_int_equal(l.pid, getpid());
    assert_string_equal(l.root, "");
    load_free(&l);
    unlink(statefile_path);

    head->exe_ino++; /* the same process, another program since */
    assert_null(load(&l));
    assert_int_equal(l.life, LIFE_EXECED);
    load_free(&l);
    unlink(statefile_path);

    head->exe_ino--;
    head->start_ticks++; /* the pid was given to another process */
    assert_null(load(&l));
    assert_int_equal(l.life, LIFE_KILLED);
    load_free(&l);
}

static void the_same_file_counts_once(void **state)
{
    (void)state;
    struct load_set set = {0};
    char second[80];
    statefile_write(&im);
    snprintf(second, sizeof second, "%s.link", statefile_path);
    assert_int_equal(link(statefile_path, second), 0);
    assert_null(load_set_file(&set, statefile_path));
    assert_null(load_set_file(&set, second));
    unlink(second);
    assert_int_equal(set.n, 1);
    load_set_free(&set);
}

static void thousands_of_files_are_loaded_at_once(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct loaded_file *all = calloc(MANY, sizeof *all);
    assert_non_null(all);
    statefile_write(&im);
    for (size_t i = 0; i < MANY; i++)
        assert_null(load_file(&all[i], statefile_path));
    assert_int_equal(truncate(statefile_path, 0), 0); /* each is guarded, the first and the last */
    assert_int_equal(state_head(&all[0].view)->pid, 0);
    assert_int_equal(state_head(&all[MANY - 1].view)->pid, 0);
    for (size_t i = 0; i < MANY; i++)
        load_free(&all[i]);
    free(all);
}

static void *watcher(void *arg)
{
    struct loaded_file *l = arg;
    uint32_t request;
    while ((request = atomic_load(&l->writable->request)) == 0)
        syscall(SYS_futex, &l->writable->request, FUTEX_WAIT, 0, NULL, NULL, 0);
    atomic_store(&l->writable->n_extents, IN_ALL); /* the look has found more */
    atomic_store(&l->writable->answered, request);
    syscall(SYS_futex, &l->writable->answered, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    return NULL;
}

static void a_watcher_is_asked_and_its_answer_waited_for(void **state)
{
    (void)state;
    struct load_set set = {0};
    pthread_t thread;
    be_me();
    head->watcher_tid = head->pid;
    head->n_extents = 0;
    statefile_write(&im);
    assert_null(load_set_file(&set, statefile_path));
    assert_int_equal(pthread_create(&thread, NULL, watcher, &set.items[0]), 0);
    load_set_refresh(&set, 60000);
    pthread_join(thread, NULL);
    assert_true(set.items[0].answered);
    assert_int_equal(set.items[0].view.n_extents, IN_ALL);
    load_set_free(&set);
}

static void a_silent_one_is_given_up_and_one_without_watcher_not_asked(void **state)
{
    (void)state;
    struct load_set set = {0};
    be_me();
    head->watcher_tid = head->pid;
    statefile_write(&im);
    assert_null(load_set_file(&set, statefile_path));
    load_set_refresh(&set, 20);
    assert_false(set.items[0].answered);
    assert_int_equal(set.items[0].writable->request, 1);
    set.items[0].writable->watcher_tid = 0;
    load_set_refresh(&set, 600000);
    assert_int_equal(set.items[0].writable->request, 1);
    load_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_file_is_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_may_not_be_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_state_file_is_refused_with_a_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fifo_does_not_hang_us, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_file_of_our_own_is_written_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_field_is_written_by_way_of_the_process, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_cut_while_it_is_mapped_reads_as_zeros, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_table_grows_by_is_seen_at_the_next_look, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_process_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(another_boot_is_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(pid_start_time_and_program_make_a_live_process, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_file_counts_once, setup, teardown),
        cmocka_unit_test_setup_teardown(thousands_of_files_are_loaded_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watcher_is_asked_and_its_answer_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_one_is_given_up_and_one_without_watcher_not_asked, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
