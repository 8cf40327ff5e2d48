/* SPDX-License-Identifier: MIT */
/*
 * test_discover.c: sockets that no wrapper saw are found by their numbers, and none is taken that a
 * wrapper is just about to enter.
 *
 * The code is compiled in, over a clock of the tests' own, a count of the numbers that it asks for,
 * and memory with a fence behind it.
 */
#include "live_agent.h"

#include <pthread.h>
#include <sys/resource.h>

#include "agent/base/clock.h"
#include "agent/base/descriptors.h"
#include "agent/base/pages.h"
#include "agent/track/dup.h"
#include "agent/track/hold.h"
#include "agent/watch/discover.h"
#include "agent/base/sys.h"

static uint64_t now;
static unsigned asked;
static int highest_asked, watched = -1;
static unsigned watched_asked;

static uint64_t clock_of_test(void) { return ++now; }

static long count_and_ask(int fd, int level, int name, void *value, void *len)
{
    asked++;
    watched_asked += fd == watched;
    highest_asked = fd > highest_asked ? fd : highest_asked;
    return sys_getsockopt(fd, level, name, value, len);
}

static void *fenced_pages(size_t size)
{
    char *p = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(size % 4096, 0);
    mprotect(p + size, 4096, PROT_NONE);
    return p;
}

static unsigned copied;
static int count_copies(int fd)
{
    copied += descriptors_are_own();
    return hold_file(fd);
}

#define hold_file count_copies
#define clock_now clock_of_test
#define pages_alloc fenced_pages
#define sys_getsockopt count_and_ask
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/watch/discover.c"
#undef clock_now
#undef pages_alloc
#undef sys_getsockopt
#undef hold_file

/* From a descriptor table of its own, as the watcher does where it can. */
static bool apart;
struct part {
    uint64_t budget;
    enum origin origin;
};
static void *make_part(void *arg)
{
    const struct part *p = arg;
    if (apart && descriptors_leave() != DESCRIPTORS_OWN)
        abort();
    discover_unseen(p->budget, p->origin);
    return NULL;
}
static void part(uint64_t budget, enum origin origin)
{
    struct part p = {budget, origin};
    pthread_t t;
    if (!apart) {
        make_part(&p);
        return;
    }
    assert_int_equal(pthread_create(&t, NULL, make_part, &p), 0);
    pthread_join(t, NULL);
}

static void scan(enum origin origin)
{
    asked = 0;
    highest_asked = 0;
    part(UINT64_MAX, origin);
}

/* One that no wrapper sees, at a number of the test's choice. */
static int unseen_at(int number)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), at = fcntl(fd, F_DUPFD_CLOEXEC, number);
    close(fd);
    assert_int_equal(at, number);
    return at;
}

static int setup(void **state)
{
    int r = live_setup(state);
    n_suspects = 0;
    resume = resume_closed = 0;
    return r;
}

static int setup_apart(void **state)
{
    apart = true;
    return setup(state);
}
static int teardown(void **state)
{
    apart = false;
    return live_teardown(state);
}

static void a_socket_that_two_scans_saw_is_entered_as_what_the_first_took_it_for(void **state)
{
    (void)state;
    int fd = unseen_at(100), file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    scan(ORIGIN_INHERITED);
    assert_false(live_is_known(fd)); /* its wrapper may be just about to enter it */
    scan(ORIGIN_UNSEEN);
    assert_true(live_is_known(fd));
    assert_int_equal(SLOT_ORIGIN(slot_of(fd)), ORIGIN_INHERITED);
    assert_true(slot_of(fd)->flags & SLOT_ADOPTED);
    assert_false(live_is_known(file));
    assert_int_equal(n_suspects, 0);
    close(file);
}

static void another_socket_at_the_same_number_is_seen_for_the_first_time(void **state)
{
    (void)state;
    int fd = unseen_at(100);
    scan(ORIGIN_INHERITED);
    close(fd);
    unseen_at(100);
    scan(ORIGIN_UNSEEN);
    assert_false(live_is_known(fd));
    scan(ORIGIN_UNSEEN);
    assert_true(live_is_known(fd));
    assert_int_equal(SLOT_ORIGIN(slot_of(fd)), ORIGIN_UNSEEN);
}

