/* SPDX-License-Identifier: MIT */
/*
 * test_transfer.c: the bytes of a connection, from what the kernel counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/finding.h"
#include "core/judge.h"
#include "core/transfer.h"

#define MS 1000000ull

/* struct tcp_info as Linux 6 has it, by the places of linux/tcp.h. */
static unsigned char info[232];

static void put32(size_t at, uint32_t value) { memcpy(info + at, &value, sizeof value); }
static void put64(size_t at, uint64_t value) { memcpy(info + at, &value, sizeof value); }

static struct transfer of(uint64_t received, uint64_t sent, uint64_t again, unsigned state)
{
    struct transfer t;
    memset(info, 0, sizeof info);
    put32(44, 9000);
    put32(52, 2000);
    put32(56, 10);
    put64(120, 12345);
    put64(128, received);
    put64(200, sent);
    put64(208, again);
    transfer_from_info(&t, info, sizeof info, transfer_fin(state), 5000000 * MS);
    return t;
}

static void the_fin_is_no_byte_that_was_received(void **state)
{
    (void)state;
    static const struct {
        unsigned state;
        uint64_t counted, received;
        bool known;
    } cases[] = {
        /* as Linux 6.18 counted them */
        {ST_ESTABLISHED, 16, 16, true},
        {ST_FIN_WAIT_1, 16, 16, true},
        {ST_FIN_WAIT_2, 16, 16, true},
        {ST_CLOSE_WAIT, 17, 16, true},
        {ST_CLOSE_WAIT, 1, 0, true},
        {ST_LAST_ACK, 17, 16, true},
        {ST_CLOSING, 17, 16, true},
        {ST_TIME_WAIT, 17, 16, true},
        /* with or without a FIN: not known, but for nothing at all */
        {ST_CLOSE, 17, 0, false},
        {ST_CLOSE, 1, 0, false},
        {ST_CLOSE, 0, 0, true},
        {ST_CLOSE_WAIT, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transfer t = of(cases[i].counted, 0, 0, cases[i].state);
        assert_int_equal(t.has_received, cases[i].known);
        assert_int_equal(t.received, cases[i].received);
    }
}

static void what_is_sent_again_counts_once(void **state)
{
    (void)state;
    struct transfer t = of(0, 1500, 500, ST_ESTABLISHED);
    assert_true(t.has_sent);
    assert_int_equal(t.sent, 1000);
    t = of(0, 5, 6, ST_ESTABLISHED);
    assert_false(t.has_sent);
    assert_int_equal(t.sent, 0);
}

static void the_last_byte_either_way_is_when_it_last_moved(void **state)
{
    (void)state;
    assert_int_equal(of(1, 1, 0, ST_ESTABLISHED).moved_ns, 5000000 * MS - 2000 * MS);
    struct transfer t;
    put32(44, 7);
    transfer_from_info(&t, info, sizeof info, TRANSFER_NO_FIN, 5000000 * MS);
    assert_int_equal(t.moved_ns, 5000000 * MS - 7 * MS);
    transfer_from_info(&t, info, sizeof info, TRANSFER_NO_FIN, 7 * MS); /* before the machine's start */
    assert_int_equal(t.moved_ns, 0);
}

static void what_an_older_kernel_does_not_count_is_not_known(void **state)
{
    (void)state;
    of(16, 7, 0, ST_ESTABLISHED);
    for (size_t len = 0; len <= sizeof info; len++) {
        unsigned char short_info[sizeof info];
        struct transfer t;
        memcpy(short_info, info, len); /* the sanitizers see a read beyond it */
        memset(short_info + len, 0xff, sizeof info - len);
        transfer_from_info(&t, short_info, len, TRANSFER_NO_FIN, 5000000 * MS);
        assert_int_equal(t.moved_ns != 0, len >= 56);
        assert_int_equal(t.has_received, len >= 136);
        assert_int_equal(t.received, len >= 136 ? 16 : 0);
        assert_int_equal(t.has_sent, len >= 216);
        assert_int_equal(t.sent, len >= 216 ? 7 : 0);
        assert_false(t.waits);
    }
}

static void a_detail_keeps_them_behind_the_address_of_a_tcp_socket_alone(void **state)
{
    (void)state;
    const struct transfer t = {.received = 0, .sent = 512, .moved_ns = 77, .has_received = true, .has_sent = true, .waits = true};
    struct transfer back;
    struct state_detail d = {.tcp_state = ST_CLOSE_WAIT};
    strcpy(d.peer, "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535");
    assert_true(strlen(d.peer) < sizeof d.inet_peer);
    finding_transfer_from(&back, &d); /* of version 0.1 */
    assert_false(back.has_received || back.has_sent || back.moved_ns || back.waits);
    finding_transfer_to(&d, &t);
    assert_string_equal(d.peer, "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535");
    finding_transfer_from(&back, &d);
    assert_true(back.has_received && back.has_sent && back.waits);
    assert_int_equal(back.received, 0);
    assert_int_equal(back.sent, 512);
    assert_int_equal(back.moved_ns, 77);
    struct state_detail other = {.tcp_state = ST_NONE};
    memset(other.peer, 'x', sizeof other.peer - 1);
    finding_transfer_to(&other, &t);
    assert_int_equal(strlen(other.peer), sizeof other.peer - 1);
    finding_transfer_from(&back, &other);
    assert_false(back.has_received || back.has_sent || back.moved_ns || back.waits);
    struct finding f = {.family = 2};
    finding_from_detail(&f, &d);
    assert_int_equal(f.transfer.sent, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fin_is_no_byte_that_was_received),
        cmocka_unit_test(what_is_sent_again_counts_once),
        cmocka_unit_test(the_last_byte_either_way_is_when_it_last_moved),
        cmocka_unit_test(what_an_older_kernel_does_not_count_is_not_known),
        cmocka_unit_test(a_detail_keeps_them_behind_the_address_of_a_tcp_socket_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
