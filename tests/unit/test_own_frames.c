/* SPDX-License-Identifier: MIT */
/* test_own_frames.c: which frames at the top of a stack are not the program's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/own_frames.h"

#define GLIBC "/usr/include/x86_64-linux-gnu/"
#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"

static size_t begin_after(const struct frame *top)
{
    struct frame stack[2] = {*top, {.module = "/srv/app", .symbol = "main", .file = "app.c", .line = 3}};
    return own_frames_begin(stack, 2);
}
static size_t inlined_from(const char *file)
{
    return begin_after(&(struct frame){.module = "/srv/app", .symbol = "recv", .file = file, .line = 38, .inlined = true});
}
static size_t of(const char *module) { return begin_after(&(struct frame){.module = module, .symbol = "recv"}); }

static void an_inlined_function_of_a_fortified_header_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(inlined_from(GLIBC "bits/socket2.h"), 1);
    assert_int_equal(inlined_from("/usr/include/bits/unistd.h"), 1);
    assert_int_equal(inlined_from("/opt/root/usr/include/bits/poll2.h"), 1);
    assert_int_equal(inlined_from("/nix/store/abc-glibc-2.37-dev/include/bits/socket2.h"), 1);
    assert_int_equal(inlined_from("/usr/include/fortify/sys/socket.h"), 1);
}

static void a_function_of_the_programs_own_stays_whatever_it_is_called(void **state)
{
    (void)state;
    assert_int_equal(inlined_from("src/net.c"), 0);
    assert_int_equal(inlined_from("src/bits/socket2.h"), 0);
    assert_int_equal(inlined_from("/srv/src/include/bits/socket2.h"), 0);
    assert_int_equal(inlined_from("/usr/include/mylib/net.h"), 0);
    assert_int_equal(inlined_from("/usr/include/mylib/bits/net.h"), 0);
    assert_int_equal(inlined_from("/usr/include/x86_64-linux-gnu/c++/12/bits/opt.h"), 0);
    assert_int_equal(inlined_from("/usr/include/c++/12/bits/unique_ptr.h"), 0);
    assert_int_equal(inlined_from(NULL), 0);
    /* not inlined: it is a call in the program's code, which the line table puts there */
    assert_int_equal(begin_after(&(struct frame){.module = "/srv/app", .symbol = "recv", .file = GLIBC "bits/socket2.h"}), 0);
    assert_int_equal(of("/srv/app"), 0);
    assert_int_equal(of(NULL), 0); /* generated code */
}

static void *no_memory(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return NULL;
}

static void the_c_librarys_own_frames_are_left_out(void **state)
{
    (void)state;
    static const char *const inner[] = {LIBC,
                                        "/lib/libc-2.31.so",
                                        "libpthread.so.0",
                                        "/lib/libresolv.so.2",
                                        "/lib/libnss_dns.so.2",
                                        "/lib64/ld-linux-x86-64.so.2",
                                        "/lib/ld-2.31.so",
                                        "/lib/libc.musl-x86_64.so.1",
                                        "/lib/ld-musl-x86_64.so.1",
                                        "/usr/lib/libasan.so.8",
                                        "/opt/libsockleak.so",
                                        "/opt/libsockleak.so.0",
                                        "/opt/libsockleak-musl.so"};
    static const char *const own[] = {"/usr/lib/libcurl.so.4", "/usr/lib/libc-client.so.2007e", "/usr/bin/ld.bfd",
                                      "/usr/bin/ld",           "/usr/lib/libdlib.so",           "/usr/bin/libc",
                                      "libresolver.so"};
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        assert_int_equal(of(inner[i]), 1);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_int_equal(of(own[i]), 0);
}

static void only_those_in_front_of_the_programs_first_are_left_out(void **state)
{
    (void)state;
    const struct frame stack[] = {{.module = "/lib/libresolv.so.2", .symbol = "send_dg"},
                                  {.module = LIBC, .symbol = "getaddrinfo"},
                                  {.module = "/srv/app", .symbol = "recv", .file = GLIBC "bits/socket2.h", .inlined = true},
                                  {.module = "/srv/app", .symbol = "login"},
                                  {.module = LIBC, .symbol = "qsort"},
                                  {.module = "/srv/app", .symbol = "main"},
                                  {.module = LIBC, .symbol = "__libc_start_main"}};
    assert_int_equal(own_frames_begin(stack, 7), 3);
    struct group g = {.frames = stack, .n_frames = 7, .n_told = 2};
    g.told[0].frames = stack + 3;
    g.told[0].n_frames = 4;
    g.told[1].frames = stack;
    g.told[1].n_frames = 7;
    struct report r = {.groups = &g, .n_groups = 1};
    own_frames_show(&r, no_memory, NULL);
    own_frames_show(&r, no_memory, NULL);
    assert_ptr_equal(g.frames, stack + 3);
    assert_int_equal(g.n_frames, 4);
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(g.told[i].frames, stack + 3);
        assert_int_equal(g.told[i].n_frames, 4);
    }
}

