/* SPDX-License-Identifier: MIT */
/* test_table.c: the mapping of the state file, its extents, and the slots by descriptor number. */
#include "tracked_agent.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/base/sys.h"
#include "agent/table/index.h"
#include "objects.h"

static int no_table(void **state)
{
    struct state_view old;
    (void)state;
    if (table_head) {
        table_forget(&old);
        return munmap((void *)(uintptr_t)old.base, old.size);
    }
    return 0;
}

static int in_memory(void **state)
{
    int error;
    no_table(state);
    return table_open(-1, NULL, &error) == 0 && error == -1 ? 0 : -1;
}

/* As a reader of the file finds the slot of FD. */
static bool read_slot(const struct state_view *view, int fd, struct state_slot *copy)
{
    uint64_t pos = 0;
    int at;
    while (state_next_slot(view, &pos, &at, copy))
        if (at == fd)
            return true;
    return false;
}

/* ---- the file ---- */

static int dir(void) { return open(objects_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

static long descriptors(void)
{
    long n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void a_file_is_made_for_its_owner_alone_and_no_descriptor_is_kept(void **state)
{
    (void)state;
    int error, d = dir();
    long before = descriptors();
    struct stat st;
    assert_int_equal(table_open(d, "one", &error), 0);
    assert_int_equal(error, 0);
    assert_int_equal(descriptors(), before);
    assert_int_equal(fstatat(d, "one", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, STATE_MAX_SIZE);
    assert_true(st.st_blocks < 100);                     /* sparse */
    assert_int_equal(table_view().size, STATE_MAX_SIZE); /* so that the whole of it is unmapped after a fork */
    table_head->pid = 4711;
    assert_non_null(slot_make(5));
    struct state_header h;
    int fd = openat(d, "one", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &h, sizeof h, 0), sizeof h);
    assert_int_equal(h.pid, 4711);
    assert_int_equal(atomic_load(&h.n_extents), 1);
    close(fd);
    close(d);
}

static void a_file_or_link_that_is_there_is_left_alone(void **state)
{
    (void)state;
    int error, d = dir();
    struct stat st;
    objects_write("there", "theirs");
    assert_int_equal(table_open(d, "there", &error), 0);
    assert_int_equal(error, -EEXIST);
    assert_non_null(table_head); /* in memory, then */
    assert_int_equal(fstatat(d, "there", &st, 0), 0);
    assert_int_equal(st.st_size, 6);
    no_table(state);
    assert_int_equal(symlinkat("target", d, "link"), 0);
    assert_int_equal(table_open(d, "link", &error), 0);
    assert_int_equal(error, -EEXIST);
    assert_int_equal(fstatat(d, "target", &st, 0), -1);
    no_table(state);
    assert_int_equal(table_open(-ENOENT, "x", &error), 0);
    assert_int_equal(error, -ENOENT);
    close(d);
}

static int small_file(void *arg)
{
    (void)arg;
    int error, d = dir();
    struct stat st;
    signal(SIGXFSZ, SIG_DFL);
    struct rlimit limit = {STATE_BODY_OFFSET + 40 * STATE_EXTENT_SIZE + 100, RLIM_INFINITY};
    WANT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    WANT(table_open(d, "small", &error) == 0 && error == 0);
    WANT(fstatat(d, "small", &st, 0) == 0 && st.st_size == STATE_BODY_OFFSET + 40 * STATE_EXTENT_SIZE);
    WANT(table_view().size == (uint64_t)st.st_size);
    for (int i = 0; i < 40; i++)
        WANT(slot_make(i * 64));
    WANT(slot_make(40 * 64) == NULL && atomic_load(&table_head->dropped[DROP_TABLE_FULL]) == 1);
    WANT(slot_of(39 * 64) && slot_of(39 * 64 + 63));
    no_table(NULL);
    limit.rlim_cur = STATE_BODY_OFFSET + 15 * STATE_EXTENT_SIZE;
    WANT(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    WANT(table_open(d, "tiny", &error) == 0 && error == -EFBIG);
    WANT(fstatat(d, "tiny", &st, 0) == -1);
    WANT(slot_make(40 * 64)); /* memory has no such limit */
    return 0;
}

static void a_limit_on_files_gives_a_smaller_table_or_none_and_no_signal(void **state)
{
    (void)state;
    assert_int_equal(in_child(small_file, NULL), 0);
}

static int small_space(void *arg)
{
    (void)arg;
    int error, d = dir();
    struct stat st;
    struct rlimit limit = {1ull << 40, 1ull << 40};
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    WANT(table_open(d, "space", &error) == 0 && error == 0);
    WANT(fstatat(d, "space", &st, 0) == 0 && st.st_size == STATE_BODY_OFFSET + 512 * STATE_EXTENT_SIZE);
    no_table(NULL);
    limit.rlim_cur = 1;
    WANT(setrlimit(RLIMIT_AS, &limit) == 0);
    WANT(table_open(d, "none", &error) == -1 && table_head == NULL && error == -ENOSPC);
    WANT(fstatat(d, "none", &st, 0) == -1); /* nothing is left of it */
    WANT(slot_make(3) == NULL && slot_of(3) == NULL && slot_next(0) == -1);
    return 0;
}

static void a_small_address_space_is_left_to_the_program(void **state)
{
    (void)state;
    assert_int_equal(in_child(small_space, NULL), 0);
}

/* ---- records ---- */

static void records_lie_apart_and_never_across_an_extent(void **state)
{
    (void)state;
    state_ref ref, last = 0;
    for (int i = 0; i < 400; i++) {
        unsigned char *p = table_alloc(EXTENT_SITES, 7, &ref);
        assert_non_null(p);
        assert_ptr_equal(table_at(ref), p);
        for (unsigned k = 0; k < 7 * STATE_REF_UNIT; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, 7 * STATE_REF_UNIT);
        uint64_t in_extent = ((uint64_t)ref * STATE_REF_UNIT - STATE_BODY_OFFSET) % STATE_EXTENT_SIZE;
        assert_true(in_extent + 7 * STATE_REF_UNIT <= STATE_EXTENT_SIZE);
        assert_true(!last || ref >= last + 7);
        last = ref;
    }
    assert_null(table_alloc(EXTENT_SITES, STATE_EXTENT_SIZE / STATE_REF_UNIT + 1, &ref));
    assert_int_equal(ref, 0);
    assert_in_range(table_view().n_extents, 1, 100); /* and the whole file was not used up in search of one */
    assert_non_null(table_alloc(EXTENT_SITES, STATE_EXTENT_SIZE / STATE_REF_UNIT, &ref));
    assert_null(table_at(0));
}

static void the_nth_extent_of_a_type_is_found_among_the_others(void **state)
{
    (void)state;
    state_ref ref;
    void *first[3];
    for (int i = 0; i < 3; i++) {
        assert_non_null(slot_make(i * 64));
        first[i] = table_alloc(EXTENT_TAGS, 64, &ref);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(table_nth(EXTENT_TAGS, i), first[i]);
    assert_null(table_nth(EXTENT_TAGS, 3));
    no_table(state);
    assert_null(table_nth(EXTENT_TAGS, 0));
    assert_null(table_alloc(EXTENT_TAGS, 1, &ref));
}

/*
 * The table of extents is made page by page, and a reader never counts one into a page that is not
 * there.
 */
static void more_extents_than_a_page_of_the_table_names_are_all_readable(void **state)
{
    (void)state;
    for (int i = 0; i < 2100; i++)
        assert_non_null(slot_make(i * 64));
    struct state_view view = table_view();
    assert_int_equal(view.n_extents, 2100);
    atomic_store(&slot_of(2099 * 64 + 7)->word, SLOT_WORD(1, SLOT_LIVE));
    struct state_slot copy;
    assert_true(read_slot(&view, 2099 * 64 + 7, &copy));
    atomic_store(&table_head->n_extents, STATE_MAX_EXTENTS + 5);
    assert_int_equal(table_view().n_extents, STATE_MAX_EXTENTS);
}

/* ---- slots ---- */

static void a_slot_belongs_to_its_number(void **state)
{
    (void)state;
    assert_null(slot_make(-1));
    assert_null(slot_of(-1));
    assert_int_equal(slot_highest(), -1);
    assert_null(slot_of(70));
    struct state_slot *s = slot_make(70);
    assert_ptr_equal(slot_make(70), s);
    assert_ptr_equal(slot_of(70), s);
    assert_ptr_equal(slot_of(64) + 6, s);
    assert_null(slot_of(63));
    assert_null(slot_of(128));
    assert_int_equal(slot_highest(), 127);
    assert_int_equal(atomic_load(&table_head->n_extents), 1);
}

static void the_highest_numbers_have_slots_too(void **state)
{
    (void)state;
    static const int numbers[] = {0, (1 << 20) - 1, 1 << 20, (1 << 20) + 64, 1000000000, INT_MAX};
    for (int i = 5; i >= 0; i--) {
        assert_null(slot_of(numbers[i]));
        assert_non_null(slot_make(numbers[i]));
        atomic_store(&slot_of(numbers[i])->word, SLOT_WORD(1, SLOT_LIVE));
    }
    assert_int_equal(slot_highest(), INT_MAX);
    assert_null(slot_of(-1));
    assert_null(slot_make(-1));
    int fd = -1;
    for (int i = 0; i < 6; i++)
        assert_int_equal(fd = slot_next(fd + 1), numbers[i]);
}

static void numbers_are_gone_through_in_their_order_without_the_empty_ones(void **state)
{
    (void)state;
    static const int numbers[] = {0, 5, 63, 64, 1000, 1023};
    for (int i = 0; i < 6; i++)
        atomic_store(&slot_make(numbers[i])->word, SLOT_WORD(1, i % 2 ? SLOT_LIVE : SLOT_CLOSING));
    int fd = -1;
    for (int i = 0; i < 6; i++)
        assert_int_equal(fd = slot_next(fd + 1), numbers[i]);
    assert_int_equal(slot_next(1024), -1);
    assert_int_equal(slot_next(INT_MAX), -1);
}

static void an_attempt_belongs_to_its_number(void **state)
{
    (void)state;
    state_ref ref;
    assert_null(attempt_of(70));
    struct state_attempt *a = attempt_make(70);
    assert_non_null(a);
    assert_ptr_equal(attempt_make(70), a);
    assert_ptr_equal(attempt_of(70), a);
    assert_ptr_equal(attempt_make(71), a + 1);
    assert_null(attempt_of(70 + STATE_ATTEMPTS_PER_EXTENT));
    assert_non_null(attempt_make(70 + STATE_ATTEMPTS_PER_EXTENT));
    assert_ptr_equal(attempt_of(70), a);
    assert_null(attempt_make(-1));
    assert_null(attempt_of(-1));
    assert_null(attempt_make(INT_MAX)); /* beyond those that have a place */
    while (table_alloc(EXTENT_TAGS, STATE_EXTENT_SIZE / STATE_REF_UNIT, &ref))
        ;
    assert_null(attempt_make(70 + 2 * STATE_ATTEMPTS_PER_EXTENT)); /* the table is full */
    assert_ptr_equal(attempt_make(70), a);
}

static void what_is_forgotten_can_still_be_read_and_the_next_table_starts_empty(void **state)
{
    (void)state;
    struct state_view old;
    struct state_slot copy;
    state_ref ref;
    assert_non_null(slot_make(1 << 20));
    atomic_store(&slot_make(9)->word, SLOT_WORD(3, SLOT_LIVE));
    table_alloc(EXTENT_SITES, 3, &ref);
    for (int i = 0; i < 1030; i++)
        slot_make(1000 + i * 64);
    table_forget(&old);
    assert_null(table_head);
    assert_null(slot_of(9));
    assert_null(slot_of(1 << 20));
    assert_int_equal(slot_highest(), -1);
    assert_true(read_slot(&old, 9, &copy));
    int error;
    assert_int_equal(table_open(-1, NULL, &error), 0);
    assert_int_equal(table_view().n_extents, 0);
    assert_null(slot_of(9));
    assert_null(slot_of(1 << 20));
    assert_int_equal(slot_next(0), -1);
    state_ref first;
    assert_non_null(table_alloc(EXTENT_SITES, 3, &first));
    assert_int_equal(first, STATE_BODY_OFFSET / STATE_REF_UNIT);
    assert_non_null(slot_make(9));
    for (int i = 0; i < 1030; i++)
        assert_non_null(slot_make(1000 + i * 64));
    munmap((void *)(uintptr_t)old.base, old.size);
}

/* Waits for a byte of the other process: false when that has ended. */
static bool told(int fd)
{
    char byte;
    return read(fd, &byte, 1) == 1;
}

static void a_child_reads_what_its_parent_adds_after_the_fork(void **state)
{
    (void)state;
    int status, go[2], ready[2];
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_non_null(slot_make(9));
    pid_t pid = fork();
    if (pid == 0) {
        struct state_view old;
        struct state_slot copy;
        table_forget(&old);
        bool early = read_slot(&old, 70, &copy);
        if (write(ready[1], "", 1) != 1 || !told(go[0]))
            _exit(2);
        bool unasked = read_slot(&old, 70, &copy);
        table_refresh(&old);
        _exit(!early && !unasked && read_slot(&old, 70, &copy) && SLOT_GEN(copy.word) == 5 ? 0 : 1);
    }
    assert_true(told(ready[0]));
    atomic_store(&slot_make(70)->word, SLOT_WORD(5, SLOT_LIVE));
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(ready[i]);
    }
}

/* A file that ends too soon raises SIGBUS, as a full file system does. */
static void a_child_reads_no_extent_of_which_its_parent_has_a_private_page(void **state)
{
    (void)state;
    int error, status, d = dir();
    assert_int_equal(table_open(d, "full", &error), 0);
    assert_int_equal(error, 0);
    atomic_store(&slot_make(9)->word, SLOT_WORD(3, SLOT_LIVE));
    atomic_store(&slot_make(70)->word, SLOT_WORD(3, SLOT_LIVE));
    atomic_store(&slot_make(140)->word, SLOT_WORD(3, SLOT_LIVE));
    atomic_store(&table_head->overflowed, 1);
    int fd = openat(d, "full", O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)(STATE_BODY_OFFSET + 2 * STATE_EXTENT_SIZE)), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct state_view old;
        struct state_slot copy;
        table_forget(&old);
        _exit(old.n_extents == 2 && read_slot(&old, 70, &copy) && !read_slot(&old, 140, &copy) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    unlinkat(d, "full", 0);
    close(fd);
    close(d);
}

/* ---- at the same time ---- */

static int contested;
static void *one_record, *other_record;
static struct state_slot *one_slot, *other_slot;
static void one(void) { one_slot = slot_make(contested); }
static void other(void) { other_slot = slot_make(contested); }
static void allocates(void)
{
    state_ref ref;
    one_record = table_alloc(EXTENT_DETAILS, 4, &ref);
}
static void allocates_too(void)
{
    state_ref ref;
    other_record = table_alloc(EXTENT_DETAILS, 4, &ref);
}

static void two_threads_that_need_one_extent_of_slots_have_the_same(void **state)
{
    (void)state;
    long at = 1;
    contested = 64;
    for (bool inside = true; inside && at < 5000; at++, contested += 64) {
        inside = interrupted(at, one, other);
        if (!inside)
            other();
        assert_ptr_equal(one_slot, other_slot);
        /* The one that came too late is nobody's, and a reader goes past it. */
        atomic_store(&slot_of(contested)->word, SLOT_WORD(1, SLOT_LIVE));
        assert_int_equal(slot_next(contested), contested);
    }
    struct state_view view = table_view();
    uint64_t pos = 0;
    int fd;
    long n = 0;
    for (struct state_slot copy; state_next_slot(&view, &pos, &fd, &copy); n++)
        assert_true(fd % 64 == 0);
    assert_int_equal(n, at - 1);
    n = 0;
    while (table_nth(EXTENT_SLOTS, (unsigned)n))
        n++;
    assert_int_equal(n, at - 1);
    /* The pages for the numbers beyond a million are mapped once too. */
    at = 1;
    for (bool inside = true; inside && at < 300; at++) {
        in_memory(state);
        contested = 1 << 20;
        inside = interrupted(at, one, other);
        if (!inside)
            other();
        assert_non_null(one_slot);
        assert_ptr_equal(one_slot, other_slot);
    }
}

static void two_threads_never_have_one_record(void **state)
{
    (void)state;
    long at = 1;
    for (bool inside = true; inside && at < 5000; at++) {
        in_memory(state); /* the extent is to be made */
        inside = interrupted(at, allocates, allocates_too);
        if (!inside)
            allocates_too();
        assert_non_null(one_record);
        assert_non_null(other_record);
        assert_true((char *)one_record >= (char *)other_record + 256 || (char *)other_record >= (char *)one_record + 256);
        interrupted(at, allocates, allocates_too); /* the extent is there */
        assert_true((char *)one_record >= (char *)other_record + 256 || (char *)other_record >= (char *)one_record + 256);
    }
    assert_in_range(at, LIVE_STEPS ? 50 : 0, 4999);
}

static _Atomic(index_head *) heads;
static index_head *one_index, *other_index;
static void indexes(void) { one_index = table_index(&heads, 64); }
static void indexes_too(void) { other_index = table_index(&heads, 64); }

static void an_index_is_made_once_with_empty_chains(void **state)
{
    (void)state;
    heads = NULL;
    index_head *h = table_index(&heads, INDEX_HEADS_MAX);
    assert_non_null(h);
    for (unsigned i = 0; i < INDEX_HEADS_MAX; i++)
        assert_int_equal(h[i], 0);
    h[INDEX_HEADS_MAX - 1] = 7;
    assert_ptr_equal(table_index(&heads, INDEX_HEADS_MAX), h);
    heads = NULL; /* as for another table */
    index_head *small = table_index(&heads, 3), *next;
    heads = NULL;
    next = table_index(&heads, 1);
    assert_true((char *)next >= (char *)(small + 3) || (char *)small >= (char *)(next + 1));
    heads = NULL;
    assert_null(table_index(&heads, INDEX_HEADS_MAX + 1)); /* no record crosses an extent */
    no_table(NULL);
    assert_null(table_index(&heads, 64));
}

static void two_threads_that_need_one_index_have_the_same(void **state)
{
    (void)state;
    long at = 1;
    for (bool inside = true; inside && at < 5000; at++) {
        heads = NULL;
        inside = interrupted(at, indexes, indexes_too);
        if (!inside)
            indexes_too();
        assert_non_null(one_index);
        assert_ptr_equal(one_index, other_index);
    }
    assert_in_range(at, LIVE_STEPS ? 20 : 0, 4999);
}

#define MEMORY(name) cmocka_unit_test_setup_teardown(name, in_memory, no_table)
#define NONE(name) cmocka_unit_test_setup_teardown(name, no_table, no_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NONE(a_file_is_made_for_its_owner_alone_and_no_descriptor_is_kept),
        NONE(a_file_or_link_that_is_there_is_left_alone),
        NONE(a_limit_on_files_gives_a_smaller_table_or_none_and_no_signal),
        NONE(a_small_address_space_is_left_to_the_program),
        MEMORY(records_lie_apart_and_never_across_an_extent),
        MEMORY(the_nth_extent_of_a_type_is_found_among_the_others),
        MEMORY(more_extents_than_a_page_of_the_table_names_are_all_readable),
        MEMORY(a_slot_belongs_to_its_number),
        MEMORY(an_attempt_belongs_to_its_number),
        MEMORY(the_highest_numbers_have_slots_too),
        MEMORY(numbers_are_gone_through_in_their_order_without_the_empty_ones),
        MEMORY(what_is_forgotten_can_still_be_read_and_the_next_table_starts_empty),
        MEMORY(a_child_reads_what_its_parent_adds_after_the_fork),
        NONE(a_child_reads_no_extent_of_which_its_parent_has_a_private_page),
        MEMORY(two_threads_that_need_one_extent_of_slots_have_the_same),
        MEMORY(two_threads_never_have_one_record),
        MEMORY(an_index_is_made_once_with_empty_chains),
        MEMORY(two_threads_that_need_one_index_have_the_same),
    };
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
