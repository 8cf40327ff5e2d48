/* SPDX-License-Identifier: MIT */
/*
 * test_log.c: where the agent's lines go, and which descriptors they never touch.
 *
 * The code is compiled in, over calls that a test may step between: the program closes and opens
 * descriptors while a line is being written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "agent/base/clock.h"
#include "agent/base/descriptors.h"
#include "agent/base/environ.h"
#include "agent/base/log.h"
#include "agent/base/notes.h"
#include "agent/base/options.h"
#include "agent/base/sys.h"

/* ---- what stands in for the kernel and for the rest of the agent ---- */

static int stats, step_in_before; /* the number of the stat call before which STEP_IN runs; 0: never */
static void (*step_in)(int fd);

static long stat_call(int dir, const char *path, void *p, int flags)
{
    if (++stats == step_in_before)
        step_in(dir);
    return SYS4(SYS_stat_at, dir, path, p, flags);
}

static int written_to, written_flags;
static size_t largest;
static unsigned writes;
static long next_result; /* of one write: 0: the kernel's own */

static long write_call(int fd, const void *p, size_t n)
{
    written_to = fd;
    written_flags = (int)SYS3(SYS_fcntl, fd, F_GETFD, 0);
    largest = n > largest ? n : largest;
    writes++;
    long r = next_result;
    next_result = 0;
    return r ? r : SYS3(SYS_write, fd, p, n);
}

#define sys_stat_at stat_call
#define sys_write write_call
/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "agent/base/log.c"
#include "agent/base/notes.c"
/* NOLINTEND(bugprone-suspicious-include) */

struct options agent_options;
static const char *no_color_is;
uint64_t clock_now(void) { return 1; }
uint64_t clock_now_real(void) { return 1700000000000000000u; }
const char *environ_get(const char *name) { return strcmp(name, "NO_COLOR") == 0 ? no_color_is : NULL; }
bool environ_is_valgrind(void) { return false; }

/* ---- files of a test ---- */

static int saved_err;
static char folder[256], text[20000];

