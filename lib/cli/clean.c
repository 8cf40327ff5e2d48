/* SPDX-License-Identifier: MIT */
/*
 * clean.c: `sockleak clean`: removes the state files of processes that are gone.
 *
 * A state file outlives a process that was killed or had something to report. Only regular files of
 * the caller's own, with a state file's name, in a directory that nobody else may write to, are
 * ever removed: the default place lies in a world-writable directory.
 */
#include "clean.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "kernel/procfs.h"
#include "state/paths.h"

const char usage_clean[] = "usage: sockleak clean [options] [DIR...]\n"
                           "\n"
                           "Removes the state files of processes that are gone, from DIR, or else from the state\n"
                           "directory of this user: $XDG_RUNTIME_DIR/sockleak and /dev/shm/sockleak-UID. Files of\n"
                           "processes that still run stay. Goes through the directories that 'sockleak run' makes\n"
                           "there, and removes them, with their logs, when they are empty and that run is gone.\n"
                           "\n"
                           "  -n, --dry-run   print what would be removed, remove nothing\n"
                           "  -h, --help\n"
                           "\n"
                           "EXAMPLES\n"
                           "  sockleak clean\n"
                           "  sockleak clean --dry-run /var/tmp/states\n";

struct clean_counts {
    uint64_t removed, alive;
    bool dry;
    int status;
};

/*
 * Does the process still run, by pid and start time (UINT64_MAX: any process with that pid)? Where
 * /proc hides processes (hidepid=), it counts that the pid exists.
 */
static bool is_alive(pid_t pid, uint64_t start_ticks)
{
    struct procfs_stat st;
    if (procfs_stat(pid, &st) == 0)
        return start_ticks == UINT64_MAX || st.start_ticks == start_ticks;
    return kill(pid, 0) == 0 || errno != ESRCH;
}

static int open_private_directory(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int e = errno;
        if (e == ELOOP || (e == ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)))
            cli_fail("%s is a symbolic link; name the directory itself", path);
        else
            cli_fail("cannot open %s: %s", path, strerror(e));
        errno = e;
        return -1;
    }
    if (fstat(fd, &st) != 0 || !paths_is_private(&st)) {
        cli_fail("%s: left alone, it is not yours or others may write there (chmod go-w %s)", path, path);
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

/*
 * Which process NAME belongs to. False: it is none of our files. LOGS: the logs of a run count too.
 */
static bool process_of(const char *name, bool logs, pid_t *pid, uint64_t *start_ticks)
{
    char whole[NAME_MAX + 1];
    /* A process that was killed while it created its file leaves it as NAME.new. */
    snprintf(whole, sizeof whole, "%s", name);
    size_t n = strlen(whole);
    if (n > 4 && strcmp(whole + n - 4, ".new") == 0)
        whole[n - 4] = 0;
    *start_ticks = UINT64_MAX;
    return paths_state_name(whole, pid, start_ticks) || paths_pid_name(name, STATEDIR_ASIDE, pid) ||
           (logs && paths_pid_name(name, ".log", pid));
}

/* True when NAME was removed or, in a dry run, would be. */
static bool clean_entry(struct clean_counts *t, int dir, const char *path, const char *name, bool logs)
{
    pid_t pid;
    uint64_t start_ticks;
    struct stat st;
    if (!process_of(name, logs, &pid, &start_ticks) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
        return false;
    if (is_alive(pid, start_ticks)) {
        t->alive++;
        return false;
    }
    if (!t->dry && unlinkat(dir, name, 0) != 0) {
        if (errno != ENOENT) /* another clean was faster */
            t->status = cli_fail("cannot remove %s/%s: %s", path, name, strerror(errno));
        return errno == ENOENT;
    }
    if (t->dry)
        printf("%s/%s\n", path, name);
    t->removed++;
    return true;
}

/*
 * The directory of one `sockleak run`: removes the files in it, then the directory itself if it is
 * empty and that command is gone.
 */
static void clean_run(struct clean_counts *t, int above, const char *path, const char *name, pid_t run)
{
    char inner[CLI_PATH_MAX + NAME_MAX + 2];
    struct stat st;
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 && fstat(fd, &st) == 0 && paths_is_private(&st) ? fdopendir(fd) : NULL;
    if (!d) { /* somebody else's */
        if (fd >= 0)
            close(fd);
        return;
    }
    snprintf(inner, sizeof inner, "%s/%s", path, name);
    bool gone = !is_alive(run, UINT64_MAX), empty = true;
    const struct dirent *entry;
    while ((entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = clean_entry(t, fd, inner, entry->d_name, gone) && empty;
    closedir(d);
    if (!gone || !empty)
        return;
    if (t->dry)
        printf("%s\n", inner);
    else if (unlinkat(above, name, AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        t->status = cli_fail("cannot remove %s: %s", inner, strerror(errno));
}

static void unlink_counter(const char *path)
{
    char name[CLI_PATH_MAX + sizeof STATEDIR_REMOVED + 1];
    snprintf(name, sizeof name, "%s/" STATEDIR_REMOVED, path);
    unlink(name);
}

static void clean_directory(struct clean_counts *t, const char *path, bool must_exist)
{
    struct stat st;
    pid_t run;
    if (!must_exist && lstat(path, &st) != 0 && errno == ENOENT)
        return;
    int fd = open_private_directory(path);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        t->status = CLI_FAILED;
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        if (paths_run_name(entry->d_name, &run))
            clean_run(t, fd, path, entry->d_name, run);
        else
            clean_entry(t, fd, path, entry->d_name, false);
    }
    closedir(d);
    uint64_t older = paths_removed(path);
    if (older)
        printf("%llu older one%s went from %s before: it keeps the newest %u\n", (unsigned long long)older, older == 1 ? "" : "s", path,
               STATEDIR_KEEP);
    if (older && !t->dry)
        unlink_counter(path);
}

int cmd_clean(int argc, char **argv)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, 'n'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    static char dirs[2][CLI_PATH_MAX];
    struct clean_counts t = {0};
    int c;
    while ((c = getopt_long(argc, argv, ":nh", options, NULL)) != -1) {
        switch (c) {
        case 'n':
            t.dry = true;
            break;
        case 'h':
            return cli_help();
        default:
            return cli_bad_option(c, argv);
        }
    }
    if (optind < argc) {
        for (int i = optind; i < argc; i++)
            clean_directory(&t, argv[i], true);
    } else {
        size_t n = paths_state_dirs(dirs);
        for (size_t i = 0; i < n; i++)
            clean_directory(&t, dirs[i], false);
    }
    printf("%s %llu state file%s", t.dry ? "would remove" : "removed", (unsigned long long)t.removed, t.removed == 1 ? "" : "s");
    if (t.alive)
        printf("; %llu belong%s to running processes", (unsigned long long)t.alive, t.alive == 1 ? "s" : "");
    putchar('\n');
    int flushed = cli_flush();
    return t.status ? t.status : flushed;
}
