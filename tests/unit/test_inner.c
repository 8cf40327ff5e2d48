/* SPDX-License-Identifier: MIT */
/*
 * test_inner.c: whose file it is, where several processes have the same number in their pid namespaces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/kernel/procfs.h"
#include "cli/state/inner.h"

struct pod {
    pid_t pid;
    int file;
    struct stat st;
    struct state_header head;
};

static void *map(int file) { return mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0); }

/* A process 1 of a namespace of its own; with MAPS it has its file mapped. Skips where none may be made. */
static void begin(struct pod *p, int maps)
{
    char name[] = "/tmp/slu-inner.XXXXXX", byte;
    int ready[2];
    struct procfs_stat st;
    p->file = mkstemp(name);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(ftruncate(p->file, 4096), 0);
    assert_int_equal(fstat(p->file, &p->st), 0);
    assert_int_equal(pipe(ready), 0);
    p->pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (p->pid == 0) {
        if (maps && map(p->file) == MAP_FAILED)
            _exit(1);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(0);
    }
    close(ready[1]);
    if (p->pid < 0) {
        close(ready[0]);
        close(p->file);
        skip();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(procfs_stat(p->pid, &st), 0);
    p->head = (struct state_header){.pid = 1, .start_ticks = st.start_ticks};
}

static void end(struct pod *p)
{
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    close(p->file);
}

static pid_t found(const struct pod *p) { return inner_find(&p->head, p->st.st_dev, p->st.st_ino); }

static void two_that_started_in_the_same_tick_are_told_apart_by_their_files(void **state)
{
    (void)state;
    struct pod a, b;
    for (unsigned tries = 0;; tries++) {
        begin(&a, 1);
        begin(&b, 1);
        if (a.head.start_ticks == b.head.start_ticks)
            break;
        end(&a);
        end(&b);
        assert_true(tries < 500);
    }
    assert_int_equal(found(&a), a.pid);
    assert_int_equal(found(&b), b.pid);
    end(&a);
    assert_int_equal(found(&a), 0);
    assert_int_equal(found(&b), b.pid);
    end(&b);
}

static void one_that_starts_after_a_look_is_found_at_the_next(void **state)
{
    (void)state;
    struct pod a, b;
    begin(&a, 1);
    assert_int_equal(found(&a), a.pid);
    usleep(30000); /* in another tick */
    begin(&b, 1);
    assert_int_equal(found(&b), b.pid);
    assert_int_equal(found(&a), a.pid);
    end(&a);
    end(&b);
}

static void a_file_that_nobody_maps_is_nobody_s_and_one_of_a_tracer_is_its_child_s(void **state)
{
    (void)state;
    struct pod a;
    begin(&a, 0);
    assert_int_equal(found(&a), 0);
    void *at = map(a.file);
    assert_int_equal(found(&a), a.pid);
    munmap(at, 4096);
    end(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_started_in_the_same_tick_are_told_apart_by_their_files),
        cmocka_unit_test(one_that_starts_after_a_look_is_found_at_the_next),
        cmocka_unit_test(a_file_that_nobody_maps_is_nobody_s_and_one_of_a_tracer_is_its_child_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
