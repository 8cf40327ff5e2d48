/* SPDX-License-Identifier: MIT */
/* test_wrappers_process.c: the end of the process and of its image, unloading, and calls by number. */
#include "wrappers_notes.h"

static int last_status;
static void leave(int status) { last_status = status; }
static void give_up(void) { last_status = -1; }
static long leave_by_number(long number, long a, long b, long c, long d, long e, long f)
{
    (void)b, (void)c, (void)d, (void)e, (void)f;
    last_status = number == SYS_exit_group ? (int)a : -1;
    return 0;
}

static void the_end_is_told_and_its_status_may_change(void **state)
{
    (void)state;
    real._exit = real._Exit = real.quick_exit = leave;
    real.abort = give_up;
    void (*const ways[])(int) = {wrap__exit, wrap__Exit};
    for (size_t i = 0; i < 2; i++) {
        last_status = 0;
        ways[i](3);
        noted("exiting(3,%d) ", END_EXIT);
        assert_int_equal(last_status, 55);
    }
    wrap_abort();
    noted("aborting ");
    assert_int_equal(last_status, -1);
    real.syscall = leave_by_number;
    wrap_syscall(SYS_exit_group, 4, 0, 0, 0, 0, 0);
    noted("exiting(4,%d) ", END_EXIT);
    assert_int_equal(last_status, 55);
}

static char said[256];
static int run(const char *path, char *const argv[], char *const envp[])
{
    snprintf(said, sizeof said, "%s", path);
    for (size_t i = 0; argv[i]; i++)
        snprintf(said + strlen(said), sizeof said - strlen(said), " %s", argv[i]);
    if (envp)
        snprintf(said + strlen(said), sizeof said - strlen(said), " | %s", envp[0]);
    errno = ENOENT;
    return -1;
}
static int run_here(const char *path, char *const argv[]) { return run(path, argv, NULL); }

static void an_exec_that_fails_is_told_and_taken_back(void **state)
{
    (void)state;
    char *argv[] = {(char *)"x", NULL}, *envp[] = {(char *)"E=1", NULL};
    const char *path = "/no/such/file";
    FAILS(wrap_execve(path, argv, envp), ENOENT, "exec exec_failed ");
    FAILS(wrap_execv(path, argv), ENOENT, "exec exec_failed ");
    FAILS(wrap_execvp(path, argv), ENOENT, "exec exec_failed ");
    FAILS(wrap_execvpe(path, argv, envp), ENOENT, "exec exec_failed ");
    FAILS(wrap_fexecve(-1, argv, envp), EINVAL, "exec exec_failed ");
    FAILS(wrap_execveat(AT_FDCWD, path, argv, envp, 0), ENOENT, "exec exec_failed ");
    FAILS(wrap_syscall(SYS_execve, (long)path, (long)argv, (long)envp, 0, 0, 0), ENOENT, "exec exec_failed ");
    real.execve = run;
    real.execv = real.execvp = run_here;
    FAILS(wrap_execl(path, "a", "b", "c", (char *)NULL), ENOENT, "exec exec_failed ");
    assert_string_equal(said, "/no/such/file a b c");
    FAILS(wrap_execlp("file", "a", (char *)NULL), ENOENT, "exec exec_failed ");
    assert_string_equal(said, "file a");
    FAILS(wrap_execlp("file", (char *)NULL), ENOENT, "exec exec_failed ");
    assert_string_equal(said, "file");
    FAILS(wrap_execle(path, "a", "b", (char *)NULL, envp), ENOENT, "exec exec_failed ");
    assert_string_equal(said, "/no/such/file a b | E=1");
}

static void dlclose_is_enclosed(void **state)
{
    (void)state;
    assert_int_equal(wrap_dlclose(dlopen("libm.so.6", RTLD_LAZY)), 0);
    noted("dlclose{ } sites ");
}

/* ---- syscall ---- */

static const void *came_from;
static long passed[7];
__attribute__((noinline)) static long record(long number, long a, long b, long c, long d, long e, long f)
{
    came_from = __builtin_return_address(0);
    memcpy(passed, (long[7]){number, a, b, c, d, e, f}, sizeof passed);
    return 0x123456789abcdef0;
}

static void a_foreign_number_is_handed_on_by_a_jump(void **state)
{
    (void)state;
    real.syscall = record;
    static const long numbers[] = {SYS_getpid, SYS_mmap, SYS_clone, 511, 512, 100000, -1, -512, 0x7fffffffffffffff};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const void *before = came_from = NULL;
        assert_true(wrap_syscall(numbers[i], 1, -2, 3, 1L << 40, 5, 6) == 0x123456789abcdef0);
        before = came_from;
        Dl_info info;
        assert_true(dladdr(before, &info) != 0);
        const char *here = (const char *)a_foreign_number_is_handed_on_by_a_jump;
        assert_true((const char *)before > here && (const char *)before < here + 4096);
        assert_memory_equal(passed, ((long[7]){numbers[i], 1, -2, 3, 1L << 40, 5, 6}), sizeof passed);
    }
    noted("");
}

static void a_known_number_gets_all_its_arguments(void **state)
{
    (void)state;
    real.syscall = record;
    for (long number = 0; number < 512; number++) {
        if (wrapper_numbers[number] == NOT_OURS || number == SYS_exit_group || number == SYS_recvmmsg || number == SYS_recvmsg)
            continue;
        struct pollfd none = {.fd = -1};
        wrap_syscall(number, (long)&none, 0, (long)buf, 4, 5, 6);
        assert_memory_equal(passed, ((long[7]){number, (long)&none, 0, (long)buf, 4, 5, 6}), sizeof passed);
    }
}

static void the_table_names_each_wrapper_with_its_original(void **state)
{
    (void)state;
    for (unsigned i = 0; i < wrapped_count; i++) {
        assert_non_null(wrapped_table[i].wrapper);
        assert_ptr_equal(*wrapped_table[i].real, ((void **)&real)[i]);
        assert_ptr_equal(*wrapped_table[i].real, dlsym(RTLD_NEXT, wrapped_table[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_end_is_told_and_its_status_may_change),
        CASE(an_exec_that_fails_is_told_and_taken_back),
        CASE(dlclose_is_enclosed),
        CASE(a_foreign_number_is_handed_on_by_a_jump),
        CASE(a_known_number_gets_all_its_arguments),
        CASE(the_table_names_each_wrapper_with_its_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
