/* SPDX-License-Identifier: MIT */
/*
 * watchers.c: which descriptors the kernel may give back to a program that has forgotten them.
 *
 * Called by holders.c. A program may keep its descriptors in the data of its epoll alone.
 */
#include "watchers.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel/procfs.h"

int watchers_parse(const char *line)
{
    int fd;
    return sscanf(line, "tfd: %d", &fd) == 1 && fd >= 0 ? fd : -1;
}

static void mark(const char *path, const int *numbers, unsigned n, bool *watched)
{
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "re");
    while (f && getline(&line, &cap, f) > 0) {
        int fd = watchers_parse(line);
        for (unsigned i = 0; i < n; i++)
            watched[i] |= fd == numbers[i];
    }
    free(line);
    if (f)
        fclose(f);
}

unsigned watchers_have(pid_t pid, const int *numbers, unsigned n)
{
    char path[64], link[64];
    bool watched[64] = {false};
    unsigned count = 0;
    pid = procfs_alive(pid);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = n <= 64 ? opendir(path) : NULL;
    if (!dir)
        return n;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/fd/%.16s", (int)pid, e->d_name);
        ssize_t len = readlink(path, link, sizeof link - 1);
        link[len > 0 ? len : 0] = 0;
        snprintf(path, sizeof path, "/proc/%d/fdinfo/%.16s", (int)pid, e->d_name);
        if (strcmp(link, "anon_inode:[eventpoll]") == 0)
            mark(path, numbers, n, watched);
        else if (strcmp(link, "anon_inode:[io_uring]") == 0)
            memset(watched, true, sizeof watched);
    }
    closedir(dir);
    for (unsigned i = 0; i < n; i++)
        count += watched[i];
    return count;
}
