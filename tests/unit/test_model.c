/* SPDX-License-Identifier: MIT */
/*
 * test_model.c: which sockets of a state file are findings: of a dead process, of this live one, of
 * several together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/epoll.h>

#include "cli/base/now.h"
#include "cli/model/circumstances.h"
#include "cli/model/handlers.h"
#include "cli/model/merge.h"
#include "cli/model/model.h"
#include "cli/model/stacks.h"
#include "cli/state/load_set.h"
#include "core/finding.h"
#include "core/group.h"
#include "core/group_told.h"
#include "core/judge.h"
#include "statefile.h"

static struct image im;
static struct state_header *head;
static struct loaded_file l;
static struct model m;
static struct symbolizer *sym;
static struct model_options options;

static int setup(void **state)
{
    (void)state;
    head = statefile_begin(&im);
    head->end = END_EXIT;
    options = (struct model_options){.max_sockets = 8, .reason = -1};
    sym = symbolizer_new(&(struct symbolize_options){.names = false});
    return 0;
}

static void build(void)
{
    statefile_write(&im);
    assert_null(load_file(&l, statefile_path));
    unlink(statefile_path);
    model_build(&m, &l, sym, &options);
}

static void drop(void)
{
    model_free(&m);
    load_free(&l);
}

static int teardown(void **state)
{
    (void)state;
    drop();
    symbolizer_free(sym);
    image_free(&im);
    return 0;
}

static void a_dead_process_is_reported_as_its_last_look_saw_it(void **state)
{
    (void)state;
    for (int fd = 3; fd < 8; fd++) {
        statefile_socket(&im, fd, 0);
        statefile_detail(&im, fd, KIND_CLOSE_WAIT, 1999 * SECOND); /* younger than grace: all the same */
    }
    statefile_socket(&im, 9, 256);
    statefile_detail(&im, 9, KIND_DEAD, 1990 * SECOND)->how = HOW_RESET;
    statefile_socket(&im, 10, 256); /* healthy */
    build();
    assert_int_equal(m.report.n_groups, 2);
    assert_int_equal(m.report.groups[0].count, 5);
    assert_int_equal(m.report.groups[0].oldest_ns, 1 * SECOND);
    assert_int_equal(m.report.groups[0].opened, 5);
    assert_string_equal(m.report.groups[0].findings[0].peer, "10.0.0.5:1433");
    assert_int_equal(m.report.groups[1].kind, KIND_DEAD);
    assert_int_equal(m.report.groups[1].how, HOW_RESET);
    assert_int_equal(m.report.leaks, 6);
    assert_int_equal(m.report.sites, 2);
    assert_int_equal(m.report.by_kind[KIND_CLOSE_WAIT], 5);
    assert_int_equal(m.report.reason, REASON_EXIT);
    assert_int_equal(m.report.now_real_ns, 1700001000 * SECOND);
    assert_int_equal(m.tracked, 7);
}

static void what_a_dead_process_was_told_after_its_last_look_counts(void **state)
{
    (void)state;
    struct state_slot *s = statefile_socket(&im, 3, 0);
    s->flags = SLOT_CONNECTED | SLOT_TOLD_EOF;
    s->told_ns = 2010 * SECOND;
    s = statefile_socket(&im, 4, 0);
    s->flags = SLOT_CONNECTED | SLOT_TOLD_EOF | SLOT_SHUT_WR;
    s = statefile_socket(&im, 5, 0);
    s->flags = SLOT_CONNECTED | SLOT_TOLD_ERROR;
    s->told_errno = ETIMEDOUT;
    s = statefile_socket(&im, 6, 0);
    s->flags = SLOT_TOLD_ERROR;
    s->told_errno = ECONNREFUSED;
    s = statefile_socket(&im, 7, 0);
    s->family = AF_UNIX;
    s->flags = SLOT_CONNECTED | SLOT_TOLD_EOF;
    build();
    assert_int_equal(m.report.by_kind[KIND_CLOSE_WAIT], 1);
    assert_int_equal(m.report.by_kind[KIND_DEAD], 2);
    assert_int_equal(m.report.by_kind[KIND_NEVER_CONNECTED], 1);
    assert_int_equal(m.report.by_kind[KIND_HANGUP], 1);
    assert_int_equal(m.report.now_ns, 2010 * SECOND);
    for (size_t i = 0; i < m.n_findings; i++) {
        if (m.findings[i].fd == 4)
            assert_int_equal(m.findings[i].how, HOW_FINISHED);
        if (m.findings[i].fd == 5)
            assert_int_equal(m.findings[i].how, HOW_TIMEOUT);
    }
}

