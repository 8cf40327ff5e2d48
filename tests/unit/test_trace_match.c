/* SPDX-License-Identifier: MIT */
/*
 * test_trace_match.c: which socket is which call's, as far as that is certain; which process has it;
 * where a thread stands; and which calls the filter stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "arch/ptrace.h"
#include "cli/trace/filter.h"
#include "cli/trace/match.h"
#include "cli/trace/owners.h"
#include "cli/trace/threads.h"

/* ---- match ----------------------------------------------------------------------------------- */

static struct match m;
static struct match_result r;
static const struct match_kind tcp = {.call = CALL_SOCKET, .family = AF_INET, .type = SOCK_STREAM},
                               tcp_said = {.call = CALL_SOCKET, .family = AF_INET, .type = SOCK_STREAM, .protocol = IPPROTO_TCP},
                               udp = {.call = CALL_SOCKET, .family = AF_INET, .type = SOCK_DGRAM};

static int clear(void **state)
{
    (void)state;
    match_free(&m);
    return 0;
}

static void call(const struct match_kind *kind, pid_t tid, state_ref site, uint64_t now)
{
    match_call(&m, &(struct match_call){.kind = *kind, .who = (uint64_t)tid, .tid = tid, .site = site}, now);
}

static void the_thread_that_connects_is_the_one_that_opened(void **state)
{
    (void)state;
    call(&tcp, 1, 10, 100);
    call(&tcp, 2, 20, 110);
    assert_true(match_named(&m, 2, &tcp_said, 7, 120));
    assert_true(match_named(&m, 1, &tcp_said, 8, 130));
    match_find(&m, 7, &tcp_said, NULL, false, &r);
    assert_true(r.n == 1 && r.exact && r.asked && !r.asked->at_ns && r.sites[0] == 20 && r.tid == 2 && r.opened_ns == 110);
    match_find(&m, 8, &tcp_said, NULL, false, &r);
    assert_true(r.n == 1 && r.exact && r.sites[0] == 10);
    match_find(&m, 9, &tcp_said, NULL, false, &r); /* both calls have their sockets */
    assert_int_equal(r.n, 0);
    assert_true(match_named(&m, 1, &tcp_said, 8, 140)); /* bound, then connected */
    match_exact_of(&m, 8)->asked.at_ns = 140;
    match_find(&m, 8, &tcp_said, NULL, false, &r);
    assert_int_equal(r.asked->at_ns, 140);
}

static void a_thread_that_opened_at_two_places_is_not_guessed(void **state)
{
    (void)state;
    call(&tcp, 1, 10, 100);
    call(&tcp, 1, 20, 110);
    assert_false(match_named(&m, 1, &tcp_said, 7, 120));
    match_find(&m, 7, &tcp_said, NULL, false, &r);
    assert_true(r.n == 2 && !r.exact && r.sites[0] + r.sites[1] == 30);
}

static void several_sockets_of_one_place_are_that_place_s(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        call(&tcp, 1, 10, 100 + i);
    assert_true(match_named(&m, 1, &tcp_said, 7, 120));
    match_find(&m, 8, &tcp_said, NULL, false, &r);
    assert_true(r.n == 1 && r.sites[0] == 10 && !r.exact);
}

static void another_kind_or_another_thread_s_socket_is_none_of_a_call(void **state)
{
    (void)state;
    call(&udp, 1, 10, 100);
    assert_false(match_named(&m, 1, &tcp_said, 7, 110));
    assert_false(match_named(&m, 2, &udp, 7, 110));
    match_find(&m, 7, &tcp_said, NULL, false, &r);
    assert_int_equal(r.n, 0);
}

static void a_socket_that_no_look_has_seen_was_opened_after_the_last(void **state)
{
    (void)state;
    call(&tcp, 1, 10, 100);
    match_looked(&m, 200);
    assert_false(match_named(&m, 1, &tcp_said, 7, 210));
    match_find(&m, 7, &tcp_said, NULL, false, &r); /* the call may not have returned at that look */
    assert_true(r.n == 1 && r.sites[0] == 10);
}

static void a_call_that_has_returned_before_a_look_is_forgotten(void **state)
{
    (void)state;
    call(&tcp, 1, 10, 100);
    match_ended(&m, 1, 150);
    call(&tcp, 2, 20, 160);
    match_looked(&m, 200);
    match_find(&m, 7, &tcp_said, NULL, false, &r);
    assert_true(r.n == 1 && r.sites[0] == 20);
    match_find(&m, 7, &tcp_said, NULL, true, &r); /* a child may have what the parent has closed since */
    assert_int_equal(r.n, 2);
    match_looked(&m, 300);
    match_looked(&m, 400);
    assert_int_equal(m.n_calls, 1);
    match_find(&m, 7, &tcp_said, NULL, true, &r);
    assert_true(r.n == 1 && r.sites[0] == 20);
}