static void *heap_memory(void *arg, size_t size)
{
    void **kept = arg;
    return *kept = calloc(1, size);
}

static void the_interpreter_is_folded_away_where_a_runtimes_frames_stand(void **state)
{
    (void)state;
    static const char socket_py[] = "/usr/lib/python3.11/socket.py";
    const struct frame stack[] = {{.module = "/usr/lib/python3.11/lib-dynload/_socket.so", .symbol = "sock_initobj", .interpreter = true},
                                  {.symbol = "socket.__init__", .file = socket_py, .line = 232, .runtime = RUNTIME_PYTHON},
                                  {.module = "/usr/bin/python3.11", .symbol = "_PyEval_EvalFrameDefault", .interpreter = true},
                                  {.module = "/srv/ext.so", .symbol = "ext_connect"},
                                  {.symbol = "login", .file = "app/web.py", .line = 88, .runtime = RUNTIME_PYTHON},
                                  {.module = "/usr/bin/python3.11", .symbol = "Py_BytesMain", .interpreter = true},
                                  {.module = LIBC, .symbol = "__libc_start_main"}};
    void *kept = NULL;
    struct group g = {.frames = stack, .n_frames = 7, .n_told = 1};
    struct report r = {.groups = &g, .n_groups = 1};
    own_frames_show(&r, heap_memory, &kept);
    own_frames_show(&r, no_memory, NULL); /* as of a merged report: nothing is left to fold */
    assert_int_equal(g.n_frames, 2);
    assert_string_equal(g.frames[0].symbol, "ext_connect");
    assert_string_equal(g.frames[1].symbol, "login");
    assert_int_equal(g.n_whole, 7);
    for (unsigned i = 0; i < 7; i++) {
        assert_string_equal(g.whole[i].symbol, stack[i].symbol);
        assert_int_equal(g.whole[i].interpreter, i != 3 && i != 4);
    }
    free(kept);
    /* without memory, and without a frame of a runtime, all is shown */
    struct group other = {.frames = stack, .n_frames = 7};
    own_frames_show(&(struct report){.groups = &other, .n_groups = 1}, no_memory, NULL);
    assert_int_equal(other.n_frames, 7);
    struct frame native[] = {{.module = "/usr/bin/python3.11", .symbol = "main", .interpreter = true}};
    own_frames_settle(native, 1);
    assert_false(native[0].interpreter);
}

static void a_program_that_is_all_library_is_shown_with_its_first_frames(void **state)
{
    (void)state;
    const struct frame stack[] = {{.symbol = "f", .file = "/usr/lib/python3.11/smtpd.py", .line = 1, .runtime = RUNTIME_PYTHON},
                                  {.symbol = "<module>", .file = "/usr/lib/python3.11/smtpd.py", .line = 9, .runtime = RUNTIME_PYTHON}};
    struct group g = {.frames = stack, .n_frames = 2};
    own_frames_show(&(struct report){.groups = &g, .n_groups = 1}, no_memory, NULL);
    assert_int_equal(g.n_frames, 2);
    const struct frame package = {.symbol = "get", .file = "/usr/lib/python3/dist-packages/requests/api.py", .runtime = RUNTIME_PYTHON};
    assert_true(own_frames_is_library(&package, true));
    assert_false(own_frames_is_library(&package, false));
    assert_true(own_frames_is_library(&stack[0], false));
    assert_false(own_frames_is_library(&(struct frame){.symbol = "f", .runtime = RUNTIME_PYTHON}, true));
    /* by a source map: of a package that was compiled, and of one that is in the program's bundle */
    struct frame mapped = {
        .file = "webpack://ws/lib/a.ts", .runtime = RUNTIME_JAVASCRIPT, .generated_file = "/srv/node_modules/ws/dist/a.js"};
    assert_true(own_frames_is_library(&mapped, true));
    assert_false(own_frames_is_library(&mapped, false));
    mapped.generated_file = "/srv/dist/app.js";
    assert_false(own_frames_is_library(&mapped, true));
    mapped.file = "/srv/node_modules/ws/lib/a.ts";
    assert_true(own_frames_is_library(&mapped, true));
}

static void a_java_stack_begins_at_the_first_class_that_is_not_the_jdks(void **state)
{
    (void)state;
    const struct frame stack[] = {{.symbol = "sun.nio.ch.Net.socket0", .file = "Net.java", .runtime = RUNTIME_JAVA},
                                  {.symbol = "java.net.Socket.<init>", .file = "Socket.java", .line = 1, .runtime = RUNTIME_JAVA},
                                  {.symbol = "javac.Login.run", .file = "Login.java", .line = 2, .runtime = RUNTIME_JAVA},
                                  {.symbol = "java.lang.Thread.run", .file = "Thread.java", .line = 3, .runtime = RUNTIME_JAVA}};
    void *made = NULL;
    struct group g = {.frames = stack, .n_frames = 4};
    own_frames_show(&(struct report){.groups = &g, .n_groups = 1}, heap_memory, &made);
    assert_int_equal(g.n_frames, 2);
    assert_string_equal(g.frames[0].symbol, "javac.Login.run");
    assert_int_equal(g.n_whole, 4);
    free(made);
    assert_false(own_frames_is_library(&(struct frame){.file = "Net.java", .runtime = RUNTIME_JAVA}, true));
}