static void several_unseen_sockets_are_told_apart(void **state)
{
    (void)state;
    int fd[7];
    for (int i = 0; i < 7; i++)
        fd[i] = unseen_at(90 + 7 * i);
    scan(ORIGIN_UNSEEN);
    close(fd[3]);
    scan(ORIGIN_UNSEEN);
    for (int i = 0; i < 7; i++)
        assert_int_equal(live_is_known(fd[i]), i != 3);
}

static void what_is_known_is_not_asked_for(void **state)
{
    (void)state;
    int v[2];
    live_pair(v);
    watched = v[0];
    watched_asked = 0;
    scan(ORIGIN_UNSEEN);
    assert_int_equal(watched_asked, 0);
    watched = v[1] + 1;
    scan(ORIGIN_UNSEEN);
    assert_int_equal(watched_asked, 1);
}

static void a_scan_ends_a_while_behind_the_last_open_number(void **state)
{
    (void)state;
    unseen_at(180);
    scan(ORIGIN_UNSEEN);
    assert_int_equal(n_suspects, 1);
    assert_true(highest_asked >= 180 + GAP);
    assert_true(highest_asked <= 180 + GAP + 64);
    /* But never before the last slot, however many numbers are closed before it. */
    int far = live_socket(AF_UNIX, SOCK_STREAM), at = fcntl(far, F_DUPFD_CLOEXEC, 900);
    track_duped(far, at);
    unseen_at(910);
    scan(ORIGIN_UNSEEN);
    assert_int_equal(n_suspects, 1);
    assert_true(live_is_known(180));
    scan(ORIGIN_UNSEEN);
    assert_true(live_is_known(910));
}

static void a_scan_in_parts_forgets_nothing_between_them(void **state)
{
    (void)state;
    int fd[] = {70, 150, 210};
    for (int i = 0; i < 3; i++)
        unseen_at(fd[i]);
    unsigned parts = 0, first_round = 0;
    do {
        asked = 0;
        part(0, ORIGIN_UNSEEN);
        assert_true(asked <= 65);
        parts++;
        if (resume == 0 && !first_round) {
            first_round = parts;
            for (int i = 0; i < 3; i++)
                assert_false(live_is_known(fd[i]));
        }
    } while ((!first_round || resume != 0 || parts == first_round) && parts < 1000);
    assert_int_equal(parts, 2 * first_round);
    for (int i = 0; i < 3; i++)
        assert_true(live_is_known(fd[i]));
}

static void more_than_there_is_room_for_are_found_later(void **state)
{
    (void)state;
    enum { MANY = MAX_SUSPECTS + 100 };
    static int fd[MANY];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < MANY + 200) {
        limit.rlim_cur = MANY + 200;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            skip();
    }
    for (int i = 0; i < MANY; i++)
        fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int i = 0; i < 3; i++)
        scan(ORIGIN_UNSEEN);
    for (int i = 0; i < MANY; i++)
        assert_true(live_is_known(fd[i]));
    /* The same in parts: what is kept from before takes room as well. */
    live_forget_all();
    n_suspects = 0;
    for (int i = 0; i < MANY; i++)
        fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int i = 0; i < 4 * MANY / 64; i++)
        part(0, ORIGIN_UNSEEN);
    for (int i = 0; i < MANY; i++)
        assert_true(live_is_known(fd[i]));
}