static void an_accepted_socket_is_its_listener_s(void **state)
{
    (void)state;
    struct match_kind one = {.call = CALL_ACCEPT, .listener = 1}, two = {.call = CALL_ACCEPT, .listener = 2};
    call(&one, 1, 10, 100);
    call(&two, 2, 20, 100);
    call(&tcp, 3, 30, 100);
    match_find(&m, 7, &two, &tcp_said, false, &r);
    assert_true(r.n == 1 && r.sites[0] == 20);
    struct match_kind three = {.call = CALL_ACCEPT, .listener = 3};
    match_find(&m, 7, &three, &tcp_said, false, &r);
    assert_true(r.n == 1 && r.sites[0] == 30);
    struct match_kind somewhere = {.call = CALL_ACCEPT}; /* its listener could not be asked */
    call(&somewhere, 4, 40, 100);
    match_find(&m, 7, &three, &tcp_said, false, &r); /* accepted, or of a connect that was missed */
    assert_true(r.n == 2 && r.sites[0] + r.sites[1] == 70);
    match_find(&m, 7, &somewhere, &tcp_said, false, &r); /* its own address is not known */
    assert_int_equal(r.n, 4);
}

static void more_places_than_can_be_told_are_counted(void **state)
{
    (void)state;
    for (int i = 1; i <= 6; i++)
        call(&tcp, i, (state_ref)i, 100);
    match_find(&m, 7, &tcp_said, NULL, false, &r);
    assert_true(r.n > MATCH_SITES);
}

static void many_threads_and_sockets_find_theirs(void **state)
{
    (void)state;
    for (int i = 1; i <= 1000; i++)
        call(&tcp, i, (state_ref)i, 100);
    for (int i = 1; i <= 1000; i++)
        assert_true(match_named(&m, (uint64_t)i, &tcp_said, (uint64_t)i + 5000, 110));
    for (int i = 1; i <= 1000; i++) {
        match_find(&m, (uint64_t)i + 5000, &tcp_said, NULL, false, &r);
        assert_true(r.n == 1 && r.sites[0] == (state_ref)i);
    }
    match_looked(&m, 200);
    match_looked(&m, 300);
    match_looked(&m, 400);
    assert_true(m.n_calls == 0 && m.n_exact == 0);
}

static void equal_addresses_are_equal_numbers(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)}, b = a;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct sockaddr_un u = {.sun_family = AF_UNIX, .sun_path = "/a"}, v = {.sun_family = AF_UNIX, .sun_path = "/b"};
    b.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* accepted by a listener of all addresses */
    assert_true(match_address(&a, sizeof a) == match_address(&b, sizeof b));
    assert_true(match_address(&a, sizeof a) == match_address(&six, sizeof six));
    b.sin_port = htons(81);
    assert_true(match_address(&a, sizeof a) != match_address(&b, sizeof b));
    assert_true(match_address(&u, sizeof u) != match_address(&v, sizeof v));
    assert_true(match_address(&u, sizeof(sa_family_t)) == 0);
}

/* ---- owners ---------------------------------------------------------------------------------- */

