/* SPDX-License-Identifier: MIT */
/*
 * shares.c: whose sockets a forked process holds that has no table of its own.
 *
 * Called by circumstances.c. A child gets its own table with its first call on a socket; until then
 * the stacks of what it holds are in the table of the process that opened it.
 */
#include "shares.h"

#include <stdlib.h>

#include "../base/arena.h"
#include "../kernel/procfs.h"
#include "../kernel/program.h"

#define MAX_GENERATIONS 16

struct inodes {
    uint32_t *all;
    size_t n, cap;
};

static void keep(void *arg, int fd, uint32_t inode)
{
    struct inodes *i = arg;
    (void)fd;
    if (i->n == i->cap)
        i->all = arena_grow(i->all, i->cap = i->cap ? i->cap * 2 : 256, sizeof *i->all);
    i->all[i->n++] = inode;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t in_common(const struct inodes *own, pid_t other)
{
    struct inodes theirs = {0};
    uint64_t n = 0;
    if (procfs_each_socket(other, keep, &theirs, NULL) == 0 && theirs.n) {
        qsort(theirs.all, theirs.n, sizeof *theirs.all, by_value);
        for (size_t i = 0; i < own->n; i++)
            n += bsearch(&own->all[i], theirs.all, theirs.n, sizeof *theirs.all, by_value) != NULL;
    }
    free(theirs.all);
    return n;
}

pid_t shares_with(pid_t pid, uint64_t *n)
{
    struct inodes own = {0};
    struct procfs_stat st;
    pid_t found = 0;
    *n = 0;
    if (procfs_each_socket(pid, keep, &own, NULL) != 0)
        own.n = 0;
    for (int i = 0; own.n && !found && i < MAX_GENERATIONS && procfs_stat(pid, &st) == 0 && st.ppid > 0; i++) {
        pid = st.ppid;
        if (program_of(pid) == PROGRAM_WITH_AGENT && (*n = in_common(&own, pid)))
            found = pid;
    }
    free(own.all);
    return found;
}