/* Those behind the part are kept too, but only as many as there is room for. */
static void a_part_that_finds_new_ones_leaves_out_what_has_no_room(void **state)
{
    (void)state;
    enum { LOW = 50, MANY = MAX_SUSPECTS + 100 };
    int file[LOW], fd[LOW];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < MANY + 200)
        skip();
    for (int i = 0; i < LOW; i++)
        file[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < MANY; i++)
        assert_true(socket(AF_UNIX, SOCK_STREAM, 0) > file[LOW - 1]);
    scan(ORIGIN_UNSEEN);
    assert_int_equal(n_suspects, MAX_SUSPECTS);
    for (int i = 0; i < LOW; i++)
        close(file[i]);
    for (int i = 0; i < LOW; i++)
        fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    part(0, ORIGIN_UNSEEN);
    part(0, ORIGIN_UNSEEN);
    assert_true(n_suspects <= MAX_SUSPECTS);
    resume = resume_closed = 0;
    for (int i = 0; i < 3; i++)
        scan(ORIGIN_UNSEEN);
    assert_true(live_is_known(fd[0]));
    assert_true(live_is_known(fd[LOW - 1]));
}

/* No copy of what it does not enter: of a file it would be one more owner of its locks. */
static void from_a_table_of_its_own_it_copies_nothing_but_what_it_enters(void **state)
{
    (void)state;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = unseen_at(100), known = live_socket(AF_INET, SOCK_STREAM);
    copied = 0;
    scan(ORIGIN_UNSEEN);
    assert_int_equal(copied, 0);
    scan(ORIGIN_UNSEEN);
    assert_int_equal(copied, 1);
    assert_true(live_is_known(fd));
    assert_int_equal(asked, 0);
    assert_int_equal(atomic_load(&hold_numbers), 0);
    assert_true(live_is_known(known));
    close(file);
}

static void what_one_way_has_seen_is_new_to_the_other(void **state)
{
    (void)state;
    int fd = unseen_at(100);
    scan(ORIGIN_UNSEEN);
    apart = !apart;
    scan(ORIGIN_UNSEEN);
    assert_false(live_is_known(fd));
    scan(ORIGIN_UNSEEN);
    assert_true(live_is_known(fd));
}

/* So many descriptors that are no unseen sockets that the list has to be read in parts. */
static void a_list_is_read_in_parts_and_goes_on_where_it_stopped(void **state)
{
    (void)state;
    int file[150], fd = unseen_at(500);
    for (int i = 0; i < 150; i++)
        file[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 3; i++) {
        part(0, ORIGIN_UNSEEN);
        assert_int_equal(resume != 0, i < 2);
    }
    assert_int_equal(n_suspects, 1);
    assert_false(live_is_known(fd));
    for (int i = 0; i < 3; i++)
        part(0, ORIGIN_UNSEEN);
    assert_true(live_is_known(fd));
    for (int i = 0; i < 150; i++)
        close(file[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define APART(name)                                                  \
    {                                                                \
#name "_also_by_the_list", name, setup_apart, teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_socket_that_two_scans_saw_is_entered_as_what_the_first_took_it_for),
        CASE(another_socket_at_the_same_number_is_seen_for_the_first_time),
        CASE(several_unseen_sockets_are_told_apart),
        CASE(what_is_known_is_not_asked_for),
        CASE(a_scan_ends_a_while_behind_the_last_open_number),
        CASE(a_scan_in_parts_forgets_nothing_between_them),
        CASE(more_than_there_is_room_for_are_found_later),
        CASE(a_part_that_finds_new_ones_leaves_out_what_has_no_room),
        CASE(what_one_way_has_seen_is_new_to_the_other),
        APART(what_one_way_has_seen_is_new_to_the_other),
        APART(a_socket_that_two_scans_saw_is_entered_as_what_the_first_took_it_for),
        APART(another_socket_at_the_same_number_is_seen_for_the_first_time),
        APART(several_unseen_sockets_are_told_apart),
        APART(from_a_table_of_its_own_it_copies_nothing_but_what_it_enters),
        APART(a_list_is_read_in_parts_and_goes_on_where_it_stopped),
        APART(a_scan_in_parts_forgets_nothing_between_them),
        APART(more_than_there_is_room_for_are_found_later),
    };
    for (int fd = 3; fd < 1024; fd++) /* what the caller left open lies in the way of the scans */
        close(fd);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
