/* SPDX-License-Identifier: MIT */
/*
 * scan.c: `sockleak scan`: who holds stuck sockets on this machine, from the kernel's own tables.
 * No agent needed.
 *
 * Puts collect, rows and print together, once or (--watch) again and again.
 */
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../base/cli.h"
#include "collect.h"
#include "json.h"
#include "print.h"
#include "rows.h"
#include "usage.h"

const char usage_scan[] = "usage: sockleak scan [options] [PID]\n"
                          "\n"
                          "Counts by process and peer the sockets that are stuck: in CLOSE_WAIT (the peer has\n"
                          "closed, the program never did), in FIN_WAIT_2 (the program shut down its side and\n"
                          "still holds the descriptor), dead or never connected but still held, and Unix\n"
                          "connections whose peer is gone (HANGUP). The worst process is the first line. Asks\n"
                          "the kernel, so it works for every program, static and Go ones too, in every network\n"
                          "namespace that may be entered. Without root it sees the caller's own processes.\n"
                          "With a PID also what that process never accepted, what its descriptors are, how many\n"
                          "local ports are left, and what only a program that it started still holds.\n"
                          "\n"
                          "  FDS      descriptors in use, of the limit\n"
                          "  PORTS    ephemeral ports in use towards this peer, of all\n"
                          "  UNREAD   bytes that wait in these sockets\n"
                          "  PEER     10.0.0.5:1433 connected to; :8080 < 10.0.0.7 accepted at our port 8080\n"
                          "\n"
                          "  -w, --watch TIME   look again every TIME (2s, 500ms) and show the change\n"
                          "  -n, --count N      end after N looks\n"
                          "  -a, --all          every row (default: 8 peers a process, 40 rows)\n"
                          "  -j, --json         one JSON object a line\n"
                          "  --exitcode N       end with N when a process holds stuck sockets (a probe; no grace)\n"
                          "  --min COUNT        with --exitcode: so many in one process, or more (default 1)\n"
                          "  -h, --help\n"
                          "\n"
                          "EXAMPLES\n"
                          "  sockleak scan\n"
                          "  sudo sockleak scan --watch 2s\n"
                          "  sockleak scan --exitcode 3 --min 20 4242\n"
                          "  sockleak scan --json 4242 | jq -r 'select(.type == \"stuck\") | .peer'\n";

struct one_scan {
    struct scan scan;
    struct scan_rows rows;
    struct scan_usage usage; /* with a PID */
};

static void one_scan_free(struct one_scan *l)
{
    scan_rows_free(&l->rows);
    scan_usage_free(&l->usage);
    scan_free(&l->scan);
}

static unsigned terminal_width(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20)
        return w.ws_col;
    const char *columns = getenv("COLUMNS");
    int n = columns ? atoi(columns) : 0;
    return n >= 20 && n < 10000 ? (unsigned)n : 80;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static int cannot_collect(int error, pid_t pid)
{
    if (pid && (error == -ESRCH || error == -ENOENT))
        return cli_fail("no process %d", (int)pid);
    if (pid && (error == -EACCES || error == -EPERM) && geteuid() == 0)
        return cli_fail(
            "the descriptors of process %d may not be read, even by root: CAP_SYS_PTRACE is missing (a container?) or a security "
            "module forbids it; run on the host, or add the capability",
            (int)pid);
    if (pid && (error == -EACCES || error == -EPERM))
        return cli_fail("the descriptors of process %d may not be read: it is another user's; try sudo sockleak scan %d", (int)pid,
                        (int)pid);
    return cli_fail("cannot read the socket tables: %s; they come from /proc and sock_diag (kernel option INET_DIAG)", strerror(-error));
}

/*
 * The heading of each scan of --watch. A terminal is cleared first; elsewhere an empty line comes
 * between two scans.
 */
