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

#include "../../core/options.h"
#include "../base/cli.h"
#include "../base/now.h"
#include "../remote/agent.h"
#include "../remote/check.h"
#include "../report/report.h"
#include "detach.h"
#include "wake.h"

const char usage_attach[] = "usage: sockleak attach [options] PID\n"
                            "\n"
                            "Starts recording in a running process: wakes an agent that was preloaded with enabled=0, or\n"
                            "else loads the agent into it. Sockets that are open already are known as before_attach.\n"
                            "Needs the rights that a debugger needs: the same user, or root. SOCKLEAK_LIBRARY names the library\n"
                            "where it is not beside this command or in ../lib.\n"
                            "\n"
                            "  --grace TIME    report a socket after its condition has lasted so long (30s)\n"
                            "  --kinds KINDS   close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,\n"
                            "                  use_after_close,open or all\n"
                            "  --for TIME      record for so long, then report and detach. Without --grace the report lists what has been\n"
                            "                  stuck for the process' grace or half of TIME, whichever is shorter. Ctrl-C ends it early\n"
                            "  -h, --help\n"
                            "\n"
                            "EXAMPLES\n"
                            "  sockleak attach 4242\n"
                            "  sockleak attach --for 60s --grace 10s $(pidof myserver)\n"
                            "  sockleak report 4242\n"
                            "  sockleak detach 4242\n";

struct attach_request {
    uint64_t grace_ns, for_ns;
    uint32_t kinds;
    bool grace_set, kinds_set, for_set;
};

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

static int wake_dormant(pid_t pid, struct loaded_file *l, const struct attach_request *w)
{
    const struct state_header *h = state_head(&l->view);
    if (!load_can_write(l))
        return cli_fail("no permission to write %s: run as the process' user or as root", l->path);
    uint64_t looks = atomic_load(&h->looks);
    if (w->grace_set) {
        struct options follows = {.grace_ns = w->grace_ns};
        options_finish(&follows);
        load_put64(l, &h->grace_ns, w->grace_ns);
        if (!h->interval_given)
            load_put64(l, &h->interval_ns, follows.interval_ns);
    }
    if (w->kinds_set)
        load_put32(l, &h->kinds, w->kinds);
    load_put32(l, &h->attached, 1);
    if (!load_put32(l, &h->enabled, 1))
        return cli_fail("cannot wake process %d: %s", pid, strerror(errno));
    attach_wake_word(&h->enabled);
    if (l->life == LIFE_STOPPED) {
        cli_warn("process %d is stopped: recording begins when it goes on", pid);
        return CLI_OK;
    }
    wait_for_look(pid, h, looks);
    return CLI_OK;
}

static int inject_agent(const struct process_facts *process, const struct attach_request *w)
{
    pid_t pid = process->pid;
    struct refusal why = {""};
    struct agent_stats stats = {0};
    char options[256];
    int n = 0;
    options[0] = '\0';
    if (w->grace_set)
        n += snprintf(options + n, sizeof(options) - (size_t)n, "grace=%llums:", (unsigned long long)(w->grace_ns / 1000000));
    for (unsigned k = 0, any = 0; w->kinds_set && k < KIND_COUNT; k++)
        if (w->kinds & KIND_BIT(k) && kind_name(k))
            n += snprintf(options + n, sizeof(options) - (size_t)n, "%s%s", any++ ? "," : "kinds=", kind_name(k));
    const char *refused = agent_inject(process, options, &stats, &why);
    if (refused)
        return cli_fail("%s", refused);
    if (stats.broken)
        cli_warn("%u of %u objects have symbol tables that make no sense; calls from them are not seen", stats.broken,
                 stats.objects + stats.broken);
    if (stats.missed)
        cli_warn("calls by %u entries are not seen, another library has taken them over; the kernel's tables cover what is missed",
                 stats.missed);
    struct loaded_file l;
    if (attach_load(&l, pid)) {
        wait_for_look(pid, state_head(&l.view), 0);
        load_free(&l);
    } else if (!attach_is_gone(pid)) {
        cli_warn("process %d records in memory only, where no report can reach it: its state directory cannot be written; see its own log",
                 pid);
    }
    return CLI_OK;
}

