/* SPDX-License-Identifier: MIT */
/*
 * test_trace_table.c: a state file that is written from outside, read as any other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/state/load.h"
#include "cli/trace/state_modules.h"
#include "cli/trace/state_sites.h"
#include "core/frame_role.h"
#include "core/runtime_files.h"

static char dir[] = "/tmp/slt-table.XXXXXX";
static struct state_writer *w;

static struct state_writer *open_one(uint32_t pid)
{
    struct state_header h;
    memset(&h, 0, sizeof h);
    h.pid = pid;
    h.start_ticks = 1;
    h.enabled = 1;
    h.kinds = KINDS_DEFAULT;
    struct state_writer *writer = state_writer_open(dir, &h);
    assert_non_null(writer);
    return writer;
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/slt-table.XXXXXX");
    assert_non_null(mkdtemp(dir));
    w = open_one(4711);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    state_writer_close(w, true);
    return rmdir(dir);
}

/* The site of a Go stack that ends with who created and who waits. */
static struct walk go_stack(void)
{
    struct walk walk = {.n = 4};
    walk.frames[0] = (struct walk_frame){.pc = 1, .function = "net.socket", .file = "/usr/lib/go/src/net/sock_posix.go", .line = 19};
    walk.frames[1] = (struct walk_frame){.pc = 2, .function = "net.dial", .file = "/usr/lib/go/src/net/dial.go", .line = 5};
    walk.frames[2] =
        (struct walk_frame){.function = "net/http.queue", .file = "/usr/lib/go/src/net/http/t.go", .line = 9, .role = ROLE_CREATED_BY};
    walk.frames[3] = (struct walk_frame){.function = "main.post", .file = "/src/main.go", .line = 3, .role = ROLE_WAITED_FOR_BY};
    return walk;
}

static unsigned role_of(state_ref ref, unsigned nth)
{
    struct state_view view = state_writer_view(w);
    struct state_site_view site;
    struct state_frame_view f;
    assert_true(state_site_at(&view, ref, &site) && nth < site.nframes);
    return state_frame_at(&view, site.pcs[nth], &f) ? state_frame_role(f.frame) : 99;
}

static const char *function_of(const struct state_writer *from, state_ref ref, unsigned nth)
{
    struct state_view view = state_writer_view(from);
    struct state_site_view site;
    struct state_frame_view f;
    assert_true(state_site_at(&view, ref, &site) && nth < site.nframes);
    return state_frame_at(&view, site.pcs[nth], &f) ? f.function : NULL;
}

static void the_command_reads_what_the_tracer_writes(void **state)
{
    (void)state;
    struct loaded_file l;
    struct walk walk = go_stack();
    state_ref site = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64);
    struct state_slot set = {.opened_ns = 5, .site = site, .tid = 7, .family = AF_INET, .type_origin = SOCK_STREAM}, copy;
    assert_true(site != 0);
    atomic_store(&set.cookie, 99);
    for (int fd = 3; fd < 200; fd += 96)
        state_writer_enter(state_writer_slot(w, fd, true), &set);
    assert_null(load_file(&l, w->path));
    uint64_t pos = 0;
    int fd, n = 0;
    while (state_next_slot(&l.view, &pos, &fd, &copy)) {
        assert_true(copy.site == site && copy.tid == 7 && atomic_load(&copy.cookie) == 99);
        n++;
    }
    assert_int_equal(n, 3);
    struct state_slot *slot = state_writer_slot(w, 99, false);
    struct state_detail *d = state_writer_detail(w, slot, true);
    d->kind = KIND_CLOSE_WAIT;
    assert_null(state_slot_detail(&l.view, slot)); /* not before it is complete */
    state_writer_detail_ready(slot, d);
    load_grown(&l);
    assert_true(state_copy_slot(slot, &copy) && state_slot_detail(&l.view, &copy));
    state_writer_leave(w, slot);
    assert_false(state_copy_slot(slot, &copy));
    state_writer_enter(slot, &set);
    assert_true(state_copy_slot(slot, &copy));
    assert_null(state_slot_detail(&l.view, &copy)); /* the number's next socket has none of it */
    load_free(&l);
}

