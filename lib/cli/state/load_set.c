/* SPDX-License-Identifier: MIT */
/*
 * load_set.c: many state files: of a process, of a directory; and the question to their agents for a fresh look.
 *
 * Called by every subcommand that reads state files, on the command's one thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/cli.h"
#include "load.h"
#include "../kernel/procfs.h"

static bool owned_by(struct loaded *l, pid_t pid) { return l->pid == pid && load_is_live(l); }

/* Loads PATH if it is the table of PID; WHY keeps the last real obstacle. */
static bool try_path(struct loaded *l, pid_t pid, const char *path, char *why, size_t cap)
{
    struct loaded got = {0};
    const char *bad = load_file(&got, path);
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

/* The process' own mapping tells where its table is, whatever state_dir, chroot or namespace it has. */
static bool from_maps(struct loaded *l, pid_t pid, bool *has_agent, bool *unreadable, char *why, size_t cap)
{
    char path[CLI_PATH_MAX], *line = NULL;
    size_t room = 0;
    bool found = false;
    int at = (int)procfs_alive(pid);
    snprintf(path, sizeof path, "/proc/%d/maps", at);
    FILE *f = fopen(path, "re");
    *unreadable = !f;
    while (f && !found && getline(&line, &room, f) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *name = strchr(line, '/');
        if (!name)
            continue;
        if (strstr(name, "/libsockleak.so"))
            *has_agent = true;
        char perms[5] = "", range[40] = "";
        size_t len = strlen(name);
        bool deleted = len > 10 && strcmp(name + len - 10, " (deleted)") == 0;
        if (deleted)
            name[len - 10] = 0;
        pid_t named;
        uint64_t start;
        if (sscanf(line, "%39s %4s", range, perms) != 2 || perms[3] != 's' || !cli_state_name(strrchr(name, '/') + 1, &named, &start))
            continue;
        *has_agent = true;
        if (!deleted) {
            snprintf(path, sizeof path, "/proc/%d/root%s", at, name);
            found = try_path(l, pid, path, why, cap) || try_path(l, pid, name, why, cap);
        }
        if (!found) { /* root only, but right even for a removed file */
            snprintf(path, sizeof path, "/proc/%d/map_files/%s", at, range);
            found = try_path(l, pid, path, why, cap);
        }
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

static bool from_usual_places(struct loaded *l, pid_t pid, uint64_t start, char *why, size_t cap)
{
    char dirs[4][CLI_PATH_MAX], path[CLI_PATH_MAX * 2], proc[32];
    struct stat st;
    size_t n = cli_state_dirs(dirs);
    snprintf(proc, sizeof proc, "/proc/%d", (int)pid);
    if (stat(proc, &st) == 0 && st.st_uid != geteuid()) {
        snprintf(dirs[n++], CLI_PATH_MAX, "/run/user/%u/sockleak", (unsigned)st.st_uid);
        snprintf(dirs[n++], CLI_PATH_MAX, "/dev/shm/sockleak-%u", (unsigned)st.st_uid);
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%d.%llu.sockleak", dirs[i], (int)pid, (unsigned long long)start);
        if (try_path(l, pid, path, why, cap))
            return true;
    }
    return false;
}

const char *load_process(struct loaded *l, pid_t pid, bool *nothing)
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
    if (from_maps(l, pid, &has_agent, &unreadable, why, sizeof why) || from_usual_places(l, pid, start, why, sizeof why))
        return NULL;
    if (why[0])
        return why;
    if (unreadable) {
        snprintf(why, sizeof why, "cannot look into it: %s (run as its owner or as root)", strerror(EACCES));
        return why;
    }
    if (has_agent) {
        *nothing = true;
        return NULL;
    }
    snprintf(why, sizeof why, "it does not run under the agent; 'sockleak attach %d' starts recording, 'sockleak scan %d' needs no agent",
             (int)pid, (int)pid);
    return why;
}

/* ---- sets ----------------------------------------------------------------------------------------------------- */

static const char *append(struct load_set *set, struct loaded *l)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].dev == l->dev && set->items[i].ino == l->ino) {
            load_free(l);
            return NULL;
        }
    }
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 16;
        struct loaded *more = realloc(set->items, cap * sizeof *more);
        if (!more) {
            load_free(l);
            return strerror(ENOMEM);
        }
        set->items = more;
        set->cap = cap;
    }
    set->items[set->n++] = *l;
    return NULL;
}