static const char *in_folder(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *content(int fd)
{
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return text;
}

/* The log is to go to the file NAME; opened for the test to read. */
static int log_to(const char *name)
{
    char path[400];
    snprintf(agent_options.log_path, sizeof agent_options.log_path, "%s.%%p", in_folder(name));
    snprintf(path, sizeof path, "%s.%d", in_folder(name), (int)getpid());
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* Standard error is a new empty file. */
static int fresh_err(void)
{
    int fd = memfd_create("err", MFD_CLOEXEC);
    dup2(fd, 2);
    return fd;
}

static int setup(void **state)
{
    (void)state;
    options_default(&agent_options);
    log_take_lost();
    log_set_start(0);
    memset(notes, 0, sizeof notes);
    path_warned = false;
    no_color_is = NULL;
    stats = step_in_before = 0;
    largest = writes = 0;
    next_result = 0;
    alarm(30); /* a write that blocks for ever is a failure too */
    saved_err = fcntl(2, F_DUPFD_CLOEXEC, 400);
    snprintf(folder, sizeof folder, "%s/sllog.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return saved_err >= 0 && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[300];
    alarm(0);
    dup2(saved_err, 2);
    close(saved_err);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- the file of log_path ---- */

static int other; /* what the program puts in the log's place */

static void exchange(int fd) { dup2(other, fd); }

static void a_line_is_not_written_where_the_program_got_the_logs_number_meanwhile(void **state)
{
    (void)state;
    int log = log_to("log");
    other = open(in_folder("connection"), O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* of the same file system */
    step_in = exchange;
    step_in_before = 4; /* between the opening and the writing */
    assert_false(log_write("line\n", 5));
    assert_int_equal(writes, 0);
    assert_string_equal(content(other), "");
    assert_string_equal(content(log), "");
    assert_int_equal(log_take_lost(), 1);
    /* Nor is it closed. */
    assert_int_equal(fcntl(LOWEST_FD, F_GETFD) >= 0, 1);
    close(LOWEST_FD);
    close(other);
    close(log);
}

static void a_number_that_the_program_got_while_the_line_was_written_is_not_closed(void **state)
{
    (void)state;
    int log = log_to("log");
    other = open(in_folder("connection"), O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* of the same file system */
    step_in = exchange;
    step_in_before = 6; /* between the writing and the closing */
    assert_true(log_write("line\n", 5));
    assert_string_equal(content(log), "line\n");
    assert_int_equal(fcntl(LOWEST_FD, F_GETFD) >= 0, 1);
    close(LOWEST_FD);
    close(other);
    close(log);
}

static void the_log_is_open_for_the_time_of_a_write_out_of_the_way_and_not_over_exec(void **state)
{
    (void)state;
    int log = log_to("log"), lowest = dup(0);
    close(lowest);
    assert_true(log_write("one\n", 4));
    assert_true(log_write("two\n", 4));
    int again = dup(0);
    close(again);
    assert_int_equal(again, lowest);
    assert_string_equal(content(log), "one\ntwo\n");
    assert_in_range(written_to, LOWEST_FD, LOWEST_FD + 100);
    assert_int_equal(written_flags, FD_CLOEXEC);
    assert_int_equal(fcntl(LOWEST_FD, F_GETFD), -1);
    close(log);
}

static void under_a_low_limit_of_descriptors_the_log_takes_what_number_there_is(void **state)
{
    (void)state;
    struct rlimit was, low;
    int log = log_to("log");
    getrlimit(RLIMIT_NOFILE, &was);
    low = was;
    low.rlim_cur = LOWEST_FD;
    setrlimit(RLIMIT_NOFILE, &low);
    bool written = log_write("line\n", 5);
    setrlimit(RLIMIT_NOFILE, &was);
    assert_true(written);
    assert_string_equal(content(log), "line\n");
    assert_in_range(written_to, 3, LOWEST_FD - 1);
    assert_int_equal(fcntl(written_to, F_GETFD), -1); /* closed again */
    close(log);
}

static unsigned mode_of_log(const char *path)
{
    struct stat st = {0};
    snprintf(agent_options.log_path, sizeof agent_options.log_path, "%s.%%p", path);
    assert_true(log_write("x", 1));
    snprintf(text, sizeof text, "%s.%d", path, (int)getpid());
    assert_int_equal(stat(text, &st), 0);
    return st.st_mode & 0777;
}

static void a_log_beside_the_state_file_is_closed_to_others(void **state)
{
    (void)state;
    mode_t mask = umask(0);
    snprintf(agent_options.state_dir, sizeof agent_options.state_dir, "%s", in_folder("st"));
    assert_int_equal(mkdir(agent_options.state_dir, 0700), 0);
    assert_int_equal(mode_of_log(in_folder("st/log")), 0600);
    assert_int_equal(mode_of_log(in_folder("st.log")), 0644);
    agent_options.state_dir[0] = 0;
    assert_int_equal(mode_of_log(in_folder("log")), 0644);
    umask(mask);
}

static void a_log_that_cannot_be_opened_is_complained_of_once_and_standard_error_takes_its_place(void **state)
{
    (void)state;
    int err = fresh_err();
    snprintf(agent_options.log_path, sizeof agent_options.log_path, "/nowhere/log");
    log_init();
    assert_true(log_write("one\n", 4));
    assert_true(log_write("two\n", 4));
    const char *at = strstr(content(err), "cannot be opened (no such file or directory); reports go to standard error\none\ntwo\n");
    assert_non_null(at);
    assert_null(strstr(at + 1, "cannot be opened"));
    close(err);
}

static void the_time_in_the_logs_name_is_the_start_of_the_table_or_else_now(void **state)
{
    (void)state;
    char path[400];
    snprintf(agent_options.log_path, sizeof agent_options.log_path, "%s.%%p.%%t", in_folder("log"));
    assert_true(log_write("x", 1));
    snprintf(path, sizeof path, "%s.%d.1700000000", in_folder("log"), (int)getpid());
    assert_int_equal(access(path, F_OK), 0);
    log_set_start(1600000000000000000u);
    assert_true(log_write("x", 1));
    snprintf(path, sizeof path, "%s.%d.1600000000", in_folder("log"), (int)getpid());
    assert_int_equal(access(path, F_OK), 0);
}

/* ---- standard error ---- */

static void standard_error_is_written_to_while_it_is_the_file_that_it_was_at_the_start(void **state)
{
    (void)state;
    int err = fresh_err();
    log_init();
    assert_true(log_write("line\n", 5));
    int connection = fresh_err();
    assert_false(log_write("lost\n", 5));
    assert_string_equal(content(connection), "");
    assert_string_equal(content(err), "line\n");
    close(2);
    assert_false(log_write("lost\n", 5));
    assert_int_equal(log_take_lost(), 2);
    assert_int_equal(log_take_lost(), 0); /* counted once */
    /* Nor is a path that cannot be opened complained of there. */
    dup2(connection, 2);
    snprintf(agent_options.log_path, sizeof agent_options.log_path, "/nowhere/log");
    assert_false(log_write("lost\n", 5));
    assert_string_equal(content(connection), "");
    close(connection);
    close(err);
}

static void a_client_on_standard_error_is_not_written_to_but_a_journal_is(void **state)
{
    (void)state;
    int v[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, v), 0);
    dup2(v[0], 2);
    log_init();
    assert_true(log_write("line\n", 5));
    assert_int_equal(read(v[1], text, sizeof text), 5);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, len), 0);
    dup2(client, 2);
    log_init();
    writes = 0;
    assert_false(log_write("line\n", 5));
    assert_int_equal(writes, 0);
    close(listener);
    close(client);
    close(v[0]);
    close(v[1]);
}

/* ---- writing ---- */

static int caught;
static void count_signal(int number)
{
    (void)number;
    caught++;
}

static bool pending(int number)
{
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, number);
}

static void the_program_gets_no_sigpipe_of_ours_and_keeps_its_own(void **state)
{
    (void)state;
    int p[2];
    sigset_t pipe_alone, old;
    struct sigaction sa = {.sa_handler = count_signal}, was;
    sigaction(SIGPIPE, &sa, &was);
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    caught = 0;
    assert_false(log_write_to(p[1], "line\n", 5));
    assert_int_equal(caught, 0);
    assert_false(pending(SIGPIPE));
    /* One that the program has blocked and not taken yet is still there. */
    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_alone, &old);
    raise(SIGPIPE);
    assert_false(log_write_to(p[1], "line\n", 5));
    assert_true(pending(SIGPIPE));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert_int_equal(caught, 1);
    close(p[1]);
    sigaction(SIGPIPE, &was, NULL);
}

static void the_program_gets_no_sigxfsz_of_ours(void **state)
{
    (void)state;
    struct rlimit was, none;
    struct sigaction sa = {.sa_handler = count_signal}, old;
    sigaction(SIGXFSZ, &sa, &old);
    int fd = memfd_create("full", MFD_CLOEXEC);
    getrlimit(RLIMIT_FSIZE, &was);
    none = was;
    none.rlim_cur = 0;
    caught = 0;
    setrlimit(RLIMIT_FSIZE, &none);
    bool written = log_write_to(fd, "line\n", 5);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_false(written);
    assert_int_equal(caught, 0);
    sigaction(SIGXFSZ, &old, NULL);
    close(fd);
}

static void a_pipe_that_nobody_reads_is_given_up_and_not_waited_for(void **state)
{
    (void)state;
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    memset(text, 'x', 4096);
    int size = fcntl(p[1], F_SETPIPE_SZ, 4096);
    assert_true(size >= 4096);
    while (size > 0)
        size -= (int)write(p[1], text, 4096);
    assert_false(log_write_to(p[1], "line\n", 5));
    close(p[0]);
    close(p[1]);
}

static void a_pipe_gets_a_report_in_pieces_that_cannot_block_and_a_file_in_one(void **state)
{
    (void)state;
    static char report[10000];
    int p[2], file = memfd_create("file", MFD_CLOEXEC);
    memset(report, 'r', sizeof report);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_true(log_write_to(p[1], report, sizeof report));
    assert_int_equal(largest, PIECE);
    assert_int_equal(read(p[0], text, sizeof text), sizeof report);
    writes = 0;
    assert_true(log_write_to(file, report, sizeof report));
    assert_int_equal(writes, 1);
    assert_int_equal(strspn(content(file), "r"), sizeof report);
    close(p[0]);
    close(p[1]);
    close(file);
}

static void an_interrupted_or_short_write_is_gone_on_with_and_one_of_nothing_is_the_end(void **state)
{
    (void)state;
    int file = memfd_create("file", MFD_CLOEXEC);
    next_result = -EINTR;
    assert_true(log_write_to(file, "line\n", 5));
    assert_string_equal(content(file), "line\n");
    next_result = 2; /* of them nothing reaches the file: the rest is what counts */
    assert_true(log_write_to(file, "line\n", 5));
    assert_string_equal(content(file), "line\nne\n");
    next_result = -ENOSPC;
    assert_false(log_write_to(file, "line\n", 5));
    close(file);
}

static void a_process_that_may_open_nothing_can_still_write_to_a_pipe(void **state)
{
    (void)state;
    int p[2];
    struct rlimit was, none;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    bool written = log_write_to(p[1], "line\n", 5);
    setrlimit(RLIMIT_NOFILE, &was);
    assert_true(written);
    assert_int_equal(read(p[0], text, sizeof text), 5);
    close(p[0]);
    close(p[1]);
}

static void nothing_to_write_opens_nothing(void **state)
{
    (void)state;
    char path[400];
    snprintf(agent_options.log_path, sizeof agent_options.log_path, "%s.%%p", in_folder("none"));
    snprintf(path, sizeof path, "%s.%d", in_folder("none"), (int)getpid());
    assert_true(log_write("", 0));
    assert_int_equal(access(path, F_OK), -1);
}

/* ---- colour ---- */

static void color_is_for_terminals_unless_the_user_says_otherwise(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    dup2(terminal, 2);
    log_init();
    assert_true(log_has_color());
    no_color_is = "";
    log_init();
    assert_true(log_has_color());
    no_color_is = "1";
    log_init();
    assert_false(log_has_color());
    agent_options.color = COLOR_ALWAYS;
    assert_true(log_has_color());
    no_color_is = NULL;
    log_init();
    agent_options.color = COLOR_NEVER;
    assert_false(log_has_color());
    agent_options.color = COLOR_AUTO;
    int log = log_to("log");
    int out = fcntl(1, F_DUPFD_CLOEXEC, 400);
    dup2(terminal, 1);
    bool color = log_has_color();
    dup2(out, 1);
    close(out);
    assert_false(color); /* a file, whatever standard output and error are */
    close(log);
    close(terminal);
    close(master);
}

/* ---- notes ---- */

static void a_note_is_kept_until_it_is_told_and_told_once(void **state)
{
    (void)state;
    static const char *const kept[] = {"first ", "second", "third", "fourth", "fifth"};
    int err = fresh_err();
    log_init();
    log_later(kept[0], "argument");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++)
            log_later(kept[i], i ? "" : "argument");
        assert_int_equal(writes, round ? 4 : 0);
        log_write_later();
    }
    char expected[512];
    int pid = (int)getpid();
    snprintf(expected, sizeof expected,
             "==%d==sockleak: warning: first argument\n==%d==sockleak: warning: second\n"
             "==%d==sockleak: warning: third\n==%d==sockleak: warning: fourth\n",
             pid, pid, pid, pid);
    assert_string_equal(content(err), expected);
    close(err);
}

