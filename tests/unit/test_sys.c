/* SPDX-License-Identifier: MIT */
/*
 * test_sys.c: whether a page can be written is asked, not tried; a wait makes no system call in a
 * sandbox.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/sys.h"

static void a_page_that_can_be_written_is_there_afterwards_and_unchanged(void **state)
{
    (void)state;
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), there = 0;
    assert_true(sys_touch(p));
    assert_int_equal(mincore(p, 4096, &there), 0);
    assert_int_equal(there & 1, 1);
    *(uint32_t *)(void *)p = 0x12345678;
    assert_true(sys_touch(p));
    assert_int_equal(*(uint32_t *)(void *)p, 0x12345678);
    munmap(p, 4096);
}

static void a_page_that_cannot_be_written_is_no_fault(void **state)
{
    (void)state;
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_false(sys_touch(p));
    munmap(p, 4096);
    assert_false(sys_touch(p));
    /* Behind the end of a file, where a store raises SIGBUS as on a full tmpfs. */
    int fd = memfd_create("none", 0);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    assert_false(sys_touch(p));
    munmap(p, 4096);
    close(fd);
}

static void failures_are_the_kernels_values(void **state)
{
    (void)state;
    errno = ENOTUNIQ;
    assert_int_equal(sys_close(-1), -EBADF);
    assert_true(sys_failed(sys_mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0)));
    assert_false(sys_failed((void *)(uintptr_t)-4096));
    assert_false(sys_failed(NULL));
    assert_int_equal(errno, ENOTUNIQ);
}

/* How a child ends that waits TURN turns where only read, write and exit are allowed. */
static int waits(unsigned turn, int sandboxed)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        sys_sandboxed = sandboxed;
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        sys_yield(turn);
        syscall(SYS_exit, 7);
    }
    waitpid(child, &status, 0);
    return status;
}

static void a_wait_pauses_first_and_yields_then_but_never_in_a_sandbox(void **state)
{
    (void)state;
    int status = waits(0, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    status = waits(1000, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    status = waits(1000, 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_can_be_written_is_there_afterwards_and_unchanged),
        cmocka_unit_test(a_page_that_cannot_be_written_is_no_fault),
        cmocka_unit_test(failures_are_the_kernels_values),
        cmocka_unit_test(a_wait_pauses_first_and_yields_then_but_never_in_a_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
