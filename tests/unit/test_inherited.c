/* SPDX-License-Identifier: MIT */
/*
 * test_inherited.c: what a child of fork knows of the sockets that it got from its parent, and when
 * it makes a table for them.
 */
#include "tracked_agent.h"

#include "agent/report/build.h"
#include "agent/track/probe.h"
#include "agent/stacks/sites.h"
#include "agent/base/options.h"
#include "agent/base/thread.h"
#include "agent/process/inherit.h"
#include "agent/track/dup.h"
#include "agent/track/gate.h"
#include "agent/track/inherited_set.h"
#include "agent/track/open_close.h"
#include "agent/track/outcome.h"
#include "agent/track/slot.h"

static uint32_t holder;    /* its number */
static int pair[2], alone; /* the parent's: a connection, and a socket that was never connected */

static int parent(void **state)
{
    (void)state;
    holder = (uint32_t)getpid();
    live_connect(pair);
    alone = fcntl(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), F_DUPFD_CLOEXEC, 63);
    assert_int_equal(alone, 63);
    track_opened(pair[0], AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_connected(pair[0], 0, 0, NULL, 0);
    track_opened(alone, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    return 0;
}

static int parent_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        close(pair[i]);
    close(alone);
    track_closing_range(0, ~0u);
    return 0;
}

/* ---- when a table is made ---- */

static int uses_one(void *arg)
{
    WANT(table_head == NULL);
    if (!arg) {
        WANT(inherit_count() == 2);
        WANT(inherited_set_has(pair[0]) && inherited_set_has(alone));
    }
    track_sent(pair[0], 1, 0);
    WANT(table_head != NULL);
    WANT(phase_of(pair[0]) == SLOT_LIVE);
    WANT(SLOT_ORIGIN(slot_of(pair[0])) == ORIGIN_INHERITED);
    WANT(flags_of(pair[0]) == (SLOT_CONNECTED | SLOT_INHERITED | SLOT_AWAITED | SLOT_USED));
    WANT(flags_of(alone) == SLOT_INHERITED);
    WANT(atomic_load(&table_head->inherited_from) == holder); /* not a parent without a table */
    WANT(table_head->pid == (uint32_t)getpid());
    WANT(inherit_count() == 0 && !inherited_set_has(pair[0])); /* the table has it now */
    return 0;
}

static void an_event_on_an_inherited_socket_makes_the_childs_table(void **state)
{
    (void)state;
    assert_int_equal(in_child(uses_one, NULL), 0);
}

static int uses_one_of_a_clone(void *arg)
{
    struct state_header *parents = table_head;
    track_sent(pair[0], 1, 0);
    WANT(table_head && table_head != parents);
    WANT(flags_of(pair[0]) == (SLOT_CONNECTED | SLOT_INHERITED | SLOT_AWAITED | SLOT_USED));
    WANT(flags_of(alone) == SLOT_INHERITED);
    return arg != NULL;
}

static void a_child_that_no_handler_announced_notices_it_at_its_first_event(void **state)
{
    (void)state;
    assert_int_equal(in_clone(uses_one_of_a_clone, NULL), 0);
}

static int uses_another(void *arg)
{
    (void)arg;
    int other = pair[1];
    WANT(!inherited_set_has(other));
    track_sent(other, 1, 0);
    track_connected(other, 0, 0, NULL, 0);
    track_shutdown(other, SHUT_WR);
    track_told_error(other, 0);
    WANT(table_head == NULL);
    return 0;
}

static void an_event_on_another_number_makes_none(void **state)
{
    (void)state;
    assert_int_equal(in_child(uses_another, NULL), 0);
}

static int has_none(void *arg)
{
    (void)arg;
    WANT(inherited_set_has(63));
    WANT(!inherited_set_has(-1));
    WANT(!inherited_set_has(64));
    WANT(!inherited_set_has(1 << 30) && !inherited_set_has(INT_MAX));
    return 0;
}

static void only_what_was_inherited_is_said_to_be(void **state)
{
    (void)state;
    assert_false(inherited_set_has(pair[0])); /* here it is our own */
    assert_int_equal(in_child(has_none, NULL), 0);
}

static int is_quiet(void *arg)
{
    (void)arg;
    return track_quiet != 0;
}
static int is_not_quiet(void *arg)
{
    (void)arg;
    return track_quiet != SSIZE_MAX;
}

static void a_childs_transfers_are_looked_at_only_for_a_connection(void **state)
{
    (void)state;
    assert_int_equal(in_child(is_not_quiet, NULL), 0);
    track_closing(pair[0]);
    assert_int_equal(in_child(is_quiet, NULL), 0);
}

static int goes_along(void *arg)
{
    (void)arg;
    WANT(inherit_is_minded() && !inherit_goes_along()); /* both are closed at an exec */
    WANT(fcntl(alone, F_SETFD, 0) == 0);
    WANT(!inherit_goes_along()); /* it never was connected */
    WANT(fcntl(pair[0], F_SETFD, 0) == 0);
    WANT(inherit_goes_along());
    close(pair[0]);
    WANT(!inherit_goes_along());
    return 0;
}