static void a_note_that_another_thread_is_writing_is_left_alone(void **state)
{
    (void)state;
    int err = fresh_err();
    log_init();
    notes[0].state = 1;
    log_later("second", "");
    log_write_later();
    assert_non_null(strstr(content(err), "warning: second\n"));
    assert_int_equal(writes, 1);
    assert_int_equal(notes[0].state, 1);
    close(err);
}

static void in_a_json_log_a_line_is_an_object(void **state)
{
    (void)state;
    char expected[256];
    int err = fresh_err();
    log_init();
    agent_options.log_json = true;
    log_warn("a \"%s\"\n", "word");
    snprintf(expected, sizeof expected,
             "{\"type\":\"note\",\"time\":\"2023-11-14T22:13:20.000Z\",\"pid\":%d,\"text\":\"warning: a \\\"word\\\"\\u000a\"}\n",
             (int)getpid());
    assert_string_equal(content(err), expected);
    close(err);
}

static void the_help_is_a_line_for_each_and_in_a_json_log_an_object_for_each(void **state)
{
    (void)state;
    static char help[8192];
    struct out o = {.buf = help, .cap = sizeof help - 1};
    options_help(&o);
    help[o.len] = 0;
    int err = fresh_err();
    log_init();
    log_help();
    assert_string_equal(content(err), help);
    close(err);
    err = fresh_err();
    log_init();
    agent_options.log_json = true;
    log_help();
    const char *line = content(err);
    for (char *at = help, *end; (end = strchr(at, '\n')); at = end + 1) {
        const char *newline = strchr(line, '\n');
        assert_non_null(newline);
        assert_memory_equal(line, "{\"type\":\"note\",", 15);
        assert_memory_equal(newline - 2, "\"}", 2);
        line = newline + 1;
    }
    assert_string_equal(line, "");
    close(err);
}

