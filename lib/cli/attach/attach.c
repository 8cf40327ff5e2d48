/* SPDX-License-Identifier: MIT */
/*
 * attach.c: `sockleak attach PID`: starts recording in a running process.
 *
 * It takes the least intrusive way: a dormant agent with a state file is woken through one word in
 * shared memory; one that has no file yet, by a call of its entry; only a process without the agent
 * gets the library loaded.
 */
#include "attach.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../base/now.h"
#include "../remote/agent.h"
#include "../remote/check.h"
#include "../report/report.h"
#include "detach.h"
#include "settings.h"
#include "wake.h"

const char usage_attach[] = "usage: sockleak attach [options] PID...\n"
                            "\n"
                            "Starts recording in running processes: wakes an agent that was preloaded with enabled=0, or else\n"
                            "loads the agent. Sockets that are open already are known as before_attach. In a process that\n"
                            "records already, --grace, --kinds and --log change how. In a process without a descriptor left\n"
                            "none is taken. Needs the rights that a debugger needs: the same user, or root.\n"
                            "SOCKLEAK_LIBRARY names the library where it is not beside this command or in ../lib.\n"
                            "\n"
                            "  --grace TIME    report a socket after its condition has lasted so long (30s)\n"
                            "  --kinds KINDS   close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,\n"
                            "                  use_after_close,open or all\n"
                            "  --log FILE      the agent writes its reports to FILE.PID, or to stderr, the process' own; without\n"
                            "                  this it writes none, and 'sockleak report' shows them\n"
                            "  --for TIME      record for so long, then report and detach. Without --grace the report lists what has been\n"
                            "                  stuck for the process' grace or half of TIME, whichever is shorter. Ctrl-C ends it early\n"
                            "  -h, --help\n"
                            "\n"
                            "EXAMPLES\n"
                            "  sockleak attach 4242\n"
                            "  sockleak attach --for 60s --grace 10s $(pidof myserver)\n"
                            "  sockleak report 4242\n"
                            "  sockleak detach 4242\n";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = interrupted + 1;
}

/*
 * With --for the process is to be detached whatever happens, so from here on nothing may end us:
 * not Ctrl-C, not a terminal that goes away, not a closed pipe behind the report. If a hang-up is
 * ignored already (nohup), it stays ignored.
 */
