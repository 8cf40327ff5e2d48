/* SPDX-License-Identifier: MIT */
/*
 * test_mnl.c: what stands in for libmnl: answers that go on, end, fail, are cut short or another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/static/mnl.c"

enum { DATA = NLMSG_MIN_TYPE + 4, SEQ = 7, PORT = 4242 };

static unsigned char buffer[256] __attribute__((aligned(8)));
static size_t used;

static struct nlmsghdr *add(uint16_t type, const void *payload, size_t len)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer + used);
    h->nlmsg_type = type;
    h->nlmsg_seq = SEQ;
    h->nlmsg_pid = PORT;
    if (len)
        memcpy(mnl_nlmsg_put_extra_header(h, len), payload, len);
    used += h->nlmsg_len;
    return h;
}

static int count(const struct nlmsghdr *h, void *data)
{
    (void)h;
    ++*(int *)data;
    return MNL_CB_OK;
}

static int run(int *seen)
{
    *seen = 0;
    errno = 0;
    return mnl_cb_run(buffer, used, SEQ, PORT, count, seen);
}

static int begin(void **state)
{
    (void)state;
    used = 0;
    return 0;
}

static void messages_are_handed_on_until_the_end(void **state)
{
    int seen;
    (void)state;
    add(DATA, "abc", 3);
    add(NLMSG_NOOP, NULL, 0);
    add(DATA, "abcd", 4);
    assert_int_equal(run(&seen), MNL_CB_OK);
    assert_int_equal(seen, 2);
    add(NLMSG_DONE, NULL, 0);
    add(DATA, NULL, 0);
    assert_int_equal(run(&seen), MNL_CB_STOP);
    assert_int_equal(seen, 2);
}

static void an_error_is_errno_and_an_acknowledgement_the_end(void **state)
{
    struct nlmsgerr e = {.error = -ENOENT};
    int seen;
    (void)state;
    add(NLMSG_ERROR, &e, sizeof e);
    assert_int_equal(run(&seen), MNL_CB_ERROR);
    assert_int_equal(errno, ENOENT);
    used = 0;
    e.error = 0;
    add(NLMSG_ERROR, &e, sizeof e);
    assert_int_equal(run(&seen), MNL_CB_STOP);
    used = 0;
    add(NLMSG_ERROR, "x", 1);
    assert_int_equal(run(&seen), MNL_CB_ERROR);
    assert_int_equal(errno, EBADMSG);
}

static void a_table_that_changed_while_it_was_read_is_eintr(void **state)
{
    int seen;
    (void)state;
    add(DATA, NULL, 0)->nlmsg_flags = NLM_F_DUMP_INTR;
    assert_int_equal(run(&seen), MNL_CB_ERROR);
    assert_int_equal(errno, EINTR);
}

static void an_answer_to_another_is_none(void **state)
{
    int seen;
    (void)state;
    add(DATA, NULL, 0)->nlmsg_pid = PORT + 1;
    assert_int_equal(run(&seen), MNL_CB_ERROR);
    assert_int_equal(errno, ESRCH);
    used = 0;
    add(DATA, NULL, 0)->nlmsg_seq = SEQ + 1;
    assert_int_equal(run(&seen), MNL_CB_ERROR);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(seen, 0);
}

static void a_length_beyond_what_came_ends_it(void **state)
{
    int seen;
    (void)state;
    struct nlmsghdr *h = add(DATA, "abcd", 4);
    h->nlmsg_len += 4;
    assert_int_equal(run(&seen), MNL_CB_OK);
    assert_int_equal(seen, 0);
    h->nlmsg_len = NLMSG_HDRLEN - 1;
    assert_int_equal(run(&seen), MNL_CB_OK);
    assert_int_equal(seen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(messages_are_handed_on_until_the_end, begin),
        cmocka_unit_test_setup(an_error_is_errno_and_an_acknowledgement_the_end, begin),
        cmocka_unit_test_setup(a_table_that_changed_while_it_was_read_is_eintr, begin),
        cmocka_unit_test_setup(an_answer_to_another_is_none, begin),
        cmocka_unit_test_setup(a_length_beyond_what_came_ends_it, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