/* ---- from a descriptor table of its own ---- */

static bool apart_wrote;
static int next_number;
static void *write_apart(void *arg)
{
    if (descriptors_leave() != DESCRIPTORS_OWN)
        abort();
    apart_wrote = log_write("apart\n", 6);
    next_number = dup(descriptors_folder()); /* nothing is left open */
    return arg;
}

static void from_apart(void)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, write_apart, NULL), 0);
    pthread_join(t, NULL);
    assert_int_equal(next_number, descriptors_folder() + 1);
}

static void a_thread_with_a_table_of_its_own_writes_to_the_programs_standard_error(void **state)
{
    (void)state;
    int err = fresh_err();
    log_init();
    from_apart();
    assert_true(apart_wrote);
    assert_string_equal(content(err), "apart\n");
    close(err);
}

static void but_not_to_what_has_taken_its_place(void **state)
{
    (void)state;
    int err = fresh_err();
    log_init();
    int another = fresh_err();
    from_apart();
    assert_false(apart_wrote);
    assert_string_equal(content(err), "");
    assert_string_equal(content(another), "");
    assert_int_equal(log_take_lost(), 1);
    close(2);
    from_apart();
    assert_false(apart_wrote);
    close(err);
    close(another);
}

static void its_log_file_is_open_in_its_own_table_alone(void **state)
{
    (void)state;
    int log = log_to("apart");
    from_apart();
    assert_true(apart_wrote);
    assert_string_equal(content(log), "apart\n");
    close(log);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_line_is_not_written_where_the_program_got_the_logs_number_meanwhile),
        CASE(a_number_that_the_program_got_while_the_line_was_written_is_not_closed),
        CASE(the_log_is_open_for_the_time_of_a_write_out_of_the_way_and_not_over_exec),
        CASE(under_a_low_limit_of_descriptors_the_log_takes_what_number_there_is),
        CASE(a_log_beside_the_state_file_is_closed_to_others),
        CASE(a_log_that_cannot_be_opened_is_complained_of_once_and_standard_error_takes_its_place),
        CASE(the_time_in_the_logs_name_is_the_start_of_the_table_or_else_now),
        CASE(standard_error_is_written_to_while_it_is_the_file_that_it_was_at_the_start),
        CASE(a_client_on_standard_error_is_not_written_to_but_a_journal_is),
        CASE(the_program_gets_no_sigpipe_of_ours_and_keeps_its_own),
        CASE(the_program_gets_no_sigxfsz_of_ours),
        CASE(a_pipe_that_nobody_reads_is_given_up_and_not_waited_for),
        CASE(a_pipe_gets_a_report_in_pieces_that_cannot_block_and_a_file_in_one),
        CASE(an_interrupted_or_short_write_is_gone_on_with_and_one_of_nothing_is_the_end),
        CASE(a_process_that_may_open_nothing_can_still_write_to_a_pipe),
        CASE(nothing_to_write_opens_nothing),
        CASE(color_is_for_terminals_unless_the_user_says_otherwise),
        CASE(a_note_is_kept_until_it_is_told_and_told_once),
        CASE(a_note_that_another_thread_is_writing_is_left_alone),
        CASE(in_a_json_log_a_line_is_an_object),
        CASE(the_help_is_a_line_for_each_and_in_a_json_log_an_object_for_each),
        CASE(a_thread_with_a_table_of_its_own_writes_to_the_programs_standard_error),
        CASE(but_not_to_what_has_taken_its_place),
        CASE(its_log_file_is_open_in_its_own_table_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