static void the_programs_own_function_names_a_stack_that_begins_in_a_package(void **state)
{
    (void)state;
    struct frame frames[] = {
        {.module = "/srv/app/_driver.so", .symbol = "driver_connect"},
        {.runtime = RUNTIME_PYTHON, .symbol = "create_connection", .file = "/usr/lib/python3/dist-packages/urllib3/util/connection.py"},
        {.runtime = RUNTIME_PYTHON, .symbol = "request", .file = "/usr/lib/python3.11/http/client.py"},
        {.runtime = RUNTIME_PYTHON, .symbol = "hidden", .file = "/srv/app/web.py", .interpreter = true},
        {.runtime = RUNTIME_PYTHON, .symbol = "log_in", .file = "/srv/app/web.py"},
        {.runtime = RUNTIME_PYTHON, .symbol = "main", .file = "/srv/app/main.py"},
    };
    assert_int_equal(own_frames_name(frames, 6), 4);
    assert_int_equal(own_frames_name(frames, 4), 0); /* nothing of its own */
    assert_int_equal(own_frames_name(frames, 1), 0);
    assert_int_equal(own_frames_name(frames, 0), 0);
}

static void the_modules_that_are_part_of_node_are_folded_at_both_ends(void **state)
{
    (void)state;
    const struct frame stack[] = {{.module = "/usr/bin/node", .symbol = "node::TCPWrap::Listen", .interpreter = true},
                                  {.symbol = "listen", .file = "node:net", .line = 1, .runtime = RUNTIME_JAVASCRIPT},
                                  {.symbol = "start", .file = "/srv/app.js", .line = 2, .runtime = RUNTIME_JAVASCRIPT},
                                  {.symbol = "emit", .file = "node:events", .line = 3, .runtime = RUNTIME_JAVASCRIPT},
                                  {.symbol = "<anonymous>", .file = "/srv/app.js", .line = 4, .runtime = RUNTIME_JAVASCRIPT},
                                  {.symbol = "run", .file = "node:internal/main", .line = 5, .runtime = RUNTIME_JAVASCRIPT},
                                  {.module = "/usr/bin/node", .symbol = "main", .interpreter = true}};
    void *kept = NULL;
    struct group g = {.frames = stack, .n_frames = 7};
    own_frames_show(&(struct report){.groups = &g, .n_groups = 1}, heap_memory, &kept);
    assert_int_equal(g.n_frames, 3);
    assert_string_equal(g.frames[0].symbol, "start");
    assert_string_equal(g.frames[2].symbol, "<anonymous>");
    assert_int_equal(g.n_whole, 7);
    free(kept);
    /* where nothing else is, they are shown */
    const struct frame own[] = {stack[0], stack[1], stack[5], stack[6]};
    g = (struct group){.frames = own, .n_frames = 4};
    own_frames_show(&(struct report){.groups = &g, .n_groups = 1}, heap_memory, &kept);
    assert_int_equal(g.n_frames, 2);
    assert_string_equal(g.frames[0].symbol, "listen");
    free(kept);
}

static void a_stack_of_the_c_library_alone_is_shown_as_it_is(void **state)
{
    (void)state;
    const struct frame stack[] = {{.module = LIBC, .symbol = "timer_helper_thread"}, {.module = LIBC, .symbol = "start_thread"}};
    assert_int_equal(own_frames_begin(stack, 2), 0);
    assert_int_equal(own_frames_begin(NULL, 0), 0);
    struct group g = {.n_frames = 0};
    own_frames_show(&(struct report){.groups = &g, .n_groups = 1}, no_memory, NULL);
    assert_null(g.frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inlined_function_of_a_fortified_header_is_left_out),
        cmocka_unit_test(the_interpreter_is_folded_away_where_a_runtimes_frames_stand),
        cmocka_unit_test(a_program_that_is_all_library_is_shown_with_its_first_frames),
        cmocka_unit_test(a_function_of_the_programs_own_stays_whatever_it_is_called),
        cmocka_unit_test(the_c_librarys_own_frames_are_left_out),
        cmocka_unit_test(only_those_in_front_of_the_programs_first_are_left_out),
        cmocka_unit_test(a_java_stack_begins_at_the_first_class_that_is_not_the_jdks),
        cmocka_unit_test(the_programs_own_function_names_a_stack_that_begins_in_a_package),
        cmocka_unit_test(the_modules_that_are_part_of_node_are_folded_at_both_ends),
        cmocka_unit_test(a_stack_of_the_c_library_alone_is_shown_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
