/* SPDX-License-Identifier: MIT */
/*
 * sym_live.c: the ways by which the kernel leads to a file that a live process has mapped.
 *
 * Called by sym_file.c when no file of the right build lies at the recorded path: it was replaced,
 * renamed or removed. /proc/PID/exe is the program's file. /proc/PID/maps has the names of today,
 * and /proc/PID/map_files leads even to a file that has none, but only root may follow that. An
 * inode's number and a place in memory prove that a mapping is the program's: the numbers of
 * devices differ between stat and maps on some file systems.
 */
#include "sym_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../kernel/procfs.h"

static const char mark[] = " (deleted)"; /* the kernel's, behind the name of a removed file */

/* True when NAME is PATH, or was before its file was removed. */
static bool was_named(const char *name, const char *path)
{
    size_t len = strlen(path);
    return strncmp(name, path, len) == 0 && (!name[len] || strcmp(name + len, mark) == 0);
}

struct mapping {
    char *line;
    const char *name; /* as it is now; the mark may be behind it */
    char range[40];
    unsigned long start, ino;
};

/* Cuts one line of /proc/PID/maps; false: no file is mapped there. */
static bool read_mapping(struct mapping *m, FILE *f, size_t *room)
{
    m->name = NULL;
    if (getline(&m->line, room, f) <= 0)
        return false;
    m->line[strcspn(m->line, "\n")] = 0;
    if (sscanf(m->line, "%39s %*s %*s %*s %lu", m->range, &m->ino) == 2 && sscanf(m->range, "%lx-", &m->start) == 1)
        m->name = strchr(m->line, '/');
    return true;
}

static bool is_of(const struct mapping *m, const struct sym_live *from)
{
    return m->name && (m->start == from->start || was_named(m->name, from->path));
}

static bool try_mapping(int pid, const struct mapping *m, const struct sym_live *from, sym_live_try *try, void *arg)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (stat(path, &st) == 0 && st.st_ino == m->ino && try(arg, NULL, path, true))
        return true;
    if (strcmp(m->name, from->path) != 0 && try(arg, from->root, m->name, false))
        return true;
    snprintf(path, sizeof path, "/proc/%d/map_files/%s", pid, m->range);
    return try(arg, NULL, path, false);
}

bool sym_live_paths(const struct sym_live *from, sym_live_try *try, void *arg)
{
    char path[32];
    size_t room = 0;
    struct mapping m = {.line = NULL};
    int pid = (int)procfs_alive(from->pid);
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (from->has_id && try(arg, NULL, path, false))
        return true;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && read_mapping(&m, f, &room))
        found = is_of(&m, from) && try_mapping(pid, &m, from, try, arg);
    free(m.line);
    if (f)
        fclose(f);
    return found;
}