static void equal_stacks_are_one_site_with_the_parts_of_their_frames(void **state)
{
    (void)state;
    struct walk walk = go_stack();
    state_ref a = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), b = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64);
    assert_int_equal(a, b);
    assert_int_equal(role_of(a, 1), FRAME_ROLE_STACK);
    assert_int_equal(role_of(a, 2), FRAME_ROLE_CREATED_BY);
    assert_int_equal(role_of(a, 3), FRAME_ROLE_WAITED_FOR_BY);
    walk.frames[3].role = ROLE_CREATED_BY;
    assert_int_not_equal(state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), a);
    assert_int_not_equal(state_sites_intern(w, getpid(), &walk, CALL_ACCEPT, 64), a);
    walk.n = 0;
    assert_int_equal(state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), 0);
}

static void a_walk_with_a_number_is_the_site_that_it_was_with_this_call(void **state)
{
    (void)state;
    struct walk walk = go_stack(), other = go_stack();
    walk.known = 1;
    other.known = 1 + STATE_KNOWN_WALKS; /* at the same place */
    other.frames[0].line++;
    for (int i = 0; i < 2; i++) {
        state_ref a = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64);
        assert_int_equal(state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), a);
        assert_int_not_equal(state_sites_intern(w, getpid(), &walk, CALL_SOCKET | CALL_FAILED, 64), a); /* at the same place too */
        assert_int_not_equal(state_sites_intern(w, getpid(), &other, CALL_SOCKET, 64), a);
        walk.known = 0;
        assert_int_equal(state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), a);
        walk.known = 1;
    }
}

static void where_frames_are_few_those_who_wait_stay(void **state)
{
    (void)state;
    struct walk walk = go_stack();
    state_ref site = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 3);
    assert_string_equal(function_of(w, site, 0), "net.socket");
    assert_string_equal(function_of(w, site, 1), "net/http.queue");
    assert_string_equal(function_of(w, site, 2), "main.post");
}

static void a_stack_gets_its_waiter_later(void **state)
{
    (void)state;
    struct walk walk = go_stack(), early = go_stack();
    early.n = 3;
    state_ref site = state_sites_intern(w, getpid(), &early, CALL_SOCKET, 64);
    state_ref with = state_sites_with_waiter(w, site, &walk, 64);
    assert_int_equal(with, state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64));
    assert_int_equal(state_sites_with_waiter(w, with, &walk, 64), with);
    assert_int_equal(state_sites_with_waiter(w, site, &early, 64), site);
    state_sites_opened(w, site, 2);
    state_sites_moved(w, site, with);
    assert_int_equal(atomic_load(&((struct state_site *)state_writer_at(w, site))->opened), 1);
    assert_int_equal(atomic_load(&((struct state_site *)state_writer_at(w, with))->opened), 1);
}

static void either_of_two_is_both_with_a_mark_between(void **state)
{
    (void)state;
    struct walk walk = go_stack();
    state_ref a = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64);
    walk.frames[0].line = 20;
    state_ref b = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), both = state_sites_either(w, (state_ref[]){a, b}, 2);
    assert_int_equal(role_of(both, 4), FRAME_ROLE_OR);
    assert_string_equal(function_of(w, both, 4), "");
    assert_string_equal(function_of(w, both, 5), "net.socket");
    assert_int_equal(state_sites_either(w, (state_ref[]){a, b}, 2), both);
    assert_int_equal(state_sites_either(w, (state_ref[]){a, 0}, 2), 0);
}

static void a_child_s_file_has_its_parent_s_stack(void **state)
{
    (void)state;
    struct walk walk = go_stack();
    struct state_writer *child = open_one(4712);
    walk.frames[1] = (struct walk_frame){.pc = (uint64_t)(uintptr_t)&setup + 1};
    state_ref site = state_sites_intern(w, getpid(), &walk, CALL_SOCKET, 64), copy = state_sites_copy(child, w, site);
    const struct state_site *a = state_writer_at(w, site), *b = state_writer_at(child, copy);
    assert_true(a->siteid == b->siteid && a->call == b->call && a->nframes == b->nframes);
    assert_string_equal(function_of(child, copy, 3), "main.post");
    const struct state_module *m = state_modules_at(child, 0);
    assert_non_null(strstr(m->path, "test_trace_table"));
    assert_true(m->build_id_len > 0 && m->start <= (uint64_t)(uintptr_t)&setup && (uint64_t)(uintptr_t)&setup < m->end);
    state_writer_close(child, true);
}

