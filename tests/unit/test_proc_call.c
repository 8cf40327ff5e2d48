/* SPDX-License-Identifier: MIT */
/* test_proc_call.c: which call a thread is in, and what it waits for in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "core/proc_call.h"

/* As Linux 6.18 writes it. */
static const char in_read[] = "0 0x5 0x7ffd4a3b2c10 0x400 0x0 0xffffffffffffffff 0xA 0x7ffd4a3b2be8 0x7f3c5d8f1a9d\n";

static void a_call_has_its_number_and_six_arguments(void **state)
{
    (void)state;
    struct proc_call c;
    static const uint64_t args[6] = {5, 0x7ffd4a3b2c10, 0x400, 0, UINT64_MAX, 10};
    assert_true(proc_call_parse(in_read, sizeof in_read - 1, &c));
    assert_int_equal(c.number, 0);
    assert_memory_equal(c.args, args, sizeof args);
    assert_false(proc_call_is_running(in_read, sizeof in_read - 1));
}

static void what_is_cut_or_no_call_is_none(void **state)
{
    (void)state;
    struct proc_call c;
    static const char *const none[] = {"",
                                       "\n",
                                       "0",
                                       "running\n",
                                       "-1 0x7ffc 0x7f12\n",
                                       "0 0x1 0x2 0x3 0x4 0x5",
                                       "0 0x1 0x2 0x3 0x4 0x5 0x",
                                       "0 1 2 3 4 5 6",
                                       "0 0x1 0x2 0x3 0x4 0x5 0x10000000000000000",
                                       "18446744073709551616 0x1 0x2 0x3 0x4 0x5 0x6"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (proc_call_parse(none[i], strlen(none[i]), &c))
            fail_msg("%s", none[i]);
    assert_false(proc_call_parse(in_read, 20, &c));
    assert_true(proc_call_is_running("running\n", 8));
    assert_false(proc_call_is_running("running\n", 6));
    assert_false(proc_call_is_running("", 0));
}

static void a_transfer_waits_for_one_descriptor_and_epoll_for_others(void **state)
{
    (void)state;
    static const uint64_t transfers[] = {SYS_read,    SYS_readv,    SYS_write,  SYS_writev, SYS_recvfrom,
                                         SYS_recvmsg, SYS_recvmmsg, SYS_sendto, SYS_sendmsg};
    static const uint64_t epolls[] = {SYS_epoll_pwait, 441,
#ifdef SYS_epoll_wait
                                      SYS_epoll_wait
#endif
    };
    static const uint64_t others[] = {SYS_accept4, SYS_connect, SYS_ppoll, SYS_futex, SYS_ioctl, SYS_epoll_ctl, SYS_restart_syscall, 9999};
    for (size_t i = 0; i < sizeof transfers / sizeof *transfers; i++)
        assert_true(proc_call_transfers(transfers[i]) && !proc_call_waits_for_epoll(transfers[i]));
    for (size_t i = 0; i < sizeof epolls / sizeof *epolls; i++)
        assert_true(!proc_call_transfers(epolls[i]) && proc_call_waits_for_epoll(epolls[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(proc_call_transfers(others[i]) || proc_call_waits_for_epoll(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_has_its_number_and_six_arguments),
        cmocka_unit_test(what_is_cut_or_no_call_is_none),
        cmocka_unit_test(a_transfer_waits_for_one_descriptor_and_epoll_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