const char *load_set_file(struct load_set *set, const char *path)
{
    struct loaded l = {0};
    const char *why = load_file(&l, path);
    return why ? why : append(set, &l);
}

const char *load_set_process(struct load_set *set, pid_t pid, bool *nothing)
{
    struct loaded l = {0};
    const char *why = load_process(&l, pid, nothing);
    return why || *nothing ? why : append(set, &l);
}

static int is_state_file(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 9 && strcmp(e->d_name + n - 9, ".sockleak") == 0;
}

static int by_version(const struct dirent **a, const struct dirent **b) { return strverscmp((*a)->d_name, (*b)->d_name); }

const char *load_set_dir(struct load_set *set, const char *dir, void (*bad)(void *arg, const char *path, const char *why), void *arg)
{
    struct dirent **names;
    int n = scandir(dir, &names, is_state_file, by_version);
    if (n < 0)
        return strerror(errno);
    for (int i = 0; i < n; i++) {
        char path[CLI_PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        const char *why = load_set_file(set, path);
        /* A process that ended cleanly just now has taken its file with it. */
        if (why && strcmp(why, strerror(ENOENT)) != 0)
            bad(arg, path, why);
        free(names[i]);
    }
    free(names);
    return NULL;
}

static int is_run(const struct dirent *e)
{
    pid_t pid;
    return cli_run_name(e->d_name, &pid);
}

const char *load_set_tree(struct load_set *set, const char *dir, void (*bad)(void *arg, const char *path, const char *why), void *arg)
{
    struct dirent **names;
    struct stat above, st;
    const char *why = load_set_dir(set, dir, bad, arg);
    int n = why || stat(dir, &above) != 0 ? -1 : scandir(dir, &names, is_run, by_version);
    for (int i = 0; i < n; i++) {
        char path[CLI_PATH_MAX + 256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == above.st_uid && !(st.st_mode & (S_IWGRP | S_IWOTH))) {
            const char *inner = load_set_dir(set, path, bad, arg);
            if (inner && strcmp(inner, strerror(ENOENT)) != 0)
                bad(arg, path, inner);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return why;
}

void load_set_free(struct load_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        load_free(&set->items[i]);
    free(set->items);
    *set = (struct load_set){0};
}

/* ---- a fresh look --------------------------------------------------------------------------------------------- */

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

static bool can_answer(const struct loaded *l)
{
    const struct state_header *h = l->writable;
    return h && l->life == LIFE_RUNNING && atomic_load(&h->enabled) && atomic_load(&h->watcher_tid);
}

void load_refresh(struct load_set *set, int timeout_ms)
{
    uint64_t deadline = load_mono_ns() + (uint64_t)timeout_ms * 1000000u;
    for (size_t i = 0; i < set->n; i++) {
        struct loaded *l = &set->items[i];
        l->answered = false;
        l->asked = 0;
        if (!can_answer(l))
            continue;
        l->asked = atomic_fetch_add(&l->writable->request, 1) + 1;
        futex(&l->writable->request, FUTEX_WAKE, INT32_MAX, NULL);
    }
    for (size_t i = 0; i < set->n; i++) {
        struct loaded *l = &set->items[i];
        if (!can_answer(l))
            continue;
        for (;;) {
            uint32_t answered = atomic_load(&l->writable->answered);
            if ((int32_t)(answered - l->asked) >= 0) {
                l->answered = true;
                break;
            }
            uint64_t now = load_mono_ns(), start;
            char state;
            if (now >= deadline)
                break;
            /* In short steps: a process that dies or is stopped meanwhile never answers. */
            uint64_t step = deadline - now < 50000000u ? deadline - now : 50000000u;
            struct timespec ts = {.tv_nsec = (long)step};
            futex(&l->writable->answered, FUTEX_WAIT, answered, &ts);
            if (!load_stat(l->pid, &start, &state) || state == 'Z' || state == 'T' || state == 't')
                break;
        }
        l->answered ? load_grown(l) : load_recheck(l);
    }
}
