/* SPDX-License-Identifier: MIT */
/*
 * run.c: `sockleak run`: a program and its children under the agent, and one report over all of
 * them at the end.
 *
 * The agents write no reports of their own: their state files lie in one directory, which is read
 * once the program has ended.
 */
#include "run.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/options.h"
#include "../base/cli.h"
#include "../base/library.h"
#include "../base/now.h"
#include "../render/formats.h"
#include "../state/load_set.h"
#include "../state/paths.h"
#include "check.h"
#include "elf_file.h"
#include "report.h"
#include "traced.h"
#include "wait.h"

const char usage_run[] = "usage: sockleak run [options] [--] CMD [ARG...]\n"
                         "\n"
                         "Runs CMD and its children under the agent, passes signals and the exit status through, and at the end\n"
                         "prints one report over all its processes, with file and line, to standard error.\n"
                         "\n"
                         "  --exitcode N          end with N when leaks were found and CMD itself ended with 0\n"
                         "  --max-allowed N       so many leaked sockets are tolerated before --exitcode counts (default 0)\n"
                         "  --kinds KINDS         close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,\n"
                         "                        use_after_close,open or all\n"
                         "  --grace TIME          of a process that still runs at the end, only what has been stuck so long (default:\n"
                         "                        its own grace, 30s)\n"
                         "  --suppressions FILE   leave out what matches; may be given several times\n"
                         "  --no-source           without the source line below the program's first frame\n"
                         "  --json FILE           write the report as JSON Lines to FILE too ('-': standard output)\n"
                         "  --output DIR          keep the state files in DIR, beside those of earlier runs; 'sockleak report DIR' reads\n"
                         "                        them all\n"
                         "  --trace               watch the program from outside, with no library in it: static and Go programs are\n"
                         "                        watched so in any case\n"
                         "  --no-trace            refuse them instead\n"
                         "  -h, --help\n"
                         "\n"
                         "The exit status is CMD's own, 128+N when signal N ended it, 1 when CMD could not be run.\n"
                         "SOCKLEAK_LIBRARY names the library where it is not beside this command or in ../lib.\n"
                         "\n"
                         "EXAMPLES\n"
                         "  sockleak run -- ./server --port 8080\n"
                         "  sockleak run --exitcode 23 --kinds all -- ./test-suite\n"
                         "  sockleak run --output /tmp/leaks -- nginx -g 'daemon off;'\n";

struct run_request {
    uint32_t kinds;
    uint64_t grace_ns;
    bool grace_set, exitcode_set, max_allowed_set, no_source, trace, no_trace;
    uint64_t exitcode, max_allowed;
    const char *kinds_word, *grace_word, *json, *output;
    struct suppression_files suppressions;
};

enum {
    RUN_OPT_EXITCODE = 256,
    RUN_OPT_MAX_ALLOWED,
    RUN_OPT_KINDS,
    RUN_OPT_GRACE,
    RUN_OPT_SUPPRESSIONS,
    RUN_OPT_JSON,
    RUN_OPT_OUTPUT,
    RUN_OPT_NO_SOURCE,
    RUN_OPT_TRACE,
    RUN_OPT_NO_TRACE
};