/* Waits until NS is over, the process ends, or the user interrupts. Returns how long that was. */
static uint64_t record_for(pid_t pid, uint64_t ns)
{
    uint64_t begun = now_mono_ns(), end = begun + ns, now;
    for (now = begun; now < end && !interrupted && !attach_is_gone(pid); now = now_mono_ns())
        attach_nap_ms(end - now > 100000000u ? 100 : (int)((end - now) / 1000000u) + 1);
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
static uint64_t least_age_ns(pid_t pid, const struct attach_request *w, uint64_t recorded_ns)
{
    struct loaded_file l;
    if (w->grace_set || !attach_load(&l, pid))
        return UINT64_MAX;
    uint64_t grace_ns = atomic_load(&state_head(&l.view)->grace_ns);
    load_free(&l);
    return grace_ns < recorded_ns / 2 ? grace_ns : recorded_ns / 2;
}

static int report_and_leave(pid_t pid, const struct attach_request *w)
{
    char number[16], file[32] = "";
    struct loaded_file l;
    int fd = -1; /* the path may lead through the process' own root, which ends with it */
    if (attach_load(&l, pid)) {
        fd = open(l.path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        load_free(&l);
    }
    snprintf(number, sizeof(number), "%d", pid);
    snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
    uint64_t recorded_ns = record_for(pid, w->for_ns);
    int status;
    struct stat st;
    if (!attach_is_gone(pid)) {
        status = report_apart(number, least_age_ns(pid, w, recorded_ns));
        int detached = detach_process(pid);
        status = status ? status : detached;
    } else if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink) {
        status = report_apart(file, UINT64_MAX);
    } else {
        cli_warn("process %d has ended, with nothing stuck", pid);
        status = CLI_OK;
    }
    if (fd >= 0)
        close(fd);
    return status;
}

static int start_recording(pid_t pid, const struct attach_request *w)
{
    struct refusal why = {""};
    struct loaded_file l;
    struct process_facts process;
    process_read(pid, &process);
    const char *refused = check_exists(&process, &why);
    if (refused)
        return cli_fail("%s", refused);
    if (attach_load(&l, pid)) {
        int status;
        if (atomic_load(&state_head(&l.view)->enabled))
            status = cli_fail("process %d (%s) is recording already: see `sockleak report %d`, or detach first", pid, process.name, pid);
        else
            status = wake_dormant(pid, &l, w);
        load_free(&l);
        return status;
    }
    return inject_agent(&process, w);
}

static const struct option attach_options[] = {
    {"grace", required_argument, NULL, 'g'},
    {"kinds", required_argument, NULL, 'k'},
    {"for", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int cmd_attach(int argc, char **argv)
{
    struct attach_request w = {0};
    pid_t pid;
    int c;
    while ((c = getopt_long(argc, argv, ":h", attach_options, NULL)) != -1) {
        switch (c) {
        case 'g':
            if (!cli_time("--grace", optarg, &w.grace_ns))
                return CLI_USAGE;
            w.grace_set = true;
            break;
        case 'k':
            if (!cli_kinds("--kinds", optarg, &w.kinds))
                return CLI_USAGE;
            w.kinds_set = true;
            break;
        case 'f':
            if (!cli_time("--for", optarg, &w.for_ns))
                return CLI_USAGE;
            w.for_set = true;
            break;
        case 'h':
            return cli_help();
        default:
            return cli_bad_option(c, argv);
        }
    }
    if (argc - optind != 1)
        return cli_misuse("give one PID");
    if (!cli_pid(argv[optind], &pid))
        return CLI_USAGE;
    if (w.for_set)
        outlive_signals();
    int status = start_recording(pid, &w);
    return status == CLI_OK && w.for_set ? report_and_leave(pid, &w) : status;
}
