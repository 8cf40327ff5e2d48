/* SPDX-License-Identifier: MIT */
/*
 * load_process.c: finds the state file of a live process.
 *
 * Called by every subcommand that takes a pid.
 */
#include "load_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cli.h"
#include "../kernel/procfs.h"
#include "../kernel/program.h"
#include "load_kernel.h"
#include "paths.h"

static bool owned_by(struct loaded_file *l, pid_t pid) { return l->pid == pid && load_is_live(l); }

/*
 * Loads PATH if it is the table of PID. Otherwise, if the user should know the reason, it goes into
 * WHY.
 */
static bool try_with(const char *(*load)(struct loaded_file *l, const char *path), struct loaded_file *l, pid_t pid, const char *path,
                     char *why, size_t cap)
{
    struct loaded_file got = {0};
    const char *bad = load(&got, path);
    if (bad) {
        if (strcmp(bad, strerror(ENOENT)) != 0)
            snprintf(why, cap, "%s: %s", path, bad);
        return false;
    }
    if (!owned_by(&got, pid)) {
        load_free(&got);
        return false;
    }
    *l = got;
    return true;
}

static bool try_path(struct loaded_file *l, pid_t pid, const char *path, char *why, size_t cap)
{
    return try_with(load_file, l, pid, path, why, cap);
}

/*
 * A process that is traced from outside has no table of its own: an ancestor, the `sockleak run` that
 * traces it, has mapped it under its name.
 */
static bool from_tracer(struct loaded_file *l, pid_t pid, uint64_t start, char *why, size_t cap)
{
    char path[CLI_PATH_MAX], *line = NULL;
    size_t room = 0;
    bool found = false;
    struct procfs_stat st;
    for (pid_t at = pid; !found && procfs_stat(at, &st) == 0 && st.ppid > 1; at = st.ppid) {
        snprintf(path, sizeof path, "/proc/%d/maps", (int)st.ppid);
        FILE *f = fopen(path, "re");
        while (f && !found && getline(&line, &room, f) > 0) {
            line[strcspn(line, "\n")] = 0;
            char *name = strchr(line, '/');
            pid_t named;
            uint64_t its_start;
            if (name && paths_state_name(strrchr(name, '/') + 1, &named, &its_start) && named == pid && its_start == start)
                found = try_path(l, pid, name, why, cap);
        }
        if (f)
            fclose(f);
    }
    free(line);
    return found;
}

/*
 * The process' own mapping shows where its table is, whatever state_dir, chroot or namespace it
 * has.
 */
static bool from_maps(struct loaded_file *l, pid_t pid, bool *has_agent, bool *unreadable, char *why, size_t cap)
{
    char path[CLI_PATH_MAX], *line = NULL;
    size_t room = 0;
    bool found = false;
    int at = (int)procfs_alive(pid);
    snprintf(path, sizeof path, "/proc/%d/maps", at);
    FILE *f = fopen(path, "re");
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/exe", at);
    /* Without CAP_SYS_PTRACE the maps of some processes can be opened, and are empty. */
    *unreadable = !f || (readlink(link, path, sizeof path) < 0 && (errno == EACCES || errno == EPERM));
    while (f && !found && getline(&line, &room, f) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *name = strchr(line, '/');
        if (!name)
            continue;
        if (program_is_agent(name))
            *has_agent = true;
        char perms[5] = "", range[40] = "";
        size_t len = strlen(name);
        bool deleted = len > 10 && strcmp(name + len - 10, " (deleted)") == 0;
        if (deleted)
            name[len - 10] = 0;
        pid_t named;
        uint64_t start;
        if (sscanf(line, "%39s %4s", range, perms) != 2 || perms[3] != 's' || !paths_state_name(strrchr(name, '/') + 1, &named, &start))
            continue;
        *has_agent = true;
        if (!deleted) {
            snprintf(path, sizeof path, "/proc/%d/root%s", at, name);
            found = try_path(l, pid, path, why, cap) || try_path(l, pid, name, why, cap);
        }
        if (!found) { /* for root only, but works even for a removed file */
            snprintf(path, sizeof path, "/proc/%d/map_files/%s", at, range);
            found = try_with(load_mapping, l, pid, path, why, cap);
        }
        unsigned long long begin, end, offset;
        if (found && !l->writable && sscanf(line, "%llx-%llx %*s %llx", &begin, &end, &offset) == 3 && offset == 0)
            l->header_there = begin;
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

static bool from_usual_places(struct loaded_file *l, pid_t pid, uint64_t start, char *why, size_t cap)
{
    char dirs[4][CLI_PATH_MAX], path[CLI_PATH_MAX * 2], proc[32];
    struct stat st;
    size_t n = paths_state_dirs(dirs);
    snprintf(proc, sizeof proc, "/proc/%d", (int)pid);
    if (stat(proc, &st) == 0 && st.st_uid != geteuid()) {
        snprintf(dirs[n++], CLI_PATH_MAX, "/run/user/%u/sockleak", (unsigned)st.st_uid);
        struct out shared = {.buf = dirs[n], .cap = CLI_PATH_MAX - 1};
        statedir_shared(&shared, st.st_uid);
        dirs[n++][shared.len] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        /* where we may not look, nobody knows whether there is a file: that is no reason to give */
        if (faccessat(AT_FDCWD, dirs[i], X_OK, AT_EACCESS) != 0)
            continue;
        struct out o = {.buf = path, .cap = sizeof path - 1};
        out_fmt(&o, "%s/", dirs[i]);
        statedir_file(&o, (uint32_t)pid, start);
        path[o.len] = 0;
        if (try_path(l, pid, path, why, cap))
            return true;
    }
    return false;
}

const char *load_process(struct loaded_file *l, pid_t pid, bool *nothing)
{
    static char why[CLI_PATH_MAX + 256];
    bool has_agent = false, unreadable = false;
    uint64_t start;
    char state;
    *nothing = false;
    why[0] = 0;
    if (!load_stat(pid, &start, &state))
        return "no such process";
    if (state == 'Z')
        return "it has ended (a zombie that its parent has not waited for); report its state file instead";
    if (from_maps(l, pid, &has_agent, &unreadable, why, sizeof why) || from_usual_places(l, pid, start, why, sizeof why) ||
        from_tracer(l, pid, start, why, sizeof why))
        return NULL;
    if (why[0])
        return why;
    if (unreadable) {
        snprintf(why, sizeof why, "cannot look into it: %s (%s)", strerror(EACCES),
                 geteuid() ? "run as its owner or as root" : "even as root: CAP_SYS_PTRACE is missing, a container?");
        return why;
    }
    if (has_agent) {
        size_t n;
        const char *bad = load_kernel(l, pid, &n);
        *nothing = !bad && !n;
        return bad;
    }
    snprintf(why, sizeof why, "it does not run under the agent; 'sockleak attach %d' starts recording, 'sockleak scan %d' needs no agent",
             (int)pid, (int)pid);
    return why;
}
