/* SPDX-License-Identifier: MIT */
/*
 * test_track.c: sockets that come and go: what each event enters into the table, and what it leaves
 * alone.
 */
#include "tracked_agent.h"

#include "agent/base/sys.h"

#define FD 300

/* The first of all: there is no table yet. */
static void what_failed_or_is_no_socket_starts_nothing(void **state)
{
    (void)state;
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct msghdr none = {.msg_controllen = 64};
    track_opened(-1, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_accepted(file, -1, 0);
    track_rights(&none);
    assert_int_equal(track_closing(file), 0);
    track_close_failed(file, 0);
    track_closing_range(0, ~0u);
    track_duped(file, FD);
    track_connected(file, -1, ENOTSOCK, NULL, 0);
    track_received(file, 0, 0, 1, 0);
    track_received(-1, 0, 0, 1, 0);
    exec_begins();
    exec_failed();
    assert_null(table_head);
    close(file);
}

static void a_new_socket_is_entered_with_what_is_known_of_it(void **state)
{
    (void)state;
    this_thread.tag = 7;
    errno = ENOTUNIQ;
    track_opened(FD, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP, ORIGIN_SOCKET);
    assert_int_equal(errno, ENOTUNIQ);
    this_thread.tag = 0;
    const struct state_slot *s = slot_of(FD);
    assert_int_equal(phase_of(FD), SLOT_LIVE);
    assert_int_equal(s->family, AF_INET6);
    assert_int_equal(SLOT_TYPE(s), SOCK_STREAM);
    assert_int_equal(SLOT_ORIGIN(s), ORIGIN_SOCKET);
    assert_int_equal(s->protocol, IPPROTO_TCP);
    assert_int_equal(s->tid, gettid());
    assert_int_equal(s->tag, 7);
    assert_int_equal(flags_of(FD), SLOT_CLOEXEC);
    track_opened(FD + 1, AF_INET, SOCK_STREAM, 262, ORIGIN_SOCKET);
    assert_int_equal(flags_of(FD + 1), SLOT_MPTCP);
    int pair[2] = {FD, FD + 1};
    track_pair(pair, AF_UNIX, SOCK_SEQPACKET, 0);
    for (int i = 0; i < 2; i++) {
        s = slot_of(pair[i]);
        assert_int_equal(SLOT_ORIGIN(s), ORIGIN_SOCKETPAIR);
        assert_int_equal(SLOT_TYPE(s), SOCK_SEQPACKET);
        assert_int_equal(flags_of(pair[i]), SLOT_CONNECTED);
    }
    track_closing_range(FD, FD + 1);
}

static void what_was_accepted_is_of_its_listeners_kind(void **state)
{
    (void)state;
    track_opened(FD, AF_INET6, SOCK_STREAM, 262, ORIGIN_SOCKET);
    track_accepted(FD, FD + 1, SOCK_CLOEXEC);
    const struct state_slot *s = slot_of(FD + 1);
    assert_int_equal(s->family, AF_INET6);
    assert_int_equal(SLOT_TYPE(s), SOCK_STREAM);
    assert_int_equal(s->protocol, 262 & 255);
    assert_int_equal(SLOT_ORIGIN(s), ORIGIN_ACCEPT);
    assert_int_equal(flags_of(FD + 1), SLOT_CONNECTED | SLOT_MPTCP | SLOT_CLOEXEC);
    /* A number whose listener is closed says nothing: the kernel will be asked. */
    track_closing(FD);
    track_accepted(FD, FD + 1, 0);
    assert_int_equal(s->family, 0);
    assert_int_equal(SLOT_TYPE(s), 0);
    assert_int_equal(flags_of(FD + 1), SLOT_CONNECTED);
    track_closing(FD + 1);
}

/* ---- who may not change the table ---- */

static void nothing_is_changed(void)
{
    uint64_t word = atomic_load(&slot_of(FD)->word), closed = n_closed();
    unsigned flags = flags_of(FD);
    int other[2] = {FD + 1, FD + 2};
    track_opened(FD, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_pair(other, AF_UNIX, SOCK_STREAM, 0);
    track_accepted(FD, FD + 1, 0);
    track_duped(FD, FD + 1);
    assert_int_equal(track_closing(FD), 0);
    track_closing_range(FD, FD + 2);
    exec_begins();
    assert_int_equal(atomic_load(&table_head->end), END_RUNNING);
    assert_int_equal(exit_begins(3, END_EXIT), 3);
    assert_int_equal(atomic_load(&table_head->end), END_RUNNING);
    assert_int_equal(atomic_load(&slot_of(FD)->word), word);
    assert_int_equal(flags_of(FD), flags);
    assert_int_equal(phase_of(FD + 1), SLOT_EMPTY);
    assert_int_equal(phase_of(FD + 2), SLOT_EMPTY);
    assert_int_equal(n_closed(), closed);
}

static void a_vfork_child_changes_nothing(void **state)
{
    (void)state;
    open_at(FD);
    track_opened(FD + 1, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_opened(FD + 2, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_vanished(FD + 1, gen_of(FD + 1));
    track_vanished(FD + 2, gen_of(FD + 2));
    this_thread.in_vfork = 1;
    track_duped(FD + 1, FD); /* no socket that is known */
    assert_int_equal(phase_of(FD), SLOT_LIVE);
    nothing_is_changed();
    this_thread.in_vfork = 0;
    track_closing(FD);
}

static void what_the_agent_itself_opens_and_closes_is_not_recorded(void **state)
{
    (void)state;
    open_at(FD);
    thread_enter();
    nothing_is_changed();
    thread_leave();
    assert_int_not_equal(track_closing(FD), 0);
}

static int dormant(void *arg)
{
    (void)arg;
    open_at(FD);
    atomic_store(&table_head->enabled, 0);
    track_opened(FD + 1, AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    WANT(phase_of(FD + 1) == SLOT_EMPTY);
    WANT(track_closing(FD) == 0 && phase_of(FD) == SLOT_LIVE);
    return 0;
}

static void a_dormant_agent_records_nothing(void **state)
{
    (void)state;
    assert_int_equal(in_child(dormant, NULL), 0);
}

/* Its memory is its own, but the table is a shared mapping. */
static int closes_all(void *arg)
{
    const struct state_slot *parents = arg;
    WANT(track_closing(FD) == 0);
    track_closing_range(0, ~0u);
    return SLOT_PHASE(atomic_load(&parents->word)) != SLOT_LIVE;
}

static void a_forked_child_leaves_its_parents_table_alone(void **state)
{
    (void)state;
    struct state_slot *s = open_at(FD);
    assert_int_equal(in_child(closes_all, s), 0);
    assert_int_equal(phase_of(FD), SLOT_LIVE);
    assert_int_equal(in_clone(closes_all, s), 0);
    assert_int_equal(phase_of(FD), SLOT_LIVE);
    assert_int_equal(phase_of(FD + 1), SLOT_EMPTY);
    track_closing(FD);
}

/* ---- descriptors in messages ---- */

union control {
    char room[CMSG_SPACE(4 * sizeof(int))];
    struct cmsghdr header;
};

static struct msghdr message(union control *c, int level, int type, const int *fd, size_t n)
{
    memset(c, 0, sizeof *c);
    c->header = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(n * sizeof(int))};
    memcpy(CMSG_DATA(&c->header), fd, n * sizeof(int));
    return (struct msghdr){.msg_control = c, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
}

static void sockets_in_a_message_are_entered_and_other_files_are_not(void **state)
{
    (void)state;
    union control c;
    int pair[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    live_connect(pair);
    int fd[3] = {pair[0], file, pair[1]};
    open_at(file); /* was a socket, and was closed where nobody saw it */
    struct msghdr m = message(&c, SOL_SOCKET, SCM_RIGHTS, fd, 3);
    track_rights(&m);
    assert_int_equal(phase_of(file), SLOT_EMPTY);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(phase_of(pair[i]), SLOT_LIVE);
        assert_int_equal(SLOT_ORIGIN(slot_of(pair[i])), ORIGIN_RECEIVED);
        assert_int_equal(slot_of(pair[i])->family, AF_INET);
        assert_int_not_equal(track_closing(pair[i]), 0);
        close(pair[i]);
    }
    uint64_t closed = n_closed(); /* a number that is no socket is not closed again and again */
    m = message(&c, SOL_SOCKET, SCM_RIGHTS, &file, 1);
    track_rights(&m);
    assert_int_equal(n_closed(), closed);
    close(file);
}

static void a_message_of_another_kind_holds_no_descriptors(void **state)
{
    (void)state;
    union control c;
    int pair[2];
    live_connect(pair);
    struct msghdr m = message(&c, SOL_SOCKET, SCM_CREDENTIALS, pair, 2);
    track_rights(&m);
    m = message(&c, IPPROTO_IP, SCM_RIGHTS, pair, 2); /* IP_TOS has the same number */
    track_rights(&m);
    m = message(&c, SOL_SOCKET, SCM_RIGHTS, pair, 2);
    c.header.cmsg_len = 0;
    track_rights(&m);
    m.msg_control = NULL;
    track_rights(&m);
    assert_int_not_equal(phase_of(pair[0]), SLOT_LIVE);
    assert_int_not_equal(phase_of(pair[1]), SLOT_LIVE);
    close(pair[0]);
    close(pair[1]);
}

static void in_a_sandbox_the_kernel_is_not_asked_about_descriptors(void **state)
{
    (void)state;
    union control c;
    int pair[2];
    live_connect(pair);
    sys_sandboxed = 1;
    struct msghdr m = message(&c, SOL_SOCKET, SCM_RIGHTS, pair, 2);
    track_rights(&m);
    track_received(pair[0], 0, 0, 1, 0);
    sys_sandboxed = 0;
    assert_int_not_equal(phase_of(pair[0]), SLOT_LIVE);
    assert_int_not_equal(phase_of(pair[1]), SLOT_LIVE);
    close(pair[0]);
    close(pair[1]);
}

/* ---- closing ---- */

static void a_close_that_failed_leaves_the_socket_as_it_was(void **state)
{
    (void)state;
    const struct state_slot *s = open_at(FD);
    uint64_t word = atomic_load(&s->word), closed = n_closed();
    uint64_t token = track_closing(FD);
    assert_int_equal(phase_of(FD), SLOT_CLOSING);
    assert_int_equal(n_closed(), closed + 1);
    assert_int_equal(track_closing(FD), 0);
    assert_int_equal(n_closed(), closed + 1);
    track_close_failed(FD, token);
    assert_int_equal(atomic_load(&s->word), word);
    assert_int_equal(n_closed(), closed);
    track_close_failed(FD, token);
    assert_int_equal(n_closed(), closed);
    track_closing(FD);
}

static void a_range_closes_what_lies_in_it_and_no_more(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        open_at(FD + 62 + i);
    track_closing(FD + 64);
    uint64_t closed = n_closed();
    assert_true(track_closing_range(FD + 63, FD + 65));
    assert_int_equal(phase_of(FD + 62), SLOT_LIVE);
    assert_int_equal(phase_of(FD + 63), SLOT_CLOSING_MANY);
    assert_int_equal(phase_of(FD + 65), SLOT_CLOSING_MANY);
    track_range_closed(FD + 63, FD + 65, false);
    assert_int_equal(phase_of(FD + 62), SLOT_LIVE);
    assert_int_equal(phase_of(FD + 63), SLOT_CLOSING);
    assert_int_equal(phase_of(FD + 65), SLOT_CLOSING);
    assert_false(track_closing_range(FD + 63, FD + 65));
    assert_int_equal(phase_of(FD + 66), SLOT_LIVE);
    assert_int_equal(n_closed(), closed + 2);
    track_closing_range(1u << 31, ~0u);
    assert_int_equal(phase_of(FD + 62), SLOT_LIVE);
    track_closing_range(FD + 66, ~0u);
    assert_int_equal(phase_of(FD + 66), SLOT_CLOSING_MANY);
    track_range_closed(FD + 66, ~0u, false);
    track_closing(FD + 62);
}

static void a_range_begins_at_0(void **state)
{
    (void)state;
    open_at(0);
    open_at(1);
    assert_true(track_closing_range(0, 0));
    assert_int_equal(phase_of(0), SLOT_CLOSING_MANY);
    assert_int_equal(phase_of(1), SLOT_LIVE);
    track_range_closed(0, 0, false);
    assert_int_equal(phase_of(0), SLOT_CLOSING);
    track_closing(1);
}

static void a_range_that_the_kernel_refused_is_as_it_was_but_for_what_was_closed_before(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        open_at(FD + i);
    uint32_t gen = gen_of(FD + 1);
    track_closing(FD); /* long ago */
    uint64_t closed = n_closed();
    assert_true(track_closing_range(FD, FD + 2));
    assert_int_equal(n_closed(), closed + 2);
    open_at(FD + 2); /* another thread, before the call has failed */
    uint32_t anew = gen_of(FD + 2);
    track_range_closed(FD, FD + 2, true);
    assert_int_equal(phase_of(FD), SLOT_CLOSING);
    assert_int_equal(phase_of(FD + 1), SLOT_LIVE);
    assert_int_equal(gen_of(FD + 1), gen);
    assert_int_equal(phase_of(FD + 2), SLOT_LIVE);
    assert_int_equal(gen_of(FD + 2), anew);
    assert_int_equal(phase_of(FD + 3), SLOT_LIVE);
    assert_int_equal(n_closed(), closed + 1);
    track_closing_range(FD, FD + 3);
    track_range_closed(FD, FD + 3, false);
    track_range_closed(FD, FD + 3, true); /* of another call: what is gone stays so */
    assert_int_equal(phase_of(FD + 1), SLOT_CLOSING);
    open_at(FD);
    open_at(FD + 1);
    track_closing_range(FD, FD);
    track_closing_range(FD + 1, FD + 1);
    track_range_closed(FD, FD, false);
    track_range_closed(FD + 1, FD + 1, true);
    assert_int_equal(phase_of(FD), SLOT_CLOSING);
    assert_int_equal(phase_of(FD + 1), SLOT_LIVE);
    track_closing(FD + 1);
}

static void only_the_socket_that_the_kernel_spoke_of_has_vanished(void **state)
{
    (void)state;
    open_at(FD);
    uint32_t before = gen_of(FD);
    open_at(FD);
    track_vanished(FD, before);
    assert_int_equal(phase_of(FD), SLOT_LIVE);
    track_vanished(FD, gen_of(FD));
    assert_int_equal(phase_of(FD), SLOT_EMPTY);
    track_vanished(1 << 20, 1);
}

/* ---- exec ---- */

static void an_exec_is_an_end_until_it_fails(void **state)
{
    (void)state;
    exec_begins();
    assert_int_equal(atomic_load(&table_head->end), END_EXEC);
    exec_failed();
    assert_int_equal(atomic_load(&table_head->end), END_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_failed_or_is_no_socket_starts_nothing),
        cmocka_unit_test(a_new_socket_is_entered_with_what_is_known_of_it),
        cmocka_unit_test(what_was_accepted_is_of_its_listeners_kind),
        cmocka_unit_test(a_vfork_child_changes_nothing),
        cmocka_unit_test(what_the_agent_itself_opens_and_closes_is_not_recorded),
        cmocka_unit_test(a_dormant_agent_records_nothing),
        cmocka_unit_test(a_forked_child_leaves_its_parents_table_alone),
        cmocka_unit_test(sockets_in_a_message_are_entered_and_other_files_are_not),
        cmocka_unit_test(a_message_of_another_kind_holds_no_descriptors),
        cmocka_unit_test(in_a_sandbox_the_kernel_is_not_asked_about_descriptors),
        cmocka_unit_test(a_close_that_failed_leaves_the_socket_as_it_was),
        cmocka_unit_test(a_range_closes_what_lies_in_it_and_no_more),
        cmocka_unit_test(a_range_begins_at_0),
        cmocka_unit_test(a_range_that_the_kernel_refused_is_as_it_was_but_for_what_was_closed_before),
        cmocka_unit_test(only_the_socket_that_the_kernel_spoke_of_has_vanished),
        cmocka_unit_test(an_exec_is_an_end_until_it_fails),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