static void a_module_that_an_exec_has_replaced_is_another_one(void **state)
{
    (void)state;
    uint64_t here = (uint64_t)(uintptr_t)&setup;
    unsigned first = state_modules_of(w, getpid(), here);
    assert_int_equal(first, state_modules_of(w, getpid(), here + 1));
    assert_int_equal(state_modules_of(w, getpid(), 16), STATE_NO_MODULE);
    state_modules_gone(w, 5);
    assert_int_not_equal(state_modules_of(w, getpid(), here), first);
    assert_int_equal(atomic_load(&state_modules_at(w, first)->unloaded_ns), 5);
}

static void the_parts_of_a_stack_are_found_and_named(void **state)
{
    (void)state;
    const struct frame f[] = {{.symbol = "a"},
                              {.symbol = "b", .role = FRAME_ROLE_CREATED_BY, .begins = true},
                              {.symbol = "c", .role = FRAME_ROLE_WAITED_FOR_BY, .begins = true},
                              {.symbol = "d", .role = FRAME_ROLE_WAITED_FOR_BY},
                              {.symbol = "e", .role = FRAME_ROLE_OR, .begins = true},
                              {.symbol = "f", .role = FRAME_ROLE_OR, .begins = true}};
    size_t at = 0;
    assert_true(frame_role_part(f, 6, FRAME_ROLE_WAITED_FOR_BY, &at) == 2 && at == 2);
    at = 0;
    assert_true(frame_role_part(f, 6, FRAME_ROLE_OR, &at) == 1 && at == 4);
    at = 5;
    assert_true(frame_role_part(f, 6, FRAME_ROLE_OR, &at) == 1 && at == 5);
    at = 6;
    assert_int_equal(frame_role_part(f, 6, FRAME_ROLE_OR, &at), 0);
    assert_int_equal(frame_role_first(f, 6), 4);
    assert_true(frame_role_is_either(f, 6) && !frame_role_is_either(f, 4));
    assert_null(frame_role_heading(&f[0]));
    assert_string_equal(frame_role_heading(&f[1]), "created by");
    assert_string_equal(frame_role_heading(&f[2]), "waited for by");
    assert_null(frame_role_heading(&f[3]));
    assert_null(frame_role_name(FRAME_ROLE_STACK));
    assert_string_equal(frame_role_name(FRAME_ROLE_CREATED_BY), "created_by");
    assert_null(frame_role_name(99));
}

static void go_s_own_packages_are_told_from_the_program_s(void **state)
{
    (void)state;
    assert_int_equal(runtime_files_code(RUNTIME_GO, "/x/net/http/client.go", "net/http.(*Client).Do"), RUNTIME_CODE_LIBRARY);
    assert_int_equal(runtime_files_code(RUNTIME_GO, "/x/main.go", "main.post"), RUNTIME_CODE_PROGRAM);
    assert_int_equal(runtime_files_code(RUNTIME_GO, "/x/db.go", "network/db.Open"), RUNTIME_CODE_PROGRAM);
    assert_int_equal(runtime_files_code(RUNTIME_GO, "/root/go/pkg/mod/github.com/lib/pq@v1.10/conn.go", "github.com/lib/pq.dial"),
                     RUNTIME_CODE_PACKAGE);
    assert_string_equal(runtime_files_stable(RUNTIME_GO, "/usr/lib/go-1.19/src/net/dial.go"), "net/dial.go");
    assert_string_equal(runtime_files_stable(RUNTIME_GO, "/home/x/main.go"), "main.go");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_command_reads_what_the_tracer_writes),
        CASE(equal_stacks_are_one_site_with_the_parts_of_their_frames),
        CASE(a_walk_with_a_number_is_the_site_that_it_was_with_this_call),
        CASE(where_frames_are_few_those_who_wait_stay),
        CASE(a_stack_gets_its_waiter_later),
        CASE(either_of_two_is_both_with_a_mark_between),
        CASE(a_child_s_file_has_its_parent_s_stack),
        CASE(a_module_that_an_exec_has_replaced_is_another_one),
        cmocka_unit_test(the_parts_of_a_stack_are_found_and_named),
        cmocka_unit_test(go_s_own_packages_are_told_from_the_program_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