static void kinds_age_and_flags_leave_out_what_they_should(void **state)
{
    (void)state;
    statefile_socket(&im, 3, 0);
    statefile_detail(&im, 3, KIND_CLOSE_WAIT, 1900 * SECOND);
    statefile_socket(&im, 4, 0);
    statefile_detail(&im, 4, KIND_CLOSE_WAIT, 1950 * SECOND);
    statefile_socket(&im, 5, 0)->flags = SLOT_IGNORED;
    statefile_detail(&im, 5, KIND_CLOSE_WAIT, 1900 * SECOND);
    statefile_socket(&im, 6, 0)->flags = SLOT_INHERITED;
    statefile_detail(&im, 6, KIND_CLOSE_WAIT, 1900 * SECOND);
    statefile_socket(&im, 7, 0)->flags = SLOT_INHERITED | SLOT_USED;
    statefile_detail(&im, 7, KIND_FIN_WAIT_2, 1900 * SECOND);
    statefile_socket(&im, 8, 0);
    build();
    assert_int_equal(m.report.leaks, 3);
    drop();
    options.kinds = KIND_BIT(KIND_FIN_WAIT_2);
    build();
    assert_int_equal(m.report.leaks, 1);
    drop();
    options.kinds = KINDS_ALL;
    build();
    assert_int_equal(m.report.by_kind[KIND_OPEN], 1);
    drop();
    options.kinds = 0;
    options.min_age_set = true;
    options.min_age_ns = 60 * SECOND;
    build();
    assert_int_equal(m.report.leaks, 2);
}

static void a_socket_of_several_descriptors_counts_once(void **state)
{
    (void)state;
    for (int fd = 3; fd < 9; fd++) {
        struct state_slot *s = statefile_socket(&im, fd, 0);
        statefile_detail(&im, fd, KIND_CLOSE_WAIT, 1900 * SECOND);
        if (fd < 5) {
            s->cookie = 17; /* looked at: the kernel's identity */
        } else if (fd < 8) {
            s->cookie = 0; /* not yet: what dup told */
            s->share = 77;
        }
    }
    build();
    assert_int_equal(m.report.leaks, 3);
}

static void standard_descriptors_from_outside_are_not_this_programs(void **state)
{
    (void)state;
    for (int fd = 0; fd < 4; fd++) {
        struct state_slot *s = statefile_socket(&im, fd, 0);
        s->type_origin = SOCK_STREAM | ORIGIN_INHERITED << 4;
        s->flags = SLOT_INHERITED | SLOT_USED;
        statefile_detail(&im, fd, KIND_CLOSE_WAIT, 1900 * SECOND)->past_grace = fd == 1;
    }
    build();
    assert_int_equal(m.report.leaks, 2); /* 1 has lasted, 3 is none of them */
}

static void exec_has_closed_what_was_close_on_exec(void **state)
{
    (void)state;
    head->end = END_EXEC;
    statefile_socket(&im, 3, 0)->flags = SLOT_CONNECTED | SLOT_CLOEXEC;
    statefile_detail(&im, 3, KIND_CLOSE_WAIT, 1900 * SECOND);
    statefile_socket(&im, 4, 0);
    statefile_detail(&im, 4, KIND_CLOSE_WAIT, 1900 * SECOND);
    build();
    assert_int_equal(m.report.leaks, 1);
    assert_int_equal(m.findings[0].fd, 4);
}

static void growth_and_suppressions_reach_the_report(void **state)
{
    (void)state;
    static const char text[] = "peer:10.0.0.5:*\n";
    struct suppression rules[1];
    size_t n = 0;
    statefile_socket(&im, 3, 0);
    statefile_detail(&im, 3, KIND_CLOSE_WAIT, 1900 * SECOND);
    struct state_site *site = image_at(&im, IN_SITES, 0);
    site->rate_milli[KIND_CLOSE_WAIT] = 3000;
    site->trend[KIND_CLOSE_WAIT] = TREND_GROWING;
    build();
    assert_true(m.report.groups[0].growing);
    assert_int_equal(m.report.groups[0].rate_milli, 3000);
    drop();
    suppress_parse(text, sizeof text - 1, rules, &n, 1, NULL, NULL);
    assert_int_equal(n, 1);
    options.rules = rules;
    options.n_rules = n;
    build();
    assert_int_equal(m.report.leaks, 0);
    assert_int_equal(m.report.suppressed, 1);
    assert_int_equal(rules[0].sockets, 1);
}