static void a_socket_is_one_process_s_until_that_has_closed_it_long_ago(void **state)
{
    (void)state;
    struct owners o = {0};
    for (uint64_t i = 1; i <= 500; i++)
        owners_add(&o, &(struct owner){.cookie = i, .pid = (pid_t)(i % 2 + 1), .fd = (int)i});
    assert_int_equal(owners_find(&o, 7)->fd, 7);
    assert_null(owners_find(&o, 501));
    owners_find(&o, 7)->closed = true;
    owners_find(&o, 7)->closed_ns = 50;
    owners_sweep(&o, 50, -1);
    assert_non_null(owners_find(&o, 7));
    owners_sweep(&o, 51, -1);
    assert_null(owners_find(&o, 7));
    owners_sweep(&o, 0, 1);
    assert_null(owners_find(&o, 8));
    assert_non_null(owners_find(&o, 9));
    assert_int_equal(o.n, 249);
    owners_free(&o);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void a_stopped_thread_tells_its_call_and_place(void **state)
{
    (void)state;
    struct thread_place at;
    assert_int_equal(threads_parse("41 0x2 0x1 0x0 0x7f 0x0 0x0 0x7ffd1234 0x401000\n", &at), THREAD_IN_CALL);
    assert_true(at.nr == 41 && at.sp == 0x7ffd1234 && at.pc == 0x401000);
    assert_int_equal(threads_parse("-1 0x7ffd1234 0x401000\n", &at), THREAD_IN_CALL);
    assert_int_equal(at.nr, -1);
    assert_int_equal(threads_parse("running\n", &at), THREAD_RUNS);
    assert_int_equal(threads_parse("", &at), THREAD_RUNS);
}

/* ---- the filter ------------------------------------------------------------------------------ */

/* The filter's answer, by the few instructions that it is made of. */
static uint32_t answer(const struct sock_filter *f, size_t n, const struct seccomp_data *d)
{
    uint32_t a = 0;
    for (size_t pc = 0; pc < n; pc++) {
        if (f[pc].code == (BPF_LD | BPF_W | BPF_ABS))
            memcpy(&a, (const char *)d + f[pc].k, sizeof a);
        else if (f[pc].code == (BPF_RET | BPF_K))
            return f[pc].k;
        else if (f[pc].code == (BPF_JMP | BPF_JEQ | BPF_K))
            pc += a == f[pc].k ? f[pc].jt : f[pc].jf;
        else
            fail();
    }
    fail();
    return 0;
}

static bool stops(int nr, uint64_t first, uint64_t second)
{
    struct sock_filter f[256];
    size_t n = filter_program(f, 256);
    struct seccomp_data d = {.nr = nr, .arch = ARCH_AUDIT, .args = {first, second}};
    assert_true(n > 10);
    return answer(f, n, &d) == SECCOMP_RET_USER_NOTIF;
}

static void the_filter_stops_what_opens_and_lets_all_else_pass(void **state)
{
    (void)state;
    static const int always[] = {SYS_socket,  SYS_socketpair, SYS_connect, SYS_bind,   SYS_listen, SYS_accept,
                                 SYS_accept4, SYS_dup,        SYS_dup3,    SYS_execve, SYS_clone,  SYS_exit_group};
    static const int never[] = {SYS_read, SYS_write, SYS_close, SYS_recvfrom, SYS_epoll_ctl, SYS_futex, SYS_exit, SYS_mmap};
    struct sock_filter f[256];
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        assert_true(stops(always[i], 0, 0));
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        assert_false(stops(never[i], 0, 0));
    assert_true(stops(SYS_fcntl, 3, F_DUPFD));
    assert_true(stops(SYS_fcntl, 3, F_DUPFD_CLOEXEC));
    assert_false(stops(SYS_fcntl, 3, F_SETFL));
    assert_true(stops(SYS_rt_sigaction, 10, 0x7000));
    assert_false(stops(SYS_rt_sigaction, 10, 0));
    struct seccomp_data other = {.nr = SYS_socket, .arch = ARCH_AUDIT + 1};
    assert_int_equal(answer(f, filter_program(f, 256), &other), SECCOMP_RET_ALLOW);
    assert_int_equal(filter_program(f, 20), 0);
}

static void each_refusal_has_its_reason(void **state)
{
    (void)state;
    static const int errors[] = {EBUSY, EINVAL, ENOSYS, EPERM, EACCES};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        assert_non_null(filter_refusal(errors[i]));
    assert_non_null(strstr(filter_refusal(EBUSY), "seccomp listener"));
    assert_non_null(strstr(filter_refusal(EINVAL), "Linux 5.6"));
    assert_null(filter_refusal(ENOMEM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_thread_that_connects_is_the_one_that_opened, clear),
        cmocka_unit_test_teardown(a_thread_that_opened_at_two_places_is_not_guessed, clear),
        cmocka_unit_test_teardown(several_sockets_of_one_place_are_that_place_s, clear),
        cmocka_unit_test_teardown(another_kind_or_another_thread_s_socket_is_none_of_a_call, clear),
        cmocka_unit_test_teardown(a_socket_that_no_look_has_seen_was_opened_after_the_last, clear),
        cmocka_unit_test_teardown(a_call_that_has_returned_before_a_look_is_forgotten, clear),
        cmocka_unit_test_teardown(an_accepted_socket_is_its_listener_s, clear),
        cmocka_unit_test_teardown(more_places_than_can_be_told_are_counted, clear),
        cmocka_unit_test_teardown(many_threads_and_sockets_find_theirs, clear),
        cmocka_unit_test_teardown(equal_addresses_are_equal_numbers, clear),
        cmocka_unit_test(a_socket_is_one_process_s_until_that_has_closed_it_long_ago),
        cmocka_unit_test(a_stopped_thread_tells_its_call_and_place),
        cmocka_unit_test(the_filter_stops_what_opens_and_lets_all_else_pass),
        cmocka_unit_test(each_refusal_has_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
