/* SPDX-License-Identifier: MIT */
/*
 * process.c: keeps the traced processes.
 *
 * Called by the supervisor. A process is known from its first stopped call on, its state file is made
 * when there is a socket to record: a shell that starts a hundred others makes no hundred files.
 */
#include "process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../arch/numbers.h"
#include "../../core/hash.h"
#include "../base/now.h"
#include "../kernel/procfs.h"
#include "state_modules.h"

struct process *processes_find(const struct processes *all, pid_t pid)
{
    struct process *p = all->first;
    while (p && (p->pid != pid || p->ended))
        p = p->next;
    return p;
}

/* Where the kernel has put the program's things: another number after each exec. */
static uint64_t program_number(pid_t pid)
{
    char path[40], vector[1024];
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
    ssize_t n = procfs_read(path, vector, sizeof vector);
    return n > 0 ? hash_bytes(HASH_START, vector, (size_t)n) : 0;
}

static struct process *enter(struct processes *all, pid_t pid)
{
    struct procfs_stat st;
    struct process *p = calloc(1, sizeof *p), **last = &all->first;
    if (!p || procfs_stat(pid, &st) != 0) {
        free(p);
        return NULL;
    }
    *p = (struct process){.pid = pid, .parent = st.ppid, .start_ticks = st.start_ticks, .program = program_number(pid)};
    p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    p->pointers = calloc(1, sizeof *p->pointers);
    const struct process *parent = processes_find(all, st.ppid);
    if (parent && parent->pointers && p->pointers) /* a fork's thread has the block of the one that forked */
        *p->pointers = *parent->pointers;
    while (*last)
        last = &(*last)->next;
    *last = p;
    return p;
}

struct process *processes_of(struct processes *all, pid_t pid)
{
    struct process *p = processes_find(all, pid);
    struct procfs_stat st;
    struct pollfd ended = {.fd = p ? p->pidfd : -1, .events = POLLIN};
    if (p && p->pidfd >= 0 && poll(&ended, 1, 0) > 0 && (procfs_stat(pid, &st) != 0 || st.start_ticks != p->start_ticks)) {
        process_end(p); /* another one has its number */
        p = NULL;
    }
    return p ? p : enter(all, pid);
}

void process_forget_seen(struct seen *s)
{
    free(s->asked);
    free(s->id);
    s->asked = NULL;
    s->id = NULL;
}

static void free_process(struct process *p)
{
    state_writer_close(p->file, false);
    if (p->walker)
        walker_close(p->walker);
    if (p->pidfd >= 0)
        close(p->pidfd);
    match_free(&p->match);
    trends_free(&p->trends);
    free(p->pointers);
    for (size_t i = 0; i < p->n_seen; i++)
        process_forget_seen(&p->seen[i]);
    free(p->seen);
    free(p);
}

void processes_sweep(struct processes *all)
{
    for (struct process **at = &all->first; *at;) {
        struct process *p = *at;
        if (!p->ended) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        free_process(p);
    }
}

void processes_close(struct processes *all)
{
    while (all->first) {
        struct process *p = all->first;
        all->first = p->next;
        free_process(p);
    }
}

/* ---- its file -------------------------------------------------------------------------------- */

static uint64_t boot_id(void)
{
    char id[64];
    if (procfs_read("/proc/sys/kernel/random/boot_id", id, sizeof id) <= 0)
        return 0;
    return hash_bytes(HASH_START, id, strcspn(id, "\n"));
}

static void describe_program(struct state_header *h, pid_t pid)
{
    char path[40];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, h->exe, sizeof h->exe - 1);
    h->exe[n > 0 ? n : 0] = 0;
    if (stat(path, &st) == 0) {
        h->exe_dev = st.st_dev;
        h->exe_ino = st.st_ino;
    }
}

static void describe(struct state_header *h, const struct process *p, const struct trace_options *o)
{
    uint64_t limit = procfs_nofile(p->pid);
    uint32_t uid = 0;
    h->pid = (uint32_t)p->pid;
    h->ppid = (uint32_t)p->parent;
    h->uid = procfs_user(p->pid, &uid) ? uid : 0;
    h->start_ticks = p->start_ticks;
    h->opened_mono_ns = now_mono_ns();
    h->opened_real_ns = now_real_ns();
    h->boot_id_hash = boot_id();
    h->enabled = 1;
    h->traced = 1;
    h->kinds = o->kinds;
    h->max_frames = o->max_frames;
    h->grace_ns = o->grace_ns;
    h->interval_ns = o->interval_ns;
    h->interval_given = 1;
    h->nofile_limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
    h->watcher_tid = (uint32_t)getpid(); /* who answers a request for a fresh look */
    h->unwatched_ns = UINT64_MAX;        /* what the program reads is not seen */
    gethostname(h->host, sizeof h->host - 1);
    describe_program(h, p->pid);
}

struct state_writer *process_file(const struct processes *all, struct process *p)
{
    struct state_header h;
    if (p->file || p->file_tried)
        return p->file;
    p->file_tried = true;
    memset(&h, 0, sizeof h);
    describe(&h, p, all->options);
    p->file = state_writer_open(all->options->dir, &h);
    return p->file;
}

struct walker *process_walker(struct process *p)
{
    if (!p->walker && !p->walker_tried) {
        p->walker_tried = true;
        p->walker = walker_open(p->pid);
        p->is_go = p->walker && walker_is_go(p->walker);
    }
    return p->walker;
}

bool process_executed(struct process *p)
{
    if (!p->executes)
        return false;
    uint64_t now = program_number(p->pid);
    if (!now || now == p->program)
        return false;
    p->executes = false;
    p->executed_ns = now_mono_ns();
    p->program = now;
    if (p->pointers)
        p->pointers->n = 0;
    if (p->walker) {
        walker_exec(p->walker);
        p->is_go = walker_is_go(p->walker);
    }
    if (p->file) {
        state_modules_gone(p->file, now_mono_ns());
        describe_program(p->file->head, p->pid);
    }
    return true;
}

/* Has it a socket that is to be reported? */
static bool has_finding(const struct process *p)
{
    struct state_view view = state_writer_view(p->file);
    uint32_t kinds = atomic_load(&p->file->head->kinds);
    struct state_slot s;
    uint64_t pos = 0;
    for (int fd; state_next_slot(&view, &pos, &fd, &s);) {
        const struct state_detail *d = state_slot_detail(&view, &s);
        if ((kinds & KIND_BIT(KIND_OPEN)) || (d && d->kind < KIND_COUNT && kinds & KIND_BIT(d->kind)))
            return true;
    }
    return false;
}

void process_exits(struct process *p, int status)
{
    if (!p->file)
        return;
    atomic_store(&p->file->head->exit_status, (uint32_t)status & 0xff);
    atomic_store(&p->file->head->end, END_EXIT);
}

void process_end(struct process *p)
{
    p->ended = true;
    if (!p->file)
        return;
    state_writer_close(p->file, atomic_load(&p->file->head->end) == END_EXIT && !has_finding(p));
    p->file = NULL;
}