static void the_order_is_by_count_rate_or_age(void **state)
{
    (void)state;
    for (int fd = 3; fd < 6; fd++) {
        statefile_socket(&im, fd, 0);
        statefile_detail(&im, fd, KIND_CLOSE_WAIT, 1990 * SECOND);
    }
    statefile_socket(&im, 6, 256);
    statefile_detail(&im, 6, KIND_CLOSE_WAIT, 1800 * SECOND);
    for (int fd = 7; fd < 9; fd++) {
        statefile_socket(&im, fd, 512);
        statefile_detail(&im, fd, KIND_CLOSE_WAIT, 1995 * SECOND);
    }
    struct state_site *fast = image_at(&im, IN_SITES, 512);
    fast->rate_milli[KIND_CLOSE_WAIT] = 1;
    static const struct {
        enum model_sort sort;
        uint64_t first;
    } all[] = {{SORT_STUCK, 0x1000}, {SORT_AGE, 0x1100}, {SORT_RATE, 0x1200}};
    for (size_t i = 0; i < 3; i++) {
        if (i)
            drop();
        options.sort = all[i].sort;
        build();
        assert_int_equal(m.report.groups[0].siteid, all[i].first);
    }
    drop();
    options.max_leaks = 1;
    options.sort = SORT_STUCK;
    build();
    assert_int_equal(m.report.n_groups, 1);
    assert_int_equal(m.report.groups_left_out, 2);
    assert_int_equal(m.report.sockets_left_out, 3);
    assert_int_equal(m.report.leaks, 6);
}

/*
 * The live process is this one: a listener, a connected pair, and a socket that the peer has
 * closed.
 */
static void a_live_process_is_judged_by_the_kernel(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    int left = socket(AF_INET, SOCK_STREAM, 0), good = socket(AF_INET, SOCK_STREAM, 0), file = dup(2);
    assert_int_equal(connect(left, (struct sockaddr *)&at, len), 0);
    assert_int_equal(send(left, "abc", 3, 0), 3);
    int gone = accept(listener, NULL, NULL);
    char three[3];
    assert_int_equal(recv(gone, three, 3, MSG_WAITALL), 3); /* else its close is a reset */
    close(gone);
    assert_int_equal(connect(good, (struct sockaddr *)&at, len), 0);
    int accepted = accept(listener, NULL, NULL);

    char process_state;
    head->end = END_RUNNING;
    head->pid = (uint32_t)getpid();
    assert_true(load_stat(getpid(), &head->start_ticks, &process_state));
    head->last_look_ns = 0;                        /* no watcher */
    statefile_socket(&im, left, 0)->opened_ns = 1; /* no look yet: the kernel says CLOSE_WAIT */
    statefile_socket(&im, good, 0);
    statefile_detail(&im, good, KIND_CLOSE_WAIT, 1); /* an old look, refuted */
    statefile_socket(&im, accepted, 0);
    statefile_socket(&im, file, 0);
    statefile_detail(&im, file, KIND_CLOSE_WAIT, 1); /* no socket any more */
    statefile_socket(&im, 60, 0);
    statefile_detail(&im, 60, KIND_CLOSE_WAIT, 1); /* closed */
    options.min_age_set = true;
    build();
    assert_true(m.checked);
    assert_int_equal(m.report.leaks, 1);
    assert_int_equal(m.findings[0].fd, left);
    assert_int_equal(m.findings[0].kind, KIND_CLOSE_WAIT);
    assert_non_null(strstr(m.findings[0].peer, "127.0.0.1:"));
    assert_int_equal(m.unconfirmed, 3);
    assert_int_equal(m.report.reason, REASON_REQUEST);
    assert_int_equal(m.findings[0].watch, WATCH_NOBODY); /* this thread is reading that file */
    assert_true(m.findings[0].transfer.has_received && m.findings[0].transfer.has_sent);
    assert_int_equal(m.findings[0].transfer.received, 0);
    assert_int_equal(m.findings[0].transfer.sent, 3);
    drop();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = 77};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, left, &e), 0);
    build();
    assert_int_equal(m.findings[0].watch, WATCH_EPOLL);
    assert_int_equal(m.report.groups[0].findings[0].n_watches, 1);
    assert_int_equal(m.report.groups[0].findings[0].watches[0].epfd, epoll);
    assert_true(m.report.groups[0].findings[0].watches[0].data == 77);
    drop();
    options.no_watched = true;
    build();
    assert_int_equal(m.findings[0].watch, WATCH_UNKNOWN);
    assert_false(m.findings[0].transfer.has_sent);
    close(epoll);
    close(listener);
    close(left);
    close(good);
    close(file);
    close(accepted);
}

