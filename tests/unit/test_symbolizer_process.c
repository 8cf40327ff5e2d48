/* SPDX-License-Identifier: MIT */
/*
 * test_symbolizer_process.c: runs another program as a filter, gets its whole answer or none,
 * and the process that it runs for does not notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/sys.h"

static unsigned closed; /* by the keeper, which has this memory too */
static long close_call(int fd)
{
    closed++;
    return sys_close(fd);
}
#define sys_close close_call
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "agent/symbolize/symbolizer_process.c"
#undef sys_close

static bool no_memory;
static unsigned mapped;
void *pages_alloc(size_t size)
{
    void *p = no_memory ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mapped += p != MAP_FAILED;
    return p == MAP_FAILED ? NULL : p;
}
void pages_free(void *p, size_t size) { mapped -= munmap(p, size) == 0; }

static char output[1 << 20];

/* Runs SCRIPT by sh with INPUT. */
static struct symbolizer_job job;
static bool filter(const char *script, const char *input, size_t size, size_t room, unsigned limit_ms)
{
    static char sh[] = "sh", c[] = "-c", locale[] = "LC_ALL=C";
    char *argv[] = {sh, c, (char *)(uintptr_t)script, NULL}, *envp[] = {locale, NULL};
    memset(output, 0, sizeof output);
    job = (struct symbolizer_job){
        .path = "/bin/sh", .argv = argv, .envp = envp, .input = input, .input_size = size, .output = output, .output_room = room};
    return symbolizer_run(&job, limit_ms);
}

static bool simple(const char *script) { return filter(script, "", 0, sizeof output - 1, 60000); }

static int setup(void **state)
{
    (void)state;
    no_memory = false;
    return 0;
}

static void what_goes_in_comes_out_however_much_it_is(void **state)
{
    (void)state;
    size_t size = sizeof output - 1;
    char *input = malloc(size);
    assert_non_null(input);
    for (size_t i = 0; i < size; i++)
        input[i] = (char)('a' + i % 23);
    assert_true(filter("cat", input, size, sizeof output, 60000));
    assert_int_equal(job.output_size, size);
    assert_memory_equal(output, input, size);
    /* One that does not read its input, and one that answers before it reads. */
    assert_true(filter("exec <&-; echo done", input, size, sizeof output, 60000));
    assert_string_equal(output, "done\n");
    free(input);
}

static void a_filter_that_has_all_its_input_is_waited_for_asleep(void **state)
{
    (void)state;
    closed = 0;
    assert_true(filter("cat; sleep 0.2; echo done", "text\n", 5, sizeof output, 60000));
    assert_string_equal(output, "text\ndone\n");
    assert_int_equal(closed, 3); /* the filter's two ends, and its input, once */
}

static void a_status_other_than_0_and_a_program_that_is_not_there_are_failures(void **state)
{
    (void)state;
    assert_true(simple("echo good"));
    assert_false(simple("echo bad; exit 1"));
    assert_false(simple("echo bad; kill -9 $$"));
    char nothing[] = "nothing", *argv[] = {nothing, NULL}, *envp[] = {NULL};
    job = (struct symbolizer_job){.path = "/nowhere/at/all", .argv = argv, .envp = envp, .input = "", .output = output, .output_room = 10};
    assert_false(symbolizer_run(&job, 60000));
}

static void an_answer_that_has_no_room_is_none(void **state)
{
    (void)state;
    assert_true(filter("printf 12345", "", 0, 6, 60000));
    assert_false(filter("printf 1234567", "", 0, 6, 60000));
    assert_int_equal(output[6], 0);
    /* The status alone does not tell: this filter has ended well when its child writes too much. */
    assert_false(filter("(sleep 0.2; printf 1234567) & exit 0", "", 0, 6, 60000));
}

static void one_that_takes_too_long_is_ended_and_leaves_nothing_behind(void **state)
{
    (void)state;
    assert_false(filter("echo $$; exec sleep 1000", "", 0, sizeof output - 1, 300));
    pid_t pid = atoi(output);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ---- unseen ---------------------------------------------------------------------------------- */

static volatile int children_heard;
static void on_child(int number)
{
    (void)number;
    children_heard++;
}

static void no_sigchld_no_child_to_wait_for_errno_and_mask_as_before(void **state)
{
    (void)state;
    sigset_t before, after;
    signal(SIGCHLD, on_child);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    errno = ENOTUNIQ;
    bool ok = simple("echo x");
    assert_int_equal(errno, ENOTUNIQ);
    assert_true(ok);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_memory_equal(&before, &after, sizeof(long));
    assert_false(sigismember(&after, SIGUSR1)); /* by an earlier run */
    assert_int_equal(children_heard, 0);
    assert_int_equal(wait(NULL), -1);
    signal(SIGCHLD, SIG_DFL);
    int cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancel);
    assert_int_equal(cancel, PTHREAD_CANCEL_ENABLE);
}

