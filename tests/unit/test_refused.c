/* SPDX-License-Identifier: MIT */
/*
 * test_refused.c: a check whose questions the kernel refuses changes nothing of what is known.
 *
 * The refusal is real: a seccomp filter in a child, as a service has that was started with one.
 */
#include "tracked_agent.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "agent/watch/check.h"

/* From now on getsockopt(2) fails with EPERM. */
static bool refuse(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static uint64_t refusals(void) { return atomic_load(&table_head->dropped[DROP_LOOK]); }

/* KNOWN: a check before has seen the socket, and that its peer has closed. */
static int is_checked(void *known)
{
    int pair[2];
    live_connect(pair);
    track_opened(pair[0], AF_INET, SOCK_STREAM, 0, ORIGIN_SOCKET);
    track_connected(pair[0], 0, 0, NULL, 0);
    close(pair[1]);
    if (known) {
        check_all(0);
        WANT(atomic_load(&slot_of(pair[0])->cookie) != 0);
    }
    state_ref detail = atomic_load(&slot_of(pair[0])->detail);
    uint64_t before = refusals(), closed = n_closed();
    WANT((detail != 0) == (known != NULL));
    WANT(refuse());
    check_all(0);
    WANT(refusals() > before);
    WANT(phase_of(pair[0]) == SLOT_LIVE);
    WANT(n_closed() == closed);
    WANT(atomic_load(&slot_of(pair[0])->detail) == detail);
    return 0;
}

static void a_new_socket_that_the_kernel_says_nothing_of_is_not_gone(void **state)
{
    (void)state;
    assert_int_equal(in_child(is_checked, NULL), 0);
}

static void a_refusal_changes_nothing_of_what_a_check_before_has_found(void **state)
{
    (void)state;
    bool known = true;
    assert_int_equal(in_child(is_checked, &known), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_socket_that_the_kernel_says_nothing_of_is_not_gone),
        cmocka_unit_test(a_refusal_changes_nothing_of_what_a_check_before_has_found),
    };
    return live_end(cmocka_run_group_tests(tests, NULL, NULL));
}
