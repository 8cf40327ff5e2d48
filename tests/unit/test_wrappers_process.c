/* SPDX-License-Identifier: MIT */
/*
 * test_wrappers_process.c: the end of the process and of its image, unloading, and calls by number.
 */
#include "wrappers_notes.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

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

static void a_program_that_libc_starts_is_told_with_its_pid_where_that_is_known(void **state)
{
    (void)state;
    char *argv[] = {(char *)"true", NULL};
    pid_t pid = 0;
    int status;
    assert_int_equal(wrap_posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ), 0);
    noted("start(posix_spawn) started(9,pid) ");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(wrap_posix_spawnp(NULL, "true", NULL, NULL, argv, environ), 0);
    noted("start(posix_spawnp) started(9,pid) ");
    assert_true(wait(&status) > 0);
    pid = -5;
    assert_int_equal(wrap_posix_spawn(&pid, "/no/such/file", NULL, NULL, argv, environ), ENOENT);
    noted("start(posix_spawn) started(9,?) ");
    assert_int_equal(pid, -5);
    FILE *f = wrap_popen("exit 3", "r");
    noted("start(popen) started(9,?) ");
    assert_int_equal(WEXITSTATUS(real.pclose(f)), 3);
    assert_int_equal(WEXITSTATUS(wrap_system("exit 4")), 4);
    noted("start(system) started(9,?) ");
    assert_true(wrap_system(NULL)); /* asks whether there is a shell, and starts none */
    noted("started(0,?) ");
}

static void a_program_that_cannot_be_started_for_want_of_a_descriptor_is_noted(void **state)
{
    (void)state;
    char *argv[] = {(char *)"true", NULL};
    struct rlimit was, none;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 9, "/dev/null", O_RDONLY, 0);
    getrlimit(RLIMIT_NOFILE, &was);
    none = (struct rlimit){0, was.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    FILE *f = wrap_popen("true", "r");
    bool popen_noted = strcmp(notes, "start(popen) started(9,?) exhausted(popen,24,0) ") == 0;
    notes[0] = 0;
    errno = 77;
    int error = wrap_posix_spawn(NULL, "/bin/true", &actions, NULL, argv, environ);
    setrlimit(RLIMIT_NOFILE, &was);
    assert_null(f);
    assert_true(popen_noted);
    assert_int_equal(error, EMFILE);
    noted("start(posix_spawn) started(9,?) exhausted(posix_spawn,24) ");
}

static void dlclose_is_enclosed(void **state)
{
    (void)state;
    assert_int_equal(wrap_dlclose(dlopen("libm.so.6", RTLD_LAZY)), 0);
    noted("dlclose{ } sites ");
}

/* ---- without the watcher ---- */

static int tries;
static int refused_twice(int flags)
{
    (void)flags;
    note("unshare ");
    errno = EINVAL;
    return ++tries < 3 ? -1 : 0;
}
static int refused_for_another_reason(int flags)
{
    (void)flags;
    note("unshare ");
    errno = EPERM;
    return -1;
}
static int same_range(unsigned first, unsigned last, int flags)
{
    note("close_range(%u,%u,%d) ", first, last, flags);
    return 0;
}

static void what_needs_one_thread_alone_is_done_without_the_watcher(void **state)
{
    (void)state;
    real.unshare = refused_twice;
    tries = 2;
    assert_int_equal(wrap_unshare(0), 0);
    noted("unshare ");
    may_suspend = true;
    tries = 0; /* the last thread is gone for us a moment before it is for the kernel */
    assert_int_equal(wrap_unshare(0), 0);
    noted("suspend unshare settle unshare settle unshare resume ");
    real.unshare = refused_for_another_reason;
    FAILS(wrap_unshare(0), EPERM, "suspend unshare resume ");
    may_suspend = false;
    real.unshare = refused_twice;
    tries = -100;
    FAILS(wrap_unshare(0), EINVAL, "unshare ");
    FAILS(wrap_setns(-1, 0), EBADF, "");
    may_suspend = true;
    FAILS(wrap_setns(-1, 0), EBADF, "suspend resume ");
    FAILS(wrap_syscall(SYS_setns, -1, 0, 0, 0, 0, 0), EBADF, "suspend resume ");
    real.close_range = same_range;
    wrap_close_range(400, 500, CLOSE_RANGE_UNSHARE);
    noted("suspend close_range(400,500,%d) resume ", CLOSE_RANGE_UNSHARE);
    wrap_close_range(400, 500, CLOSE_RANGE_CLOEXEC);
    noted("close_range(400,500,%d) ", CLOSE_RANGE_CLOEXEC);
    FAILS(wrap_syscall(SYS_close_range, 500, 400, CLOSE_RANGE_UNSHARE, 0, 0, 0), EINVAL,
          "suspend settle settle settle settle settle settle settle settle settle settle settle settle settle settle settle settle settle "
          "settle settle settle resume ");
}

