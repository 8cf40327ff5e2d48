/* SPDX-License-Identifier: MIT */
/*
 * test_family.c: the records of children, whether a parent has ended, and which of the processes
 * that hold a socket reports it. The code is compiled in.
 */
#include "tracked_agent.h"

#include <sys/stat.h>
#include <sys/wait.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/track/family.c"

#define DEAD 2000000000u /* no process has such a number */

static int fresh(void **state)
{
    (void)state;
    int error;
    struct state_view old;
    if (table_head)
        table_forget(&old);
    own = NULL;
    starter = 0;
    parents = (struct state_view){0};
    family = (struct state_family){0};
    memset((void *)children, 0, sizeof children);
    atomic_store(&n_children, 0);
    atomic_store(&next_child, 0);
    if (table_open(-1, NULL, &error) != 0)
        return -1;
    table_head->pid = (uint32_t)getpid();
    return 0;
}

/* What a call finds in its uninitialized variables. */
static __attribute__((noinline)) void dirty_the_stack(void)
{
    volatile char text[8192];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = 'x';
}

/* A child that waits to be killed. */
static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        for (;;)
            pause();
    }
    assert_true(pid > 0);
    return pid;
}

static uint64_t start_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return statedir_start_ticks(text);
}

static bool ended(uint32_t pid, uint64_t start)
{
    family.parent = pid;
    family.parent_start = start;
    dirty_the_stack();
    return has_ended();
}

static void a_parent_has_ended_when_it_is_a_zombie_gone_or_another_process(void **state)
{
    (void)state;
    pid_t pid = sleeper();
    uint64_t start = start_of(pid);
    assert_false(ended((uint32_t)pid, start));
    assert_false(ended((uint32_t)pid, 0)); /* its start is not known */
    assert_true(ended((uint32_t)pid, start + 1));
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(ended((uint32_t)pid, start));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(ended((uint32_t)pid, start));
    assert_true(ended(DEAD, 0));
}

static void each_fork_has_a_record_and_that_of_an_ended_child_is_used_again(void **state)
{
    (void)state;
    struct state_child *a = family_reserve(), *b = family_reserve();
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    assert_int_equal(atomic_load(&a->pid), STATE_CHILD_UNBORN);
    assert_true(atomic_load(&a->since_ns) > 0);
    atomic_store(&a->pid, (uint32_t)getpid());
    atomic_store(&b->pid, DEAD);
    atomic_store(&b->leaving_ns, 5);
    atomic_store(&b->used[1], ~0ull);
    struct state_child *c = family_reserve(), *d = family_reserve();
    assert_true((c == b) != (d == b)); /* one old record is looked at in each fork */
    assert_true(c != a && d != a);
    assert_int_equal(atomic_load(&b->pid), STATE_CHILD_UNBORN);
    assert_int_equal(atomic_load(&b->leaving_ns), 0);
    assert_int_equal(atomic_load(&b->used[1]), 0);
}

static void a_record_whose_fork_failed_is_free_after_a_while(void **state)
{
    (void)state;
    struct state_child c = {0};
    atomic_store(&c.since_ns, 1000);
    assert_false(is_free(&c, STATE_CHILD_UNBORN, 1000 + UNBORN_NS));
    assert_true(is_free(&c, STATE_CHILD_UNBORN, 1001 + UNBORN_NS));
    assert_true(is_free(&c, 0, 1000));
    assert_true(is_free(&c, DEAD, 1000));
    assert_false(is_free(&c, (uint32_t)getpid(), 1000));
}

static void records_end_at_their_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAX_CHILDREN; i++) {
        struct state_child *c = family_reserve();
        assert_non_null(c);
        atomic_store(&c->pid, (uint32_t)getpid());
    }
    assert_null(family_reserve());
    assert_int_equal(atomic_load(&n_children), MAX_CHILDREN);
    atomic_store(&atomic_load(&children[7])->pid, DEAD);
    bool found = false;
    for (unsigned i = 0; i < MAX_CHILDREN && !found; i++)
        found = family_reserve() != NULL;
    assert_true(found);
}

