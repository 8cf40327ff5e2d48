/* SPDX-License-Identifier: MIT */
/*
 * test_process.c: what /proc/PID/status says of a process, and the refusals that follow from it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/remote/check.h"
#include "cli/remote/process.h"

static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    assert_true(pid > 0);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void a_process_is_known_by_name_user_and_state(void **state)
{
    (void)state;
    struct process_facts p;
    prctl(PR_SET_NAME, "odd\033name");
    assert_true(process_read(getpid(), &p));
    prctl(PR_SET_NAME, "test_process");
    assert_int_equal(p.pid, getpid());
    assert_string_equal(p.name, "odd?name");
    assert_int_equal(p.state, 'R');
    assert_int_equal(p.tgid, getpid());
    assert_int_equal(p.uid, getuid());
    assert_int_equal(p.tracer, 0);
    assert_false(p.kernel_thread);
}

static void a_process_that_is_not_there_has_no_facts(void **state)
{
    (void)state;
    struct process_facts p;
    struct refusal why;
    pid_t pid = sleeper();
    end(pid);
    assert_false(process_read(pid, &p));
    assert_string_equal(p.name, "?");
    assert_int_equal(p.tgid, -1);
    assert_non_null(strstr(check_exists(&p, &why), "no process"));
}

static void a_stopped_process_and_its_tracer_are_named(void **state)
{
    (void)state;
    struct process_facts p;
    struct refusal why;
    int status;
    pid_t pid = sleeper();
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(process_read(pid, &p));
    assert_int_equal(p.state, 'T');
    assert_null(check_exists(&p, &why));
    assert_non_null(strstr(check_kind(&p, &why), "is stopped"));
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
        assert_true(process_read(pid, &p));
        assert_int_equal(p.tracer, getpid());
        assert_non_null(strstr(check_kind(&p, &why), "already traced by process"));
        assert_non_null(strstr(why.text, "(test_process)"));
    }
    end(pid);
}

static void a_zombie_has_ended(void **state)
{
    (void)state;
    struct process_facts p;
    struct refusal why;
    siginfo_t si;
    pid_t pid = sleeper();
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    assert_true(process_read(pid, &p));
    assert_int_equal(p.state, 'Z');
    assert_non_null(strstr(check_exists(&p, &why), "has ended already"));
    end(pid);
}

static void a_refusal_is_the_sentence_that_was_made(void **state)
{
    (void)state;
    struct refusal why;
    const char *text = refuse(&why, "process %d: %s", 7, strerror(ENOENT));
    assert_ptr_equal(text, why.text);
    assert_string_equal(text, "process 7: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_known_by_name_user_and_state),  cmocka_unit_test(a_process_that_is_not_there_has_no_facts),
        cmocka_unit_test(a_stopped_process_and_its_tracer_are_named), cmocka_unit_test(a_zombie_has_ended),
        cmocka_unit_test(a_refusal_is_the_sentence_that_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