/* ---- sandboxes ---- */

static long by_number;
static long answered(long number, long a, long b, long c, long d, long e, long f)
{
    (void)number, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    errno = EINVAL;
    return by_number;
}
static int prctl_answered(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    (void)what, (void)a, (void)b, (void)c, (void)d;
    return (int)by_number;
}

static void a_sandbox_that_was_put_on_is_told_and_the_watcher_stays_out_of_it(void **state)
{
    (void)state;
    real.prctl = prctl_answered;
    real.syscall = answered;
    by_number = 0;
    wrap_prctl(PR_SET_SECCOMP, 2, 0, 0, 0);
    noted("sandbox ");
    wrap_prctl(PR_SET_NAME, 2, 0, 0, 0);
    noted("");
    wrap_syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 0, 0, 0, 0);
    noted("sandbox ");
    may_suspend = true;
    wrap_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0, 0, 0, 0); /* of this thread alone */
    noted("sandbox ");
    wrap_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, 0, 0, 0, 0);
    noted("stop sandbox ");
    wrap_syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 0, 0, 0, 0);
    noted("");
    by_number = 5; /* a listener's descriptor, or the thread that could not take part */
    wrap_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 0, 0, 0);
    noted("sandbox ");
    wrap_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, 0, 0, 0, 0);
    noted("stop resume ");
    by_number = -1;
    assert_int_equal(wrap_prctl(PR_SET_SECCOMP, 2, 0, 0, 0), -1);
    noted("");
    FAILS(wrap_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, 0, 0, 0, 0), EINVAL, "stop resume ");
}

static void a_sandbox_by_the_number_of_prctl_is_told_too(void **state)
{
    (void)state;
    real.syscall = answered;
    by_number = 0;
    wrap_syscall(SYS_prctl, PR_SET_SECCOMP, 2, 0, 0, 0, 0);
    noted("sandbox ");
    by_number = -1;
    FAILS(wrap_syscall(SYS_prctl, PR_SET_SECCOMP, 2, 0, 0, 0, 0), EINVAL, "");
}

/* ---- rights ---- */

static int capset_answered(void *header, const void *data)
{
    (void)header, (void)data;
    errno = EPERM;
    return (int)by_number;
}
static int setfs_answered(unsigned id)
{
    (void)id;
    return 77;
}

static const long by_numbers[] = {SYS_prctl,     SYS_setuid,    SYS_setgid,    SYS_setreuid, SYS_setregid,
                                  SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_capset,   446};

static void a_change_of_rights_that_succeeded_is_followed(void **state)
{
    (void)state;
    real.prctl = prctl_answered;
    real.capset = capset_answered;
    real.setfsuid = real.setfsgid = setfs_answered;
    real.syscall = answered;
    for (rights_owner = 0; rights_owner < 2; rights_owner++) {
        by_number = 0;
        const char *what = rights_owner ? "follow(%ld,1,2,3,4,5) " : "";
        assert_int_equal(wrap_prctl(1, 2, 3, 4, 5), 0);
        noted(what, (long)SYS_prctl);
        assert_int_equal(wrap_capset((void *)1, (void *)2), 0);
        noted(rights_owner ? "follow(%ld,1,2,0,0,0) " : "", (long)SYS_capset);
        assert_int_equal(wrap_setfsuid(8), 77);
        noted(rights_owner ? "follow(%ld,8,0,0,0,0) " : "", (long)SYS_setfsuid);
        assert_int_equal(wrap_setfsgid(9), 77);
        noted(rights_owner ? "follow(%ld,9,0,0,0,0) " : "", (long)SYS_setfsgid);
        for (size_t i = 0; i < sizeof by_numbers / sizeof by_numbers[0]; i++) {
            assert_int_equal(wrap_syscall(by_numbers[i], 1, 2, 3, 4, 5, 6), 0);
            noted(what, by_numbers[i]);
        }
        by_number = 77;
        wrap_syscall(SYS_setfsuid, 8, 0, 0, 0, 0, 0);
        noted(rights_owner ? "follow(%ld,8,0,0,0,0) " : "", (long)SYS_setfsuid);
        wrap_syscall(SYS_setfsgid, 9, 0, 0, 0, 0, 0);
        noted(rights_owner ? "follow(%ld,9,0,0,0,0) " : "", (long)SYS_setfsgid);
    }
}