static void a_child_holds_a_socket_by_its_number_and_inode(void **state)
{
    (void)state;
    struct stat st;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(fstat(fd, &st), 0);
    pid_t pid = sleeper();
    dirty_the_stack();
    assert_int_equal(holds((uint32_t)pid, fd, &st), YES);
    dirty_the_stack();
    assert_int_equal(holds(DEAD, fd, &st), NO);
    assert_int_equal(holds((uint32_t)pid, 1000, &st), NO);
    st.st_ino++;
    assert_int_equal(holds((uint32_t)pid, fd, &st), NO);
    st.st_ino--;
    st.st_dev++;
    assert_int_equal(holds((uint32_t)pid, fd, &st), NO);
    st.st_dev--;
    /* Whoever uses it goes first, be it a child; else a brother or sister with a smaller number. */
    struct state_child c = {0};
    atomic_store(&c.pid, (uint32_t)pid);
    assert_false(goes_first(&c, true, fd, &st, 0));
    assert_int_equal(goes_first(&c, false, fd, &st, 0), pid < getpid());
    atomic_store(&c.used[fd / 64], 1ull << fd % 64);
    assert_true(goes_first(&c, true, fd, &st, 0));
    assert_true(goes_first(&c, false, fd, &st, 0));
    atomic_store(&c.used[fd / 64], 0);
    /* At the end the one that leaves last. */
    atomic_store(&written()->leaving_ns, 100);
    assert_true(goes_first(&c, true, fd, &st, 0)); /* which has not yet begun to */
    atomic_store(&c.leaving_ns, 99);
    assert_false(goes_first(&c, true, fd, &st, 0));
    atomic_store(&c.leaving_ns, 100);
    assert_true(goes_first(&c, true, fd, &st, 0));
    atomic_store(&c.pid, STATE_CHILD_UNBORN);
    assert_false(goes_first(&c, true, fd, &st, 0));
    atomic_store(&c.pid, (uint32_t)getpid());
    assert_false(goes_first(&c, true, fd, &st, 0));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fd);
}

static void what_one_reports_and_then_ends_no_other_that_ended_with_it_reports_again(void **state)
{
    (void)state;
    struct stat st;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(fstat(fd, &st), 0);
    struct state_child c = {0};
    struct state_slot slot = {.cookie = 7};
    const struct state_slot other = {.cookie = 8};
    /* it began its last check after ours, reported, and has ended by now */
    atomic_store(&c.pid, DEAD);
    atomic_store(&c.leaving_ns, 101);
    own = &c;
    tell(slot.cookie); /* while it runs, it is the last of those that stay */
    assert_int_equal(atomic_load(&c.told[0]), 0);
    atomic_store(&written()->leaving_ns, 101);
    tell(0);
    tell(slot.cookie);
    tell(slot.cookie); /* looked at again */
    own = NULL;
    assert_true(atomic_load(&c.told[0]) == 7 && atomic_load(&c.told[1]) == 0);
    atomic_store(&written()->leaving_ns, 100);
    assert_true(goes_first(&c, false, fd, &st, slot.cookie));
    assert_true(goes_first(&c, true, fd, &st, slot.cookie));
    assert_false(goes_first(&c, false, fd, &st, other.cookie)); /* another socket under that number */
    assert_false(goes_first(&c, false, fd, &st, 0));
    /* of those that end one after the other each has the finding; and so has one that stays */
    atomic_store(&written()->leaving_ns, 102);
    assert_false(goes_first(&c, false, fd, &st, slot.cookie));
    atomic_store(&written()->leaving_ns, 0);
    assert_false(goes_first(&c, false, fd, &st, slot.cookie));
    /* its record lasts for a while, and one of a process that has told nothing does not */
    assert_false(is_free(&c, DEAD, 101 + TOLD_NS - 1));
    assert_true(is_free(&c, DEAD, 101 + TOLD_NS));
    reserve(&c, DEAD, 1);
    assert_int_equal(atomic_load(&c.told[0]), 0);
    assert_true(is_free(&c, DEAD, 1));
    close(fd);
}

static void more_than_a_record_has_room_for_may_be_told_twice(void **state)
{
    (void)state;
    struct state_child c = {0};
    own = &c;
    atomic_store(&written()->leaving_ns, 5);
    for (uint64_t cookie = 1; cookie <= STATE_CHILD_TOLD + 1; cookie++)
        tell(cookie);
    own = NULL;
    atomic_store(&c.leaving_ns, 6);
    assert_true(has_told(&c, 1) && has_told(&c, STATE_CHILD_TOLD));
    assert_false(has_told(&c, STATE_CHILD_TOLD + 1));
    assert_int_equal(atomic_load(&c.leaving_ns), 6);
}