static void print_heading(const struct scan_view *v)
{
    char clock[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
    if (isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    else if (v->before)
        putchar('\n');
    printf("sockleak scan at %s\n", clock);
}

struct scan_request {
    uint64_t watch_ns, count, exitcode, min;
    bool json, all, exitcode_set, min_set;
    pid_t pid;
};

static int scan_repeatedly(const struct scan_request *set)
{
    struct one_scan scans[2];
    int status = CLI_OK;
    uint64_t n = 0;
    bool found = false; /* at the last look */
    for (;; n++) {
        struct one_scan *now = &scans[n % 2], *before = &scans[(n + 1) % 2];
        int e = scan_collect(&now->scan, set->pid);
        if (e) {
            scan_free(&now->scan);
            if (n > 0 && set->pid && (e == -ESRCH || e == -ENOENT))
                fprintf(stderr, "sockleak scan: process %d has ended\n", (int)set->pid);
            else
                status = cannot_collect(e, set->pid);
            break;
        }
        scan_rows_make(&now->rows, &now->scan, set->pid == 0);
        now->usage = (struct scan_usage){0};
        if (set->pid)
            scan_usage_make(&now->usage, &now->scan);
        found = scan_rows_most(&now->rows, &now->scan) >= set->min;
        if (n)
            scan_rows_index(&before->rows, &before->scan);
        struct scan_view v = {
            .scan = &now->scan,
            .rows = &now->rows,
            .before = n ? &before->scan : NULL,
            .rows_before = n ? &before->rows : NULL,
            .pid = set->pid,
            .usage = set->pid ? &now->usage : NULL,
            .width = terminal_width(),
            .max_rows = set->all ? 0 : 40,
        };
        if (set->watch_ns && !set->json)
            print_heading(&v);
        set->json ? scan_print_json(&v) : scan_print_text(&v);
        if (n)
            one_scan_free(before);
        status = cli_flush();
        if (status || ferror(stdout) || set->watch_ns == 0 || n + 1 == set->count) {
            n++;
            break;
        }
        sleep_ns(set->watch_ns);
    }
    if (n)
        one_scan_free(&scans[(n - 1) % 2]);
    return status == CLI_OK && found && set->exitcode_set ? (int)set->exitcode : status;
}

enum { SCAN_OPT_EXITCODE = 256, SCAN_OPT_MIN };

int cmd_scan(int argc, char **argv)
{
    static const struct option options[] = {
        {"watch", required_argument, NULL, 'w'},
        {"count", required_argument, NULL, 'n'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"exitcode", required_argument, NULL, SCAN_OPT_EXITCODE},
        {"min", required_argument, NULL, SCAN_OPT_MIN},
        {NULL, 0, NULL, 0},
    };
    struct scan_request set = {.min = 1};
    int c;
    while ((c = getopt_long(argc, argv, ":w:n:ajh", options, NULL)) != -1) {
        switch (c) {
        case 'w':
            if (!cli_time("--watch", optarg, &set.watch_ns))
                return CLI_USAGE;
            if (set.watch_ns < 100000000)
                return cli_misuse("--watch %s: at least 100ms", optarg);
            break;
        case 'n':
            if (!cli_number("--count", optarg, UINT32_MAX, &set.count))
                return CLI_USAGE;
            if (set.count == 0)
                return cli_misuse("--count %s: at least 1", optarg);
            break;
        case 'a':
            set.all = true;
            break;
        case 'j':
            set.json = true;
            break;
        case SCAN_OPT_EXITCODE:
            if (!cli_number("--exitcode", optarg, 255, &set.exitcode))
                return CLI_USAGE;
            set.exitcode_set = true;
            break;
        case SCAN_OPT_MIN:
            if (!cli_number("--min", optarg, UINT32_MAX, &set.min))
                return CLI_USAGE;
            if (set.min == 0)
                return cli_misuse("--min %s: at least 1", optarg);
            set.min_set = true;
            break;
        case 'h':
            return cli_help();
        default:
            return cli_bad_option(c, argv);
        }
    }
    if (set.min_set && !set.exitcode_set)
        return cli_misuse("--min says when --exitcode counts; give that too");
    if (argc - optind > 1)
        return cli_misuse("takes one process id");
    if (optind < argc && !cli_pid(argv[optind], &set.pid))
        return CLI_USAGE;
    return scan_repeatedly(&set);
}