static void processes_are_merged_by_kind_and_stack(void **state)
{
    (void)state;
    struct model parts[2], all;
    struct loaded_file files[2];
    for (int i = 0; i < 2; i++) {
        head->pid = 4194304u + (unsigned)i;
        head->last_look_ns = (2000 + 100 * (unsigned)i) * SECOND;
        statefile_socket(&im, 3 + i, 0);
        struct state_detail *d = statefile_detail(&im, 3 + i, KIND_CLOSE_WAIT, 1990 * SECOND);
        d->tcp_state = ST_CLOSE_WAIT;
        finding_transfer_to(d, &(struct transfer){.received = 16, .has_received = true, .moved_ns = (1980 + 100 * (unsigned)i) * SECOND});
        statefile_write(&im);
        assert_null(load_file(&files[i], statefile_path));
        unlink(statefile_path);
        model_build(&parts[i], &files[i], sym, &options);
    }
    model_merge(&all, parts, 2, 17, "/bin/cmd", &options);
    assert_int_equal(all.report.pid, 17);
    assert_int_equal(all.report.n_groups, 1);
    assert_int_equal(all.report.groups[0].count, 3);
    assert_int_equal(all.report.groups[0].opened, 1 + 2);
    assert_int_equal(all.report.groups[0].n_frames, 2);
    assert_int_equal(all.report.groups[0].oldest_ns, 110 * SECOND);
    assert_int_equal(all.report.groups[0].youngest_ns, 10 * SECOND);
    assert_int_equal(all.report.groups[0].findings[2].pid, 4194304);
    for (unsigned i = 0; i < 3; i++) { /* idle for 20 s at the last look of its process; fd 3 is in both files */
        const struct finding *f = &all.report.groups[0].findings[i];
        assert_int_equal(f->transfer.received, 16);
        assert_int_equal(all.report.now_ns - f->transfer.moved_ns, (f->fd == 3 && f->pid == 4194305 ? 120 : 20) * SECOND);
        assert_int_equal(f->watch, WATCH_UNKNOWN);
    }
    assert_int_equal(all.report.leaks, 3);
    assert_int_equal(all.report.sites, 1);
    model_free(&all);
    for (int i = 0; i < 2; i++) {
        model_free(&parts[i]);
        load_free(&files[i]);
    }
    build();
}

/* A list of one function, NAME, that would be called for COUNT sockets; NUMBER stands for all such lists. */
static struct told handler(struct frame *f, const char *name, uint64_t number, uint64_t count)
{
    *f = (struct frame){.symbol = name, .file = "app.js", .line = 7, .on = "server 'connection'"};
    return (struct told){.event = EVENT_HANDLED_BY, .siteid = number, .count = count, .n_frames = 1, .frames = f};
}

