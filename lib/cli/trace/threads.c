/* SPDX-License-Identifier: MIT */
/*
 * threads.c: keeps a place and an open file for each thread that was stopped lately.
 *
 * Called by the supervisor for every stopped call, so a thread that is known costs one pread. A
 * table of fixed size: of those that share a place the one that was not seen for longest gives way.
 */
#include "threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../kernel/procfs.h"

#define PLACES 512u /* each with a descriptor of the supervisor's */
#define PROBES 8u

bool threads_open(struct threads *t)
{
    *t = (struct threads){.all = calloc(PLACES, sizeof *t->all)};
    return t->all != NULL;
}

static void forget(struct thread *th)
{
    if (th->pid && th->file >= 0)
        close(th->file);
    *th = (struct thread){.file = -1};
}

void threads_close(struct threads *t)
{
    for (unsigned i = 0; t->all && i < PLACES; i++)
        forget(&t->all[i]);
    free(t->all);
    t->all = NULL;
}

void threads_forget(struct threads *t, pid_t pid)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (t->all[i].pid == pid)
            forget(&t->all[i]);
}

/* The process of thread TID; 0: it has gone. */
static pid_t process_of(pid_t tid)
{
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    const char *line = procfs_read(path, text, sizeof text) > 0 ? strstr(text, "\nTgid:") : NULL;
    return line ? (pid_t)strtol(line + 6, NULL, 10) : 0;
}

static bool open_file(struct thread *th)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)th->tid);
    th->file = open(path, O_RDONLY | O_CLOEXEC);
    th->pid = process_of(th->tid);
    if (th->pid)
        return true;
    if (th->file >= 0)
        close(th->file);
    *th = (struct thread){.file = -1};
    return false;
}

/* Is it still the thread that the place was taken for? */
static bool is_there(const struct thread *th)
{
    char byte;
    return th->file >= 0 && pread(th->file, &byte, 1, 0) == 1;
}

struct thread *threads_of(struct threads *t, pid_t tid, bool check)
{
    struct thread *oldest = NULL;
    t->turn++;
    for (unsigned i = 0; i < PROBES; i++) {
        struct thread *th = &t->all[((unsigned)tid + i) % PLACES];
        if (th->pid && th->tid == tid && (!check || is_there(th))) {
            th->used = t->turn;
            return th;
        }
        if (th->pid && th->tid == tid)
            forget(th);
        if (!oldest || (oldest->pid && (!th->pid || th->used < oldest->used)))
            oldest = th;
    }
    forget(oldest);
    oldest->tid = tid;
    oldest->used = t->turn;
    return open_file(oldest) ? oldest : NULL;
}

enum thread_state threads_parse(const char *line, struct thread_place *place)
{
    const char *pc = strrchr(line, ' '), *sp = pc;
    char *end;
    if (!pc)
        return THREAD_RUNS;
    while (sp > line && sp[-1] != ' ')
        sp--;
    if (sp == line)
        return THREAD_RUNS;
    place->nr = strtol(line, &end, 10);
    place->sp = strtoull(sp, NULL, 16);
    place->pc = strtoull(pc, NULL, 16);
    return end != line ? THREAD_IN_CALL : THREAD_RUNS;
}

enum thread_state threads_place(struct thread *th, struct thread_place *place)
{
    char line[256];
    ssize_t n = th->file < 0 ? -1 : pread(th->file, line, sizeof line - 1, 0);
    if (n <= 0)
        return THREAD_GONE;
    line[n] = 0;
    return threads_parse(line, place);
}
