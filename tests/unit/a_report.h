/* SPDX-License-Identifier: MIT */
/*
 * a_report.h: a small report for the tests of the formats: two sockets in CLOSE_WAIT with a stack,
 * one dead one without.
 */
#ifndef SOCKLEAK_TESTS_A_REPORT_H
#define SOCKLEAK_TESTS_A_REPORT_H

#include <string.h>

#include "core/report.h"

#define SECOND 1000000000ull

static struct frame a_stack[] = {
    {.pc = 0x401234,
     .offset = 0x1234,
     .module = "/srv/app",
     .build_id = "abcd",
     .symbol = "db_connect",
     .file = "src/db.c",
     .line = 42,
     .inlined = true},
    {.pc = 0x401234, .offset = 0x1234, .module = "/srv/app", .build_id = "abcd", .symbol = "login", .file = "/work/src/web.c", .line = 88},
    {.pc = 0x401300, .offset = 0x1300, .module = "/srv/app", .build_id = "abcd"},
    {.pc = 0x7f0000001000},
};
static const struct finding a_finding[] = {
    {.fd = 14,
     .kind = KIND_CLOSE_WAIT,
     .eof = EOF_READ,
     .tcp_state = 8,
     .family = 2,
     .since_ns = 100 * SECOND,
     .local = "10.0.0.7:5",
     .peer = "10.0.0.5:1433"},
    {.fd = 15,
     .kind = KIND_CLOSE_WAIT,
     .eof = EOF_READ,
     .tcp_state = 8,
     .family = 2,
     .since_ns = 900 * SECOND,
     .local = "10.0.0.7:6",
     .peer = "10.0.0.5:1433"},
    {.fd = 16, .kind = KIND_DEAD, .how = HOW_RESET, .tcp_state = 7, .family = 2, .since_ns = 900 * SECOND},
};
static struct group a_group[2];

static inline struct report a_report(void)
{
    a_group[0] = (struct group){.kind = KIND_CLOSE_WAIT,
                                .eof = EOF_READ,
                                .siteid = 0x5f3a9c01d2e4b678,
                                .opened = 9,
                                .closed = 7,
                                .live = 2,
                                .count = 2,
                                .oldest_ns = 900 * SECOND,
                                .youngest_ns = 100 * SECOND,
                                .n_findings = 2,
                                .findings = a_finding,
                                .n_frames = 4,
                                .frames = a_stack,
                                .n_read = 2,
                                .n_told = 1,
                                .told = {{.event = EVENT_EOF, .call = CALL_RECV, .count = 2, .n_frames = 1, .frames = a_stack + 1}}};
    a_group[1] = (struct group){
        .kind = KIND_DEAD, .how = HOW_RESET, .count = 1, .oldest_ns = 100 * SECOND, .n_findings = 1, .findings = a_finding + 2};
    return (struct report){.pid = 4242,
                           .exe = "/srv/app",
                           .host = "web1",
                           .reason = REASON_EXIT,
                           .now_ns = 1000 * SECOND,
                           .now_real_ns = 1700000000 * SECOND,
                           .n_groups = 2,
                           .groups = a_group,
                           .leaks = 3,
                           .sites = 2,
                           .by_kind = {[KIND_CLOSE_WAIT] = 2, [KIND_DEAD] = 1},
                           .print_summary = true,
                           .max_sockets = 8};
}

#endif