static const struct option run_options[] = {
    {"exitcode", required_argument, NULL, RUN_OPT_EXITCODE},
    {"max-allowed", required_argument, NULL, RUN_OPT_MAX_ALLOWED},
    {"kinds", required_argument, NULL, RUN_OPT_KINDS},
    {"grace", required_argument, NULL, RUN_OPT_GRACE},
    {"suppressions", required_argument, NULL, RUN_OPT_SUPPRESSIONS},
    {"json", required_argument, NULL, RUN_OPT_JSON},
    {"output", required_argument, NULL, RUN_OPT_OUTPUT},
    {"no-source", no_argument, NULL, RUN_OPT_NO_SOURCE},
    {"trace", no_argument, NULL, RUN_OPT_TRACE},
    {"no-trace", no_argument, NULL, RUN_OPT_NO_TRACE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The status to end with, or -1 to go on. */
static int take_run_option(struct run_request *a, int c, char **argv)
{
    switch (c) {
    case RUN_OPT_EXITCODE:
        a->exitcode_set = true;
        return cli_number("--exitcode", optarg, 255, &a->exitcode) ? -1 : CLI_USAGE;
    case RUN_OPT_MAX_ALLOWED:
        a->max_allowed_set = true;
        return cli_number("--max-allowed", optarg, UINT32_MAX, &a->max_allowed) ? -1 : CLI_USAGE;
    case RUN_OPT_KINDS:
        a->kinds_word = optarg;
        return cli_kinds("--kinds", optarg, &a->kinds) ? -1 : CLI_USAGE;
    case RUN_OPT_GRACE:
        a->grace_word = optarg;
        a->grace_set = true;
        return cli_time("--grace", optarg, &a->grace_ns) ? -1 : CLI_USAGE;
    case RUN_OPT_SUPPRESSIONS:
        suppression_files_add(&a->suppressions, optarg);
        return -1;
    case RUN_OPT_JSON:
        a->json = optarg;
        return -1;
    case RUN_OPT_OUTPUT:
        a->output = optarg;
        return -1;
    case RUN_OPT_NO_SOURCE:
        a->no_source = true;
        return -1;
    case RUN_OPT_TRACE:
        a->trace = true;
        return -1;
    case RUN_OPT_NO_TRACE:
        a->no_trace = true;
        return -1;
    case 'h':
        return cli_help();
    default:
        return cli_bad_option(c, argv);
    }
}

/* ---- where things are ------------------------------------------------------------------------ */

/* What log_path can hold, the longest of the options that are made of the directory's name. */
#define LOG_NAME "/%p.log"
#define MAX_DIRECTORY (sizeof(((struct options *)0)->log_path) - sizeof LOG_NAME)

static bool is_link(const char *path)
{
    char bare[CLI_PATH_MAX];
    struct stat st;
    size_t n = (size_t)snprintf(bare, sizeof bare, "%s", path);
    /* with a slash behind it lstat would follow the link */
    while (n > 1 && n < sizeof bare && bare[n - 1] == '/')
        bare[--n] = 0;
    return lstat(bare, &st) == 0 && S_ISLNK(st.st_mode);
}

/*
 * Nothing is removed: several programs may be run into one directory, to be reported together. But
 * whoever forgot the last run would take its leaks for this one's.
 */
static void warn_of_older(const char *dir)
{
    unsigned n = 0;
    pid_t pid;
    uint64_t start;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        n += paths_state_name(e->d_name, &pid, &start);
    if (d)
        closedir(d);
    if (n)
        cli_warn("--output %s: it holds %u state file%s of earlier runs; this run's report leaves %s out, `sockleak report %s` has %s too "
                 "(rm %s/*.sockleak before the run starts anew)",
                 dir, n, n == 1 ? "" : "s", n == 1 ? "it" : "them", dir, n == 1 ? "it" : "them", dir);
}

/*
 * The directory that --output names, by its full path. The agents check the same conditions. NULL:
 * it printed an error.
 */
static char *output_directory(const char *output)
{
    struct stat st;
    if (mkdir(output, 0700) != 0 && errno != EEXIST) {
        cli_fail("cannot make the directory %s: %s", output, strerror(errno));
        return NULL;
    }
    if (is_link(output)) {
        cli_fail("--output %s: it is a symbolic link; name the directory itself", output);
        return NULL;
    }
    char *real = realpath(output, NULL);
    if (real && strlen(real) > MAX_DIRECTORY)
        cli_fail("--output %s: its full name has more than the %zu bytes that the agent takes", output, MAX_DIRECTORY);
    else if (!real || stat(real, &st) != 0 || !S_ISDIR(st.st_mode))
        cli_fail("--output %s: not a directory", output);
    else if (!paths_is_private(&st))
        cli_fail("--output %s: it must be yours, and nobody else may write to it (chmod go-w %s)", output, output);
    else if (strpbrk(real, "\"%\n"))
        cli_fail("--output %s: its name may not hold '\"', '%%' or a line's end", output);
    else {
        warn_of_older(real);
        return real;
    }
    free(real);
    return NULL;
}

/*
 * A directory of this run alone below the usual one, or what --output names. NULL: it printed an
 * error.
 */
static char *make_directory(const struct run_request *a)
{
    char dirs[2][CLI_PATH_MAX], path[CLI_PATH_MAX + 64];
    struct stat st;
    if (a->output)
        return output_directory(a->output);
    size_t n = paths_state_dirs(dirs);
    for (size_t i = 0; i < n; i++) {
        mkdir(dirs[i], 0700);
        /* whoever may write there could put another directory in our place */
        if (lstat(dirs[i], &st) == 0 && !paths_is_private(&st)) {
            errno = EPERM;
            continue;
        }
        snprintf(path, sizeof path, "%s/" PATHS_RUN_NAME, dirs[i], (int)getpid());
        /* the program may change its directory */
        char *real = mkdtemp(path) ? realpath(path, NULL) : NULL;
        if (real && strlen(real) <= MAX_DIRECTORY && !strpbrk(real, "\"%\n"))
            return real;
        if (real)
            errno = strlen(real) > MAX_DIRECTORY ? ENAMETOOLONG : EINVAL;
        int err = errno;
        rmdir(path);
        free(real);
        errno = err;
    }
    cli_fail("cannot make a directory in %s: %s; name one with --output", dirs[n - 1], strerror(errno));
    return NULL;
}

/* ---- the environment ------------------------------------------------------------------------- */

struct variable {
    const char *name, *value; /* NAME with its "="; VALUE NULL: not set */
};

/* A copy of the environment with the N variables of SET instead of those of these names. */
static char **copy_environ(struct arena *arena, const struct variable *set, size_t n_set)
{
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **envp = arena_array(arena, n + n_set + 1, sizeof *envp);
    for (size_t i = 0; i < n; i++) {
        bool replaced = false;
        for (size_t k = 0; k < n_set; k++)
            replaced |= strncmp(environ[i], set[k].name, strlen(set[k].name)) == 0;
        if (!replaced)
            envp[kept++] = environ[i];
    }
    for (size_t k = 0; k < n_set; k++)
        if (set[k].value)
            envp[kept++] = arena_printf(arena, "%s%s", set[k].name, set[k].value);
    return envp;
}

/*
 * The user's options come first, ours after them: later ones win. If the user left a quote open, it
 * may swallow our first options, but not the directory.
 */
static const char *agent_options(struct arena *arena, const struct run_request *a, const struct options *users, const char *text,
                                 const char *dir)
{
    return arena_printf(
        arena, "closes=1:%s%s%s%s%s%s%shelp=0:leak_check_at_exit=0:exitcode=0:log_format=text:log_path=\"%s%s\":state_dir=\"%s\":enabled=1",
        text ? text : "", text && text[0] ? ":" : "", a->kinds_word ? "kinds=" : "", a->kinds_word ? a->kinds_word : "",
        a->kinds_word ? ":" : "", a->grace_word ? arena_printf(arena, "grace=%s:", a->grace_word) : "",
        /* Of a process that is killed only the last look is known: look often. */
        users->interval_set ? "" : "interval=1s:", dir, LOG_NAME, dir);
}

/*
 * AddressSanitizer's runtime wants to be the first library. So the runtimes that the program itself
 * is linked with are preloaded ahead of the agent, which takes them out of LD_PRELOAD again for the
 * program's children (SOCKLEAK_FIRST): a shell under LeakSanitizer would fail. A child that is
 * built with AddressSanitizer is told by ASAN_OPTIONS to put up with its second place.
 */
static char **make_environment(struct arena *arena, const struct run_request *a, const char *library, const char *dir, const char *path,
                               struct options *users)
{
    const char *text = getenv("SOCKLEAK_OPTIONS"), *preload = getenv("LD_PRELOAD"), *asan = getenv("ASAN_OPTIONS");
    char elf[CLI_PATH_MAX];
    const char *first = run_elf(path, elf, sizeof elf) ? elf_file_sanitizers(arena, elf) : NULL;
    options_default(users);
    options_parse(users, text ? text : "", NULL, NULL); /* the agent warns */
    if (first)
        library = arena_printf(arena, "%s:%s", first, library);
    if (preload && preload[0])
        library = arena_printf(arena, "%s:%s", library, preload);
    const struct variable set[] = {
        {"LD_PRELOAD=", library},
        {"SOCKLEAK_FIRST=", first},
        {"ASAN_OPTIONS=", arena_printf(arena, "%s%sverify_asan_link_order=0", asan ? asan : "", asan && asan[0] ? ":" : "")},
        {"SOCKLEAK_OPTIONS=", agent_options(arena, a, users, text, dir)},
    };
    return copy_environ(arena, set, sizeof set / sizeof set[0]);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* help=1: printed here once, and not by each process. */
static void print_options(void)
{
    char buf[16384];
    struct out o;
    format_open(&o, stderr, buf, sizeof buf);
    options_help(&o);
    format_flush(&o);
}

static void ignore_bad(void *arg, const char *path, const char *why)
{
    (void)arg;
    (void)path;
    (void)why; /* the report says it */
}

/*
 * A signal is about to end the program: nobody can ask its sockets afterwards, nor what handles
 * them. If the program catches it, its sockets are its own affair.
 */
static void look_before_the_end(void *report, bool surely)
{
    struct run_report *r = report;
    struct load_set set = {0};
    load_set_dir(&set, r->dir, ignore_bad, NULL);
    if (surely)
        load_set_refresh(&set, 1000);
    for (size_t i = 0; i < set.n; i++)
        if (load_is_live(&set.items[i]))
            handlers_keep(&r->kept, &set.items[i]);
    load_set_free(&set);
}

/* LIBRARY: NULL, where the program is traced. */
static int run_in_directory(struct run_request *a, const char *dir, const char *library, const char *path, char **argv)
{
    struct arena arena = {0};
    struct options users;
    struct run_report r = {.dir = dir,
                           .keep = a->output != NULL,
                           .json = a->json,
                           .kinds = a->kinds,
                           .grace_ns = a->grace_ns,
                           .grace_set = a->grace_set,
                           .no_source = a->no_source,
                           .started_ns = now_mono_ns()};
    char **envp = library ? make_environment(&arena, a, library, dir, path, &users) : NULL;
    struct run_end end = {0};
    r.traced = !library;
    if (!library)
        traced_options(&users);
    if (users.suppressions[0])
        suppression_files_add(&a->suppressions, users.suppressions);
    r.suppressions = &a->suppressions;
    if (!run_report_ready(&r)) {
        if (!a->output)
            rmdir(dir);
        arena_free(&arena);
        return CLI_FAILED;
    }
    r.exe = path;
    if (users.help)
        print_options();
    const char *why = library ? run_program(path, argv, envp, NULL, look_before_the_end, &r, &end)
                              : traced_run(path, argv, dir, &users, a->kinds, a->grace_set ? a->grace_ns : users.grace_ns, &end);
    if (why) {
        if (!a->output)
            rmdir(dir);
        handlers_kept_free(&r.kept);
        arena_free(&arena);
        return cli_fail("cannot run %s: %s", argv[0], why);
    }
    uint64_t leaks;
    int status = end.status;
    r.pid = end.pid;
    r.status = status;
    r.signal = end.signal;
    if (run_report_print(&r, &leaks) != CLI_OK && status == 0)
        status = CLI_FAILED;
    uint64_t exitcode = a->exitcode_set ? a->exitcode : r.chosen.exitcode;
    uint64_t allowed = a->max_allowed_set ? a->max_allowed : r.chosen.max_allowed;
    handlers_kept_free(&r.kept);
    arena_free(&arena);
    return status == 0 && leaks > allowed ? (int)exitcode : status;
}

/*
 * How the program at PATH is to be watched: LIBRARY, which it loads, or an empty one: it is traced.
 * False: not at all, and an error is printed.
 */
static bool choose_way(const struct run_request *a, const char *path, char library[CLI_PATH_MAX])
{
    const char *why = NULL;
    if (a->trace) {
        library[0] = 0;
        why = run_check_traced(path);
        return why ? cli_fail("%s", why), false : true;
    }
    const char *missing = library_find(run_libc(path), library, CLI_PATH_MAX);
    enum run_way way = run_check(path, missing ? NULL : library, &why);
    if (way == RUN_TRACE && !a->no_trace) {
        library[0] = 0;
        return true;
    }
    if (way == RUN_PRELOAD && missing)
        why = missing;
    if (why)
        cli_fail("%s", why);
    else if (strpbrk(library, " :\t"))
        cli_fail("the loader cannot preload '%s': a blank or ':' in its path separates libraries; move it", library);
    else
        return true;
    return false;
}

int cmd_run(int argc, char **argv)
{
    struct run_request a = {0};
    char library[CLI_PATH_MAX], preload[CLI_PATH_MAX], path[CLI_PATH_MAX];
    int c;
    while ((c = getopt_long(argc, argv, "+:h", run_options, NULL)) != -1) {
        int end = take_run_option(&a, c, argv);
        if (end >= 0)
            return end;
    }
    if (optind == argc)
        return cli_misuse("no command to run");
    if (a.trace && a.no_trace)
        return cli_misuse("--trace and --no-trace exclude each other");
    char **cmd = argv + optind;
    const char *why = run_find(cmd[0], path, sizeof path);
    if (why)
        return cli_fail("cannot run %s: %s", cmd[0], why);
    if (!choose_way(&a, path, library))
        return CLI_FAILED;
    char *dir = make_directory(&a);
    if (!dir)
        return CLI_FAILED;
    library_preload(library, preload, sizeof preload);
    int status = run_in_directory(&a, dir, library[0] ? preload : NULL, path, cmd);
    free(dir);
    free(a.suppressions.paths);
    return status;
}