static int set_answered(unsigned a, unsigned b, unsigned c)
{
    (void)a, (void)b, (void)c;
    return (int)by_number;
}

/* Followed by FOLLOWED(...) as the system call that libc makes of it. */
static void what_libc_changes_in_all_its_threads_is_followed_as_the_call_that_it_makes(void **state)
{
    (void)state;
    real.setuid = real.setgid = real.seteuid = real.setegid = (__typeof__(real.setuid))(void *)set_answered;
    real.setreuid = real.setregid = (__typeof__(real.setreuid))(void *)set_answered;
    real.setresuid = real.setresgid = (__typeof__(real.setresuid))(void *)set_answered;
    real.setgroups = (__typeof__(real.setgroups))(void *)set_answered;
    real.initgroups = (__typeof__(real.initgroups))(void *)set_answered;
    for (int i = 0; i < 3; i++) { /* nobody follows; it succeeded; it failed */
        bool followed = i == 1;
        rights_owner = i > 0;
        by_number = i == 2 ? -1 : 0;
#define SETS(call, number, a, b, c)                                                                              \
    do {                                                                                                         \
        assert_int_equal(call, by_number);                                                                       \
        noted(followed ? "follow_libc(%ld,%ld,%ld,%ld) " : "", (long)(number), (long)(a), (long)(b), (long)(c)); \
    } while (0)
        SETS(wrap_setuid(7), SYS_setuid, 7, 0, 0);
        SETS(wrap_setgid(7), SYS_setgid, 7, 0, 0);
        SETS(wrap_seteuid(7), SYS_setresuid, -1, 7, -1);
        SETS(wrap_setegid(7), SYS_setresgid, -1, 7, -1);
        SETS(wrap_setreuid(7, 8), SYS_setreuid, 7, 8, 0);
        SETS(wrap_setregid(7, 8), SYS_setregid, 7, 8, 0);
        SETS(wrap_setresuid(7, 8, 9), SYS_setresuid, 7, 8, 9);
        SETS(wrap_setresgid(7, 8, 9), SYS_setresgid, 7, 8, 9);
        SETS(wrap_setgroups(2, (const gid_t *)16), SYS_setgroups, 2, 16, 0);
        assert_int_equal(wrap_initgroups("x", 7), by_number);
        noted(followed ? "follow_groups " : "");
    }
}

static void a_change_of_rights_that_failed_is_not_followed(void **state)
{
    (void)state;
    real.prctl = prctl_answered;
    real.capset = capset_answered;
    real.syscall = answered;
    rights_owner = 1;
    by_number = -1;
    assert_int_equal(wrap_prctl(PR_SET_NO_NEW_PRIVS, 2, 3, 4, 5), -1);
    noted("");
    FAILS(wrap_capset(NULL, NULL), EPERM, "");
    for (size_t i = 0; i < sizeof by_numbers / sizeof by_numbers[0]; i++) {
        FAILS(wrap_syscall(by_numbers[i], PR_SET_NO_NEW_PRIVS, 2, 3, 4, 5, 6), EINVAL, "");
    }
}

static void a_watcher_that_does_not_follow_is_replaced(void **state)
{
    (void)state;
    real.capset = capset_answered;
    rights_owner = 1;
    follows = false;
    by_number = 0;
    errno = 33;
    assert_int_equal(wrap_capset((void *)1, (void *)2), 0);
    noted("follow(%ld,1,2,0,0,0) renew ", (long)SYS_capset);
    real.setuid = (__typeof__(real.setuid))(void *)set_answered;
    assert_int_equal(wrap_setuid(1), 0);
    noted("follow_libc(%ld,1,0,0) renew ", (long)SYS_setuid);
    real.initgroups = (__typeof__(real.initgroups))(void *)set_answered;
    assert_int_equal(wrap_initgroups("x", 1), 0);
    noted("follow_groups renew ");
}