static void a_connection_goes_along_with_an_exec_when_it_is_left_open_then(void **state)
{
    (void)state;
    assert_false(inherit_goes_along()); /* here nothing was inherited */
    assert_int_equal(in_child(goes_along, NULL), 0);
}

/* ---- what is taken along ---- */

static int after_the_parent(void *arg)
{
    const int *gate = arg;
    char c;
    WANT(read(gate[0], &c, 1) == 1);
    return uses_one(arg);
}

static void what_the_parent_closes_after_the_fork_is_the_childs_all_the_same(void **state)
{
    (void)state;
    int gate[2];
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(30);
        _exit(after_the_parent(gate));
    }
    track_closing(pair[0]);
    track_closing(alone);
    assert_int_equal(write(gate[1], "x", 1), 1);
    assert_int_equal(live_status(child), 0);
    close(gate[0]);
    close(gate[1]);
}

static int sees_the_shutdown(void *arg)
{
    (void)arg;
    track_sent(pair[0], 1, 0);
    WANT(flags_of(pair[0]) & SLOT_SHUT_WR);
    return 0;
}

static void a_shutdown_by_a_descriptor_that_is_closed_by_now_is_known_to_the_child(void **state)
{
    (void)state;
    track_duped(pair[0], 200);
    track_shutdown(200, SHUT_WR);
    track_closing(200);
    assert_int_equal(flags_of(pair[0]) & SLOT_SHUT_WR, 0);
    assert_int_equal(in_child(sees_the_shutdown, NULL), 0);
}

static int stack_and_name(void *arg)
{
    const struct state_site *parents = arg;
    uint64_t siteid = parents->siteid;
    track_sent(pair[0], 1, 0);
    const struct state_site *s = sites_at(slot_of(pair[0])->site);
    WANT(s && s != parents && s->siteid == siteid);
    WANT(atomic_load(&s->opened) == 1);
    WANT(strcmp(table_head->exe, "/parents/program") == 0);
    return 0;
}

