/* SPDX-License-Identifier: MIT */
/* test_proc_files.c: files of /proc are read up to their room, and folders of numbers are listed without the descriptor that lists them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/proc_files.h"

static void a_file_is_read_with_its_end_marked(void **state)
{
    (void)state;
    char text[64];
    long n = proc_read(text, sizeof text, "/proc/%u/%s", (unsigned)getpid(), "comm");
    assert_true(n > 0);
    assert_int_equal(strlen(text), n);
    assert_int_equal(text[n - 1], '\n');
}

static void what_has_no_room_is_left_out(void **state)
{
    (void)state;
    char text[4] = "xxx";
    assert_int_equal(proc_read(text, sizeof text, "/proc/self/stat"), 3);
    assert_int_equal(text[3], 0);
}

static void a_file_that_is_not_there_gives_the_error_and_an_empty_text(void **state)
{
    (void)state;
    char text[4] = "xxx";
    errno = 7;
    assert_int_equal(proc_read(text, sizeof text, "/proc/self/no such file"), -ENOENT);
    assert_string_equal(text, "");
    assert_int_equal(errno, 7);
}

struct seen {
    unsigned n, until;
    bool open[64];
};

static bool note(void *arg, unsigned number)
{
    struct seen *s = arg;
    if (number < 64)
        s->open[number] = true;
    return ++s->n < s->until;
}

static void the_descriptors_are_listed_but_for_the_one_that_lists_them(void **state)
{
    (void)state;
    struct seen s = {.until = 1000};
    int fd = dup(0), next = dup(0), high = fcntl(0, F_DUPFD, 42);
    close(next);
    assert_true(proc_each_descriptor(0, note, &s));
    assert_true(s.open[0] && s.open[fd] && s.open[high]);
    assert_false(s.open[next]);
    assert_int_equal(fcntl(next, F_GETFD), -1); /* and it is closed */
    close(high);
    close(fd);
}

struct processes {
    unsigned n;
    bool self, odd;
};

static bool note_process(void *arg, unsigned number)
{
    struct processes *p = arg;
    p->n++;
    p->self |= number == (unsigned)getpid();
    p->odd |= number == 0 || number > 1u << 22; /* the kernel's limit */
    return true;
}

static void names_that_are_no_numbers_are_left_out(void **state)
{
    (void)state;
    struct processes p = {0};
    assert_true(proc_each_number("/proc", note_process, &p)); /* has "self" and "." too */
    assert_true(p.n && p.self && !p.odd);
    p = (struct processes){0};
    assert_true(proc_each_number("/proc/self/ns", note_process, &p));
    assert_int_equal(p.n, 0);
}

static void a_caller_that_has_enough_ends_it(void **state)
{
    (void)state;
    struct seen s = {.until = 2};
    assert_false(proc_each_descriptor(0, note, &s));
    assert_int_equal(s.n, 2);
}

static void a_folder_that_is_not_there_cannot_be_listed(void **state)
{
    (void)state;
    struct seen s = {.until = 2};
    assert_false(proc_each_number("/proc/self/none", note, &s));
    assert_int_equal(s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_with_its_end_marked),
        cmocka_unit_test(what_has_no_room_is_left_out),
        cmocka_unit_test(a_file_that_is_not_there_gives_the_error_and_an_empty_text),
        cmocka_unit_test(the_descriptors_are_listed_but_for_the_one_that_lists_them),
        cmocka_unit_test(names_that_are_no_numbers_are_left_out),
        cmocka_unit_test(a_caller_that_has_enough_ends_it),
        cmocka_unit_test(a_folder_that_is_not_there_cannot_be_listed),
    };
    return cmocka_run_group_tests_name("proc_files", tests, NULL, NULL);
}