/* ---- threads and children ---- */

static void exit_thread(void *result) { note("pthread_exit(%ld) ", (long)result); }

static void a_threads_end_is_told(void **state)
{
    (void)state;
    real.pthread_exit = exit_thread;
    wrap_pthread_exit((void *)3);
    noted("thread_ends pthread_exit(3) ");
}

static int made_child(int (*start)(void *), void *stack, int flags, void *arg, void *parent_tid, void *tls, void *child_tid)
{
    (void)start, (void)stack, (void)flags, (void)arg, (void)parent_tid, (void)tls, (void)child_tid;
    note("clone(%d) ", this_thread.in_vfork);
    return 1234;
}

static void a_child_in_our_memory_is_marked_while_it_runs_in_this_threads_place(void **state)
{
    (void)state;
    real.clone = real.__clone = made_child;
    assert_int_equal(wrap_clone(NULL, NULL, SIGCHLD, NULL, NULL, NULL, NULL), 1234);
    noted("start(clone) clone(0) started(9,pid) ");
    wrap_clone(NULL, NULL, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, NULL, NULL);
    noted("clone(0) ");
    wrap_clone(NULL, NULL, CLONE_VM | CLONE_VFORK, NULL, NULL, NULL, NULL);
    noted("clone(1) ");
    wrap___clone(NULL, NULL, CLONE_VM | CLONE_VFORK, NULL, NULL, NULL, NULL);
    noted("clone(1) ");
    assert_int_equal(this_thread.in_vfork, 0);
    wrap_clone(NULL, NULL, CLONE_VM, NULL, NULL, NULL, NULL); /* runs beside us, as a thread does */
    noted("shares clone(0) ");
    wrap_clone(NULL, NULL, CLONE_VM | CLONE_VFORK | CLONE_SETTLS, NULL, NULL, NULL, NULL); /* its mark would be another's */
    noted("shares clone(0) ");
}

static int made_daemon(int nochdir, int noclose)
{
    (void)nochdir;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    note("daemon ");
    return noclose < 2 ? 0 : -1;
}

static void only_a_daemons_parent_ends_by_its_fork(void **state)
{
    (void)state;
    real.daemon = made_daemon;
    assert_int_equal(wrap_daemon(1, 1), 0);
    noted("exiting(0,%d) daemon ", END_EXIT);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    noted("");
    assert_int_equal(wrap_daemon(1, 0), 0);
    noted("exiting(0,%d) daemon closing(0,open) closing(1,open) closing(2,open) ", END_EXIT);
    assert_int_equal(wrap_daemon(1, 2), -1);
    noted("exiting(0,%d) daemon ", END_EXIT);
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
        CASE(a_program_that_libc_starts_is_told_with_its_pid_where_that_is_known),
        CASE(a_program_that_cannot_be_started_for_want_of_a_descriptor_is_noted),
        CASE(dlclose_is_enclosed),
        CASE(what_needs_one_thread_alone_is_done_without_the_watcher),
        CASE(a_sandbox_that_was_put_on_is_told_and_the_watcher_stays_out_of_it),
        CASE(a_sandbox_by_the_number_of_prctl_is_told_too),
        CASE(a_change_of_rights_that_succeeded_is_followed),
        CASE(what_libc_changes_in_all_its_threads_is_followed_as_the_call_that_it_makes),
        CASE(a_change_of_rights_that_failed_is_not_followed),
        CASE(a_watcher_that_does_not_follow_is_replaced),
        CASE(a_threads_end_is_told),
        CASE(a_child_in_our_memory_is_marked_while_it_runs_in_this_threads_place),
        CASE(only_a_daemons_parent_ends_by_its_fork),
        CASE(a_foreign_number_is_handed_on_by_a_jump),
        CASE(a_known_number_gets_all_its_arguments),
        CASE(the_table_names_each_wrapper_with_its_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