static void the_parents_stack_and_its_programs_name_are_the_childs(void **state)
{
    (void)state;
    char exe[sizeof table_head->exe];
    memcpy(exe, table_head->exe, sizeof exe);
    strcpy(table_head->exe, "/parents/program");
    agent_options.native_frames = 32;
    track_opened(pair[0], AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    int r = in_child(stack_and_name, sites_at(slot_of(pair[0])->site));
    agent_options.native_frames = 0;
    memcpy(table_head->exe, exe, sizeof exe);
    assert_int_equal(r, 0);
}

/* ---- what has changed before the child has its table ---- */

static int number_is_another_socket(void *arg)
{
    (void)arg;
    WANT(dup3(alone, pair[0], O_CLOEXEC) == pair[0]);
    track_sent(pair[0], 1, 0);
    WANT(table_head && phase_of(pair[0]) != SLOT_LIVE);
    WANT(phase_of(alone) == SLOT_LIVE);
    return 0;
}

static int number_is_a_file(void *arg)
{
    (void)arg;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    WANT(dup3(file, pair[0], O_CLOEXEC) == pair[0]);
    track_sent(pair[0], 1, 0);
    WANT(table_head && phase_of(pair[0]) != SLOT_LIVE);
    return 0;
}

static void a_number_that_means_something_else_by_now_is_not_entered(void **state)
{
    (void)state;
    atomic_store(&slot_of(pair[0])->watch_gen, gen_of(pair[0]));
    atomic_store(&slot_of(pair[0])->cookie, probe_cookie(pair[0]));
    assert_int_equal(in_child(uses_one, NULL), 0);
    assert_int_equal(in_child(number_is_another_socket, NULL), 0);
    assert_int_equal(in_child(number_is_a_file, NULL), 0);
    atomic_store(&slot_of(pair[0])->watch_gen, 0);
    assert_int_equal(in_child(number_is_a_file, NULL), 0);
    /* What the watcher knew of the socket before says nothing of this one. */
    atomic_store(&slot_of(pair[0])->watch_gen, gen_of(pair[0]) - 1);
    atomic_store(&slot_of(pair[0])->cookie, 12345);
    assert_int_equal(in_child(uses_one, NULL), 0);
}

/* ---- a child's child ---- */

static int fork_again(void *arg)
{
    WANT(table_head == NULL);
    return in_child(uses_one, arg);
}

static void a_childs_child_has_what_came_through_both(void **state)
{
    (void)state;
    assert_int_equal(in_child(fork_again, NULL), 0);
}

static int sees_the_childs(void *arg)
{
    const int *own = arg;
    WANT(inherit_count() == 3 && inherited_set_has(*own) && inherited_set_has(pair[0]));
    track_sent(*own, 1, 0);
    WANT(SLOT_ORIGIN(slot_of(*own)) == ORIGIN_INHERITED && phase_of(pair[0]) == SLOT_LIVE);
    return 0;
}

static int opens_and_forks(void *arg)
{
    (void)arg;
    int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    track_opened(own, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    WANT(phase_of(pair[0]) == SLOT_LIVE);
    return in_child(sees_the_childs, &own);
}

static void a_childs_child_has_the_childs_own_too(void **state)
{
    (void)state;
    assert_int_equal(in_child(opens_and_forks, NULL), 0);
}

/* ---- memory ---- */

static long mapped(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld", &pages) != 1)
        fail();
    fclose(f);
    return pages;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void what_was_copied_for_a_child_is_given_back(void **state)
{
    (void)state;
    in_child(nothing, NULL);
    long before = mapped();
    for (int i = 0; i < 20; i++)
        assert_int_equal(in_child(nothing, NULL), 0);
    assert_int_equal(mapped(), before);
    assert_null(this_thread.fork_copy);
}

static int inherits_nothing(void *arg)
{
    (void)arg;
    WANT(inherit_count() == 0 && !inherited_set_has(pair[0]));
    track_sent(pair[0], 1, 0);
    return 0;
}

static int forks_without_memory(void *arg)
{
    (void)arg;
    struct rlimit none = {1, 1};
    WANT(gate_ready());
    WANT(setrlimit(RLIMIT_AS, &none) == 0);
    return in_child(inherits_nothing, NULL);
}

static int learns_late_without_memory(void *arg)
{
    struct rlimit none = {1, 1};
    WANT(setrlimit(RLIMIT_AS, &none) == 0);
    track_sent(pair[0], 1, 0);
    return inherits_nothing(arg);
}

static void a_child_for_which_there_is_no_memory_knows_of_nothing(void **state)
{
    (void)state;
    assert_int_equal(in_child(forks_without_memory, NULL), 0);
    assert_int_equal(in_clone(learns_late_without_memory, NULL), 0);
}

/* ---- the standard descriptors ---- */

static unsigned found(bool at_exit)
{
    struct selection s = {.kinds = KINDS_ALL, .number_only = true, .at_exit = at_exit};
    struct built built;
    unsigned fds = 0;
    assert_true(report_build(&built, &s, REASON_REQUEST));
    for (size_t i = 0; i < built.n_findings; i++)
        fds |= 1u << built.findings[i].fd;
    report_free(&built);
    return fds;
}

static struct state_detail *stuck(int fd, enum origin origin)
{
    state_ref ref;
    struct opening o = {.family = AF_UNIX, .type = SOCK_STREAM, .origin = origin, .flags = SLOT_USED, .now = 1};
    struct state_slot *s = slot_enter(fd, &o);
    struct state_detail *d = table_alloc(EXTENT_DETAILS, sizeof *d / STATE_REF_UNIT, &ref);
    d->kind = KIND_HANGUP;
    atomic_store(&d->gen, gen_of(fd));
    atomic_store(&s->detail, ref);
    atomic_store(&s->watch_gen, gen_of(fd));
    atomic_store(&s->cookie, (uint64_t)fd + 1000);
    return d;
}

/*
 * Whoever started us, with a socket for our standard input, closes it when we are done: that is how
 * most programs end.
 */
static void the_standard_descriptors_are_no_leak_at_an_exit_in_their_time_of_grace(void **state)
{
    (void)state;
    struct state_detail *d[4];
    track_closing_range(0, ~0u);
    for (int fd = 0; fd < 4; fd++)
        d[fd] = stuck(fd, ORIGIN_INHERITED);
    assert_int_equal(found(true), 8);
    assert_int_equal(found(false), 15);
    d[1]->past_grace = 1;
    assert_int_equal(found(true), 8 | 2);
    stuck(2, ORIGIN_ACCEPT); /* its own doing */
    assert_int_equal(found(true), 8 | 2 | 4);
    track_closing_range(0, 3);
}

static int first_table(void **state)
{
    (void)state;
    return gate_ready() ? 0 : -1;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, parent, parent_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_event_on_an_inherited_socket_makes_the_childs_table),
        CASE(a_child_that_no_handler_announced_notices_it_at_its_first_event),
        CASE(an_event_on_another_number_makes_none),
        CASE(only_what_was_inherited_is_said_to_be),
        CASE(a_childs_transfers_are_looked_at_only_for_a_connection),
        CASE(a_connection_goes_along_with_an_exec_when_it_is_left_open_then),
        CASE(what_the_parent_closes_after_the_fork_is_the_childs_all_the_same),
        CASE(a_shutdown_by_a_descriptor_that_is_closed_by_now_is_known_to_the_child),
        CASE(the_parents_stack_and_its_programs_name_are_the_childs),
        CASE(a_number_that_means_something_else_by_now_is_not_entered),
        CASE(a_childs_child_has_what_came_through_both),
        CASE(a_childs_child_has_the_childs_own_too),
        CASE(what_was_copied_for_a_child_is_given_back),
        CASE(a_child_for_which_there_is_no_memory_knows_of_nothing),
        CASE(the_standard_descriptors_are_no_leak_at_an_exit_in_their_time_of_grace),
    };
    return live_end(cmocka_run_group_tests(tests, first_table, NULL));
}
