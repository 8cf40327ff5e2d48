/* SPDX-License-Identifier: MIT */
/*
 * sym_live.c: the ways by which the kernel leads to a file that a live process has mapped.
 *
 * Called by sym_file.c when no file of the right build lies at the recorded path: it was replaced,
 * renamed or removed. /proc/PID/exe is the program's file. /proc/PID/maps has the names of today,
 * and /proc/PID/map_files leads even to a file that has none, but only root may follow that.
 */
#include "sym_live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel/procfs.h"

static const char mark[] = " (deleted)"; /* the kernel's, behind the name of a removed file */

/* True when NAME, which has room for the mark to be cut off, is PATH or was PATH. */
static bool was_named(char *name, const char *path)
{
    size_t len = strlen(path);
    return strncmp(name, path, len) == 0 && (!name[len] || strcmp(name + len, mark) == 0);
}

/* The program without a build-id: another program without one must not be taken for it. */
static bool is_program(int pid, const struct sym_live *from)
{
    char link[32], name[8192];
    snprintf(link, sizeof link, "/proc/%d/exe", pid);
    ssize_t n = readlink(link, name, sizeof name - 1);
    name[n > 0 ? n : 0] = 0;
    return n > 0 && was_named(name, from->path);
}

static bool try_mapping(int pid, char *line, const struct sym_live *from, sym_live_try *try, void *arg)
{
    char range[40], link[96], *name = strchr(line, '/');
    unsigned long start;
    if (!name || sscanf(line, "%lx-", &start) != 1 || sscanf(line, "%39s", range) != 1)
        return false;
    if (start != from->start && !was_named(name, from->path))
        return false;
    if (strcmp(name, from->path) != 0 && try(arg, from->root, name))
        return true;
    snprintf(link, sizeof link, "/proc/%d/map_files/%s", pid, range);
    return try(arg, NULL, link);
}

bool sym_live_paths(const struct sym_live *from, sym_live_try *try, void *arg)
{
    char path[32], *line = NULL;
    size_t room = 0;
    int pid = (int)procfs_alive(from->pid);
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if ((from->proven || is_program(pid, from)) && try(arg, NULL, path))
        return true;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    bool found = false;
    while (f && !found && getline(&line, &room, f) > 0) {
        line[strcspn(line, "\n")] = 0;
        found = try_mapping(pid, line, from, try, arg);
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}