static void handlers_of_two_processes_are_added_up_and_the_commonest_of_all_are_told(void **state)
{
    (void)state;
    struct arena a = {0};
    struct frame f[7];
    const struct told first[] = {handler(&f[0], "a", 1, 9), handler(&f[1], "b", 2, 2), handler(&f[2], "c", 3, 1)},
                      second[] = {handler(&f[3], "d", 4, 5), handler(&f[4], "c", 3, 4), handler(&f[5], "b2", 2, 3),
                                  handler(&f[6], "e", 5, 1)};
    static const char *const want[] = {"a", "c", "d", "b2", "b", "e"};
    static const uint64_t counts[] = {9, 5, 5, 3, 2, 1};
    struct group to = {.n_told = 1, .told = {{.event = EVENT_FIRST_RECEIVE, .siteid = 9, .count = 12}}}, none = {0},
                 one = {.handlers = first, .n_handlers = 3}, other = {.handlers = second, .n_handlers = 4};
    handlers_join(&a, &to, &one);
    handlers_join(&a, &to, &none);
    handlers_join(&a, &to, &other);
    group_told_named(&to);
    assert_int_equal(to.n_handlers, 6);
    assert_int_equal(to.n_told, 4);
    assert_int_equal(to.told[0].event, EVENT_FIRST_RECEIVE);
    for (unsigned i = 0; i < 6; i++) {
        assert_string_equal(to.handlers[i].frames[0].symbol, want[i]);
        assert_int_equal(to.handlers[i].count, counts[i]);
        if (i < 3)
            assert_string_equal(to.told[1 + i].frames[0].symbol, want[i]);
    }
    arena_free(&a);
}

static void each_variant_of_a_site_is_told_the_handlers_of_its_own_sockets(void **state)
{
    (void)state;
    struct frame names[4];
    struct told handled[2][2] = {{handler(&names[0], "a", 1, 0), handler(&names[1], "b", 2, 0)},
                                 {handler(&names[2], "b", 2, 0), handler(&names[3], "a", 1, 0)}};
    struct finding f[2][3];
    struct group g[2][2];
    struct model parts[2], all;
    memset(f, 0, sizeof f);
    memset(g, 0, sizeof g);
    memset(parts, 0, sizeof parts);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 3; k++) { /* the third has come to the second's end; of it no handlers are known */
            f[i][k] = (struct finding){.fd = 3 + (int)k, .kind = KIND_CLOSE_WAIT, .siteid = 77, .since_ns = SECOND, .told_eof = true};
            f[i][k].ends[0] = k ? 2 : 1;
            f[i][k].handled = k == 2 ? 0 : i ? 2 - k : 1 + k;
        }
        g[i][0] = (struct group){.kind = KIND_CLOSE_WAIT, .siteid = 77, .variants = 2, .variant = 1, .findings = f[i], .n_findings = 1};
        g[i][1] = (struct group){.kind = KIND_CLOSE_WAIT, .siteid = 77, .variants = 2, .variant = 2, .findings = f[i] + 1, .n_findings = 2};
        parts[i].report = (struct report){.pid = 100 + i, .now_ns = 5 * SECOND, .groups = g[i], .n_groups = 2};
        parts[i].handled = handled[i];
        parts[i].n_handled = 2;
    }
    model_merge(&all, parts, 2, 17, "/bin/cmd", &options);
    assert_int_equal(all.report.n_groups, 2);
    for (unsigned i = 0; i < 2; i++) { /* the one with more sockets first */
        const struct group *one = &all.report.groups[i];
        assert_int_equal(one->variants, 2);
        assert_int_equal(one->count, i ? 2 : 4);
        assert_int_equal(one->n_handlers, 1);
        assert_int_equal(one->handlers[0].count, 2);
        assert_string_equal(one->handlers[0].frames[0].symbol, i ? "a" : "b");
        assert_int_equal(one->n_told, 2); /* and the EOF */
        assert_int_equal(one->told[1].event, EVENT_HANDLED_BY);
    }
    model_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_of_two_processes_are_added_up_and_the_commonest_of_all_are_told),
        cmocka_unit_test(each_variant_of_a_site_is_told_the_handlers_of_its_own_sockets),
        cmocka_unit_test_setup_teardown(a_dead_process_is_reported_as_its_last_look_saw_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_dead_process_was_told_after_its_last_look_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(kinds_age_and_flags_leave_out_what_they_should, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_of_several_descriptors_counts_once, setup, teardown),
        cmocka_unit_test_setup_teardown(standard_descriptors_from_outside_are_not_this_programs, setup, teardown),
        cmocka_unit_test_setup_teardown(exec_has_closed_what_was_close_on_exec, setup, teardown),
        cmocka_unit_test_setup_teardown(growth_and_suppressions_reach_the_report, setup, teardown),
        cmocka_unit_test_setup_teardown(the_order_is_by_count_rate_or_age, setup, teardown),
        cmocka_unit_test_setup_teardown(a_live_process_is_judged_by_the_kernel, setup, teardown),
        cmocka_unit_test_setup_teardown(processes_are_merged_by_kind_and_stack, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