static void outlive_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART}, old;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] != SIGHUP || (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN))
            sigaction(numbers[i], &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool has_looked(const struct state_header *h, uint64_t before)
{
    return interrupted || atomic_load(&h->looks) > before || atomic_load(&h->end) != END_RUNNING;
}

/*
 * The watcher's first look finds the sockets that were open before; until then a report would lack
 * them.
 */
static void wait_for_look(pid_t pid, const struct state_header *h, uint64_t looks)
{
    if (atomic_load(&h->interval_ns) && !attach_wait(has_looked, h, looks, pid))
        cli_warn("process %d records, but its watcher has not looked yet after %d s", pid, ATTACH_WAIT_MS / 1000);
}

/* What was done, and what to type next; with --for the report follows by itself. */
static void say_done(const struct process_facts *process, const struct attach_settings *w, const char *done)
{
    pid_t pid = process->pid;
    if (w->for_set)
        return;
    printf("process %d (%s): %s", pid, process->name, done);
    if (w->log_set)
        printf("; reports go to %s%s", w->log, strcmp(w->log, "stderr") == 0 ? " of the process" : strstr(w->log, "%p") ? "" : ".PID");
    printf("\nnext: sockleak report %d\n", pid);
}

static int no_permission(const struct loaded_file *l)
{
    return cli_fail("no permission to write %s: run as the process' user or as root", l->path);
}

static int change_recording(const struct process_facts *process, struct loaded_file *l, const struct attach_settings *w)
{
    const struct state_header *h = state_head(&l->view);
    pid_t pid = process->pid;
    if (h->traced)
        return cli_fail("process %d (%s) is watched from outside by `sockleak run` already: see `sockleak report %d`", pid, process->name,
                        pid);
    if (!w->grace_set && !w->kinds_set && !w->log_set && !w->for_set)
        return cli_fail("process %d (%s) is recording already: see `sockleak report %d`; --grace, --kinds and --log change how", pid,
                        process->name, pid);
    if (!load_can_write(l) || !settings_put(l, w, false))
        return no_permission(l);
    load_put32(l, &h->request, atomic_load(&h->request) + 1);
    attach_wake_word(&h->request);
    say_done(process, w, "records already, and now as asked for");
    return CLI_OK;
}

static int wake_dormant(const struct process_facts *process, struct loaded_file *l, const struct attach_settings *w)
{
    const struct state_header *h = state_head(&l->view);
    pid_t pid = process->pid;
    if (!load_can_write(l))
        return no_permission(l);
    uint64_t looks = atomic_load(&h->looks);
    settings_put(l, w, true);
    load_put32(l, &h->attached, 1);
    if (!load_put32(l, &h->enabled, 1))
        return cli_fail("cannot wake process %d: %s", pid, strerror(errno));
    attach_wake_word(&h->enabled);
    if (l->life == LIFE_STOPPED) {
        cli_warn("process %d is stopped: recording begins when it goes on", pid);
        return CLI_OK;
    }
    wait_for_look(pid, h, looks);
    say_done(process, w, "its agent was dormant, and records now");
    return CLI_OK;
}

static const char *const inject_words[] = {
    [LOAD_NOT] = "its agent was asleep, and records now",
    [LOAD_PATH] = "the agent was loaded, and records",
    [LOAD_MEMORY] = "the agent was loaded from memory, as the library is not visible there, and records",
    [LOAD_FILE] = "the agent was loaded from a file put into its root for the moment, as the library is not visible there, and records",
};

static int inject_agent(const struct process_facts *process, const struct attach_settings *w)
{
    pid_t pid = process->pid;
    struct refusal why = {""};
    struct agent_done came = {0};
    char options[1024];
    settings_as_options(w, options, sizeof options);
    const char *refused = agent_inject(process, options, &came, &why);
    if (refused)
        return cli_fail("%s", refused);
    if (came.stats.broken)
        cli_warn("%u of %u objects have symbol tables that make no sense; calls from them are not seen", came.stats.broken,
                 came.stats.objects + came.stats.broken);
    if (came.stats.missed)
        cli_warn("calls by %u entries are not seen, another library has taken them over; the kernel's tables cover what is missed",
                 came.stats.missed);
    struct loaded_file l;
    if (attach_load(&l, pid)) {
        wait_for_look(pid, state_head(&l.view), 0);
        load_free(&l);
    } else if (!attach_is_gone(pid)) {
        cli_warn("process %d records in memory only, where no report can reach it: its state directory cannot be written; --log FILE "
                 "has it write its reports itself",
                 pid);
    }
    say_done(process, w, inject_words[came.way]);
    return CLI_OK;
}

/* On a terminal: how long the recording goes on, once a second. */
static void show_left(uint64_t left_ns)
{
    static uint64_t shown = UINT64_MAX;
    uint64_t left_s = (left_ns + 999999999u) / 1000000000u;
    if (left_s == shown || !isatty(STDERR_FILENO))
        return;
    shown = left_s;
    if (left_s)
        fprintf(stderr, "\r\033[Krecording for another %llu s (Ctrl-C ends it)", (unsigned long long)left_s);
    else
        fprintf(stderr, "\r\033[K");
    fflush(stderr);
}

static bool all_gone(const pid_t *pids, int n)
{
    for (int i = 0; i < n; i++)
        if (!attach_is_gone(pids[i]))
            return false;
    return true;
}

/* Waits until NS is over, the processes end, or the user interrupts. Returns how long that was. */
static uint64_t record_for(const pid_t *pids, int n, uint64_t ns)
{
    uint64_t begun = now_mono_ns(), end = begun + ns, now;
    for (now = begun; now < end && !interrupted && !all_gone(pids, n); now = now_mono_ns()) {
        show_left(end - now);
        attach_nap_ms(end - now > 100000000u ? 100 : (int)((end - now) / 1000000u) + 1);
    }
    show_left(0);
    return now < end ? now - begun : ns;
}

/*
 * Reports in a child process. Whatever ends the child (a second Ctrl-C, a pager that was closed, a
 * fault in damaged debug data), we still detach.
 */
static int report_apart(const char *what, uint64_t min_age_ns)
{
    sig_atomic_t before = interrupted;
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            signal(numbers[i], SIG_DFL);
        exit(report_process(what, min_age_ns));
    }
    if (child < 0)
        return report_process(what, min_age_ns);
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (interrupted != before) /* it may have been sent to us alone */
            kill(child, SIGTERM);
        attach_nap_ms(5);
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    if (WTERMSIG(status) == SIGPIPE)
        return CLI_OK;
    return cli_fail("the report was ended by signal %d (%s); `sockleak report` gives it again", WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
}

/*
 * In a recording that is shorter than the process' grace nothing could last long enough to be
 * reported. Then the least age is half of the recording.
 */
static uint64_t least_age_ns(pid_t pid, const struct attach_settings *w, uint64_t recorded_ns)
{
    struct loaded_file l;
    if (w->grace_set || !attach_load(&l, pid))
        return UINT64_MAX;
    uint64_t grace_ns = atomic_load(&state_head(&l.view)->grace_ns);
    load_free(&l);
    return grace_ns < recorded_ns / 2 ? grace_ns : recorded_ns / 2;
}

/* The state file, kept open: its path may lead through the process' own root, which ends with it. */
static int keep_file(pid_t pid)
{
    struct loaded_file l;
    int fd = -1;
    if (attach_load(&l, pid)) {
        fd = open(l.path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        load_free(&l);
    }
    return fd;
}

static int report_and_leave(pid_t pid, int fd, const struct attach_settings *w, uint64_t recorded_ns)
{
    char number[16], file[32];
    struct stat st;
    snprintf(number, sizeof(number), "%d", pid);
    snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
    if (!attach_is_gone(pid)) {
        int status = report_apart(number, least_age_ns(pid, w, recorded_ns));
        int detached = detach_process(pid);
        return status ? status : detached;
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink)
        return report_apart(file, UINT64_MAX);
    cli_warn("process %d has ended, with nothing stuck", pid);
    return CLI_OK;
}

static int record_and_leave(const pid_t *pids, int n, const struct attach_settings *w)
{
    int files[n], status = CLI_OK;
    for (int i = 0; i < n; i++)
        files[i] = keep_file(pids[i]);
    uint64_t recorded_ns = record_for(pids, n, w->for_ns);
    for (int i = 0; i < n; i++) {
        int this_one = report_and_leave(pids[i], files[i], w, recorded_ns);
        status = status ? status : this_one;
        if (files[i] >= 0)
            close(files[i]);
    }
    return status;
}

static int start_recording(pid_t pid, const struct attach_settings *w)
{
    struct refusal why = {""};
    struct loaded_file l;
    struct process_facts process;
    process_read(pid, &process);
    const char *refused = check_exists(&process, &why);
    if (refused)
        return cli_fail("%s", refused);
    if (!settings_check_log(w, &process))
        return CLI_FAILED;
    if (attach_load(&l, pid)) {
        int status;
        if (atomic_load(&state_head(&l.view)->enabled))
            status = change_recording(&process, &l, w);
        else
            status = wake_dormant(&process, &l, w);
        load_free(&l);
        return status;
    }
    return inject_agent(&process, w);
}

static const struct option attach_options[] = {
    {"grace", required_argument, NULL, 'g'}, {"kinds", required_argument, NULL, 'k'}, {"for", required_argument, NULL, 'f'},
    {"log", required_argument, NULL, 'l'},   {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
};

/* Takes the arguments. Returns -1, or the status to end with. */
static int take_arguments(int argc, char **argv, struct attach_settings *w)
{
    int c;
    while ((c = getopt_long(argc, argv, ":h", attach_options, NULL)) != -1) {
        switch (c) {
        case 'g':
            if (!cli_time("--grace", optarg, &w->grace_ns))
                return CLI_USAGE;
            w->grace_set = true;
            break;
        case 'k':
            if (!cli_kinds("--kinds", optarg, &w->kinds))
                return CLI_USAGE;
            w->kinds_set = true;
            break;
        case 'f':
            if (!cli_time("--for", optarg, &w->for_ns))
                return CLI_USAGE;
            w->for_set = true;
            break;
        case 'l':
            if (!settings_take_log(w, optarg))
                return CLI_USAGE;
            break;
        case 'h':
            return cli_help();
        default:
            return cli_bad_option(c, argv);
        }
    }
    return optind == argc ? cli_misuse("give the PID of a process, or several") : -1;
}

/* The PIDs among the arguments, each once. Freed by the caller; NULL: a line says why. */
static pid_t *take_pids(int argc, char **argv, int *n)
{
    pid_t *pids = calloc((size_t)argc, sizeof *pids);
    *n = 0;
    for (int i = optind; pids && i < argc; i++) {
        int k = 0;
        if (!cli_pid(argv[i], &pids[*n])) {
            free(pids);
            return NULL;
        }
        while (pids[k] != pids[*n])
            k++;
        *n += k == *n;
    }
    return pids;
}

/* Attaches to the N PIDS; those that record stand first then, *N of them. */
static int start_all(pid_t *pids, int *n, const struct attach_settings *w)
{
    int status = CLI_OK, started = 0;
    for (int i = 0; i < *n; i++) {
        int this_one = start_recording(pids[i], w);
        if (this_one == CLI_OK)
            pids[started++] = pids[i];
        status = status ? status : this_one;
    }
    *n = started;
    return status;
}

int cmd_attach(int argc, char **argv)
{
    struct attach_settings w = {0};
    int n, status = take_arguments(argc, argv, &w);
    if (status >= 0)
        return status;
    pid_t *pids = take_pids(argc, argv, &n);
    if (!pids)
        return CLI_USAGE;
    if (w.for_set)
        outlive_signals();
    status = start_all(pids, &n, &w);
    if (w.for_set && n) {
        int reported = record_and_leave(pids, n, &w);
        status = status ? status : reported;
    }
    free(pids);
    return status ? status : cli_flush();
}