static void it_works_where_sigchld_is_ignored(void **state)
{
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    bool ok = simple("echo x");
    signal(SIGCHLD, SIG_DFL);
    assert_true(ok);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void no_descriptor_and_no_page_stays_whatever_happens(void **state)
{
    (void)state;
    unsigned before = open_descriptors(), pages = mapped;
    simple("echo x");
    simple("exit 1");
    filter("exec sleep 1000", "", 0, 100, 100);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(mapped, pages);
}

static void the_program_that_runs_has_standard_descriptors_alone_and_no_signal_blocked(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0); /* not CLOEXEC */
    /* dash opens none of its own; ls has one for the folder. */
    assert_true(
        simple("for f in /proc/self/fd/*; do echo ${f##*/}; done; sed -n 's/^SigBlk:.//p' /proc/self/status; readlink /proc/self/fd/2"));
    assert_null(strstr(output, "Sig"));
    for (int n = 4; n < 100; n++) {
        char line[8];
        snprintf(line, sizeof line, "\n%d\n", n);
        if (n == fd[0] || n == fd[1])
            assert_null(strstr(output, line));
    }
    assert_non_null(strstr(output, "/dev/null\n"));
    /* Not by the shell, which clears its mask. */
    char sed[] = "sed", n[] = "-n", script[] = "s/^SigBlk:.//p", file[] = "/proc/self/status";
    char *argv[] = {sed, n, script, file, NULL}, *envp[] = {NULL};
    job = (struct symbolizer_job){.path = "/bin/sed", .argv = argv, .envp = envp, .input = "", .output = output, .output_room = 100};
    memset(output, 0, sizeof output);
    assert_true(symbolizer_run(&job, 60000));
    assert_string_equal(output, "0000000000000000\n");
    close(fd[0]);
    close(fd[1]);
}

static int connection[2];
static char folder[256], fifo_to[300], fifo_from[300];

/*
 * While the filter waits for us: the end that is closed here must be the last one, or the peer
 * would see none.
 */
static void *close_one_end(void *arg)
{
    char c;
    struct pollfd p = {.fd = connection[1], .events = POLLIN};
    int fd = open(fifo_from, O_RDONLY);
    bool began = fd >= 0 && read(fd, &c, 1) == 1;
    close(fd);
    close(connection[0]);
    *(bool *)arg = began && poll(&p, 1, 10000) == 1 && read(connection[1], &c, 1) == 0;
    fd = open(fifo_to, O_WRONLY);
    began = write(fd, "x\n", 2) == 2;
    close(fd);
    return NULL;
}

static void a_peer_sees_the_end_of_a_connection_at_once_while_a_filter_runs(void **state)
{
    (void)state;
    char script[800];
    pthread_t thread;
    bool seen = false;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/slproc.XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(fifo_to, sizeof fifo_to, "%s/to", folder);
    snprintf(fifo_from, sizeof fifo_from, "%s/from", folder);
    assert_int_equal(mkfifo(fifo_to, 0600) | mkfifo(fifo_from, 0600), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, connection), 0);
    assert_int_equal(pthread_create(&thread, NULL, close_one_end, &seen), 0);
    snprintf(script, sizeof script, "echo x >%s; read -r x <%s; echo $x", fifo_from, fifo_to);
    bool ok = simple(script);
    pthread_join(thread, NULL);
    close(connection[1]);
    unlink(fifo_to);
    unlink(fifo_from);
    rmdir(folder);
    assert_true(ok);
    assert_true(seen);
}

static void it_works_with_0_1_and_2_closed(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(0);
        close(1);
        close(2);
        bool ok = filter("cat; echo more >&2", "text", 4, 100, 60000);
        _exit(ok && job.output_size == 4 && memcmp(output, "text", 4) == 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In a child of its own, which it leaves filtered. */
static int ends_well_without_clone(void)
{
    struct sock_filter filters[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filters / sizeof filters[0], .filter = filters};
    sigset_t mask;
    unsigned pages = mapped;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        return 1;
    errno = ENOTUNIQ;
    bool ok = simple("echo x");
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return ok ? 2 : errno != ENOTUNIQ ? 3 : mapped != pages ? 4 : sigismember(&mask, SIGUSR1) ? 5 : 0;
}

static void where_no_process_can_be_made_there_is_no_answer_and_no_trace(void **state)
{
    (void)state;
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(ends_well_without_clone());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void without_memory_it_does_not_run(void **state)
{
    (void)state;
    no_memory = true;
    assert_false(simple("echo x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_goes_in_comes_out_however_much_it_is, setup),
        cmocka_unit_test_setup(a_filter_that_has_all_its_input_is_waited_for_asleep, setup),
        cmocka_unit_test_setup(a_status_other_than_0_and_a_program_that_is_not_there_are_failures, setup),
        cmocka_unit_test_setup(an_answer_that_has_no_room_is_none, setup),
        cmocka_unit_test_setup(one_that_takes_too_long_is_ended_and_leaves_nothing_behind, setup),
        cmocka_unit_test_setup(no_sigchld_no_child_to_wait_for_errno_and_mask_as_before, setup),
        cmocka_unit_test_setup(it_works_where_sigchld_is_ignored, setup),
        cmocka_unit_test_setup(no_descriptor_and_no_page_stays_whatever_happens, setup),
        cmocka_unit_test_setup(the_program_that_runs_has_standard_descriptors_alone_and_no_signal_blocked, setup),
        cmocka_unit_test_setup(a_peer_sees_the_end_of_a_connection_at_once_while_a_filter_runs, setup),
        cmocka_unit_test_setup(it_works_with_0_1_and_2_closed, setup),
        cmocka_unit_test_setup(where_no_process_can_be_made_there_is_no_answer_and_no_trace, setup),
        cmocka_unit_test_setup(without_memory_it_does_not_run, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