static void an_ancestor_goes_first_that_holds_the_socket(void **state)
{
    (void)state;
    struct stat st;
    struct state_slot slot = {0};
    pid_t without = sleeper();
    int low = socket(AF_INET, SOCK_STREAM, 0), fd = fcntl(low, F_DUPFD_CLOEXEC, 200);
    assert_int_equal(fd, 200);
    close(low); /* at the end it would be looked at */
    assert_int_equal(fstat(fd, &st), 0);
    pid_t with = sleeper();
    family.ancestors[0] = (uint32_t)with;
    assert_false(ancestor_goes_first(fd, &slot, &st)); /* no fork has made this process */
    family.parent = DEAD;
    assert_true(ancestor_goes_first(fd, &slot, &st));
    family.ancestors[0] = (uint32_t)without;
    assert_false(ancestor_goes_first(fd, &slot, &st));
    family.ancestors[1] = (uint32_t)with;
    assert_true(ancestor_goes_first(fd, &slot, &st));
    family.ancestors[0] = 0; /* there the list ends */
    assert_false(ancestor_goes_first(fd, &slot, &st));
    starter = (uint32_t)without;
    assert_false(ancestor_goes_first(fd, &slot, &st));
    starter = (uint32_t)with;
    assert_true(ancestor_goes_first(fd, &slot, &st));
    kill(without, SIGKILL);
    kill(with, SIGKILL);
    assert_int_equal(waitpid(without, NULL, 0), without);
    assert_int_equal(waitpid(with, NULL, 0), with);
    close(fd);
}

static void what_a_child_uses_is_in_its_record(void **state)
{
    (void)state;
    struct state_child c = {0};
    family_uses(3, true); /* it has none: nothing */
    own = &c;
    family_uses(3, true);
    family_uses(64, true);
    family_uses((int)STATE_CHILD_FDS - 1, true);
    family_uses((int)STATE_CHILD_FDS, true); /* has no place */
    assert_true(uses(&c, 3) && uses(&c, 64) && uses(&c, (int)STATE_CHILD_FDS - 1));
    assert_false(uses(&c, 2) || uses(&c, 4) || uses(&c, 65) || uses(&c, 0) || uses(&c, (int)STATE_CHILD_FDS));
    family_uses(64, false);
    assert_true(uses(&c, 3) && !uses(&c, 64));
    family_leaves();
    assert_true(atomic_load(&c.leaving_ns) && atomic_load(&c.leaving_ns) == atomic_load(&written()->leaving_ns));
    own = NULL;
}

static void a_child_knows_its_parent_and_the_ancestors_of_that(void **state)
{
    (void)state;
    table_head->start_ticks = 77;
    struct state_family *f = written();
    f->parent = 11;
    for (unsigned i = 0; i < STATE_ANCESTORS; i++)
        f->ancestors[i] = 20 + i;
    struct state_child c = {0};
    struct state_view parent = table_view();
    family_born(&c, &parent);
    assert_int_equal(atomic_load(&c.pid), getpid());
    assert_int_equal(family.parent, table_head->pid);
    assert_int_equal(family.parent_start, 77);
    assert_int_equal(family.ancestors[0], 11);
    for (unsigned i = 1; i < STATE_ANCESTORS; i++)
        assert_int_equal(family.ancestors[i], 20 + i - 1);
    family_describe();
    assert_int_equal(f->parent, table_head->pid);
    assert_int_equal(f->parent_start, 77);
    assert_int_equal(f->ancestors[STATE_ANCESTORS - 1], 20 + STATE_ANCESTORS - 2);
    assert_ptr_equal(family_parent_view()->base, parent.base);
    parents = (struct state_view){0};
    own = NULL; /* it is used at the exit */
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_parent_has_ended_when_it_is_a_zombie_gone_or_another_process),
        TEST(each_fork_has_a_record_and_that_of_an_ended_child_is_used_again),
        TEST(a_record_whose_fork_failed_is_free_after_a_while),
        TEST(records_end_at_their_limit),
        TEST(a_child_holds_a_socket_by_its_number_and_inode),
        TEST(what_one_reports_and_then_ends_no_other_that_ended_with_it_reports_again),
        TEST(more_than_a_record_has_room_for_may_be_told_twice),
        TEST(an_ancestor_goes_first_that_holds_the_socket),
        TEST(what_a_child_uses_is_in_its_record),
        TEST(a_child_knows_its_parent_and_the_ancestors_of_that),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
