/* SPDX-License-Identifier: MIT */
/*
 * inner.c: the process of a state file that was written in an inner pid namespace.
 *
 * Called for each file at each look, so the list of processes is kept: it answers for every process
 * that had started before it was read. Who started later makes it be read again.
 */
#include "inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../../core/start_time.h"
#include "../base/now.h"
#include "../kernel/procfs.h"

static struct listed {
    pid_t pid;
    uint64_t start;
} * listed;
static size_t n_listed, cap_listed;
static uint64_t listed_at; /* the tick in which it was read */

static bool add(void *arg, pid_t pid)
{
    struct procfs_stat st;
    (void)arg;
    if (procfs_stat(pid, &st) != 0)
        return true;
    if (n_listed == cap_listed) {
        size_t cap = cap_listed ? cap_listed * 2 : 256;
        struct listed *more = realloc(listed, cap * sizeof *more);
        if (!more)
            return false;
        listed = more;
        cap_listed = cap;
    }
    listed[n_listed++] = (struct listed){pid, st.start_ticks};
    return true;
}

/* Has, or may have had, each process in it that started in the tick START. */
static void list_those_of(uint64_t start)
{
    if (start < listed_at)
        return;
    n_listed = 0;
    listed_at = now_boot_ns() / START_TIME_TICK_NS;
    procfs_each_pid(add, NULL);
}

/* The last number of NSpid: the pid in the process' own namespace. */
static pid_t innermost_pid(pid_t pid)
{
    char path[32], line[512];
    pid_t inner = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "NSpid:", 6) == 0) {
            char *last = strrchr(line, '\t');
            inner = last ? (pid_t)atoi(last + 1) : 0;
            break;
        }
    }
    if (f)
        fclose(f);
    return inner;
}

enum holds { HOLDS_NOT, HOLDS_PERHAPS, HOLDS };

/*
 * Does PID map the file? Some file systems (overlayfs, btrfs) have another device in maps than in
 * stat(2): there the mapping itself is asked, which only root may.
 */
static enum holds maps_it(pid_t pid, uint64_t dev, uint64_t ino)
{
    char path[64], *line = NULL;
    size_t room = 0;
    int at = (int)procfs_alive(pid);
    enum holds found = HOLDS_PERHAPS; /* nothing could be read */
    snprintf(path, sizeof path, "/proc/%d/maps", at);
    FILE *f = fopen(path, "re");
    while (f && found != HOLDS && getline(&line, &room, f) > 0) {
        char range[40] = "", perms[5] = "";
        unsigned major_number, minor_number;
        unsigned long long inode;
        struct stat st;
        if (sscanf(line, "%39s %4s %*x %x:%x %llu", range, perms, &major_number, &minor_number, &inode) != 5)
            continue;
        if (found == HOLDS_PERHAPS)
            found = HOLDS_NOT;
        if (perms[3] != 's' || !inode)
            continue;
        snprintf(path, sizeof path, "/proc/%d/map_files/%s", at, range);
        if (stat(path, &st) == 0 ? st.st_dev == dev && st.st_ino == ino : makedev(major_number, minor_number) == dev && inode == ino)
            found = HOLDS;
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

/* The same of PID or, for it may be traced, of one of those that started it. */
static enum holds holds_it(pid_t pid, uint64_t dev, uint64_t ino)
{
    enum holds own = maps_it(pid, dev, ino), above = own;
    struct procfs_stat st;
    for (pid_t at = pid; above != HOLDS && procfs_stat(at, &st) == 0 && st.ppid > 1; at = st.ppid)
        above = maps_it(st.ppid, dev, ino);
    return above == HOLDS ? HOLDS : own;
}

pid_t inner_find(const struct state_header *h, uint64_t dev, uint64_t ino)
{
    pid_t perhaps = 0;
    list_those_of(h->start_ticks);
    for (size_t i = 0; i < n_listed; i++) {
        pid_t pid = listed[i].pid;
        if (listed[i].start != h->start_ticks || pid == (pid_t)h->pid || innermost_pid(pid) != (pid_t)h->pid)
            continue;
        enum holds holds = holds_it(pid, dev, ino);
        if (holds == HOLDS)
            return pid;
        if (holds == HOLDS_PERHAPS && !perhaps)
            perhaps = pid;
    }
    return perhaps;
}
