/* SPDX-License-Identifier: MIT */
/*
 * supervisor.c: the loop that serves stopped calls, walks their stacks, and looks at the sockets.
 *
 * Called by run/wait.c in place of its wait for signals. Stopped calls come first; other work is done
 * when none waits, and a piece of it after so many calls in any case.
 */
#include "supervisor.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../arch/numbers.h"
#include "../base/now.h"
#include "../kernel/procfs.h"
#include "filter.h"
#include "listener.h"
#include "start.h"
#include "stopped.h"

#define CALLS_BEFORE_WORK 32u
#define REQUEST_MS 50 /* how long one who asks for a fresh look may have to wait for an idle supervisor */
#define NS_PER_MS 1000000u

static struct start start_pipes; /* between supervisor_new and supervisor_take */

struct supervisor *supervisor_new(const struct trace_options *options)
{
    struct supervisor *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->options = *options;
    s->listener = -1;
    s->processes.options = &s->options;
    s->looks.processes = &s->processes;
    s->queue.calls = malloc(QUEUE_CALLS * sizeof *s->queue.calls);
    if (s->queue.calls && threads_open(&s->threads) && start_open(&start_pipes))
        return s;
    int error = errno;
    threads_close(&s->threads);
    free(s->queue.calls);
    free(s);
    errno = error;
    return NULL;
}

int supervisor_child(struct supervisor *s)
{
    (void)s;
    return start_child(&start_pipes);
}

/* Threads and processes take descriptors of ours; the program has been forked already, and keeps its own limit. */
static void raise_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

const char *supervisor_take(struct supervisor *s, pid_t child)
{
    int pidfd, listener = start_take(&start_pipes, child, &pidfd);
    bool ready = listener >= 0 && keeper_open(&s->keeper, listener);
    int error = errno;
    if (ready) {
        raise_limit();
        s->listener = listener;
        filter_wake_here(listener);
        look_outside(&s->looks, child, pidfd);
        keeper_start(&s->keeper);
        s->next_look_ns = now_mono_ns() + s->options.interval_ns;
    }
    start_go(&start_pipes, ready);
    if (pidfd >= 0)
        close(pidfd);
    if (ready)
        return NULL;
    const char *why = listener < 0 ? filter_refusal(-listener) : NULL;
    return why ? why : strerror(listener < 0 ? -listener : error);
}

/* ---- looks ----------------------------------------------------------------------------------- */

/* Enters the children of P that are not known yet: one that opens nothing may hold what its parent opened. */
static void find_children(struct supervisor *s, pid_t pid)
{
    char path[64], text[4096], *at, *end;
    DIR *tasks;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    for (struct dirent *e; tasks && (e = readdir(tasks));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)pid, e->d_name);
        if (procfs_read(path, text, sizeof text) <= 0)
            continue;
        for (at = text;; at = end) {
            long child = strtol(at, &end, 10);
            if (end == at)
                break;
            processes_of(&s->processes, (pid_t)child);
        }
    }
    if (tasks)
        closedir(tasks);
}

static bool is_gone(const struct process *p)
{
    struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};
    return p->pidfd < 0 ? kill(p->pid, 0) != 0 : poll(&ended, 1, 0) > 0;
}

static void end_process(struct supervisor *s, struct process *p)
{
    if (s->look.process == p)
        look_stop(&s->look);
    look_hand_over(&s->looks, p);
    threads_forget(&s->threads, p->pid);
    process_end(p);
}

/* Before looks: who has gone, who is new, and which calls have returned. */
static void prepare_looks(struct supervisor *s)
{
    for (struct process *p = s->processes.first; p; p = p->next) {
        if (!p->ended && is_gone(p))
            end_process(s, p);
        else if (!p->ended && s->forked)
            find_children(s, p->pid);
        if (!p->ended)
            stopped_returned(s, p);
    }
    s->forked = false;
    healthy_begin(&s->looks.healthy);
    processes_sweep(&s->processes);
}

static void answer_request(struct process *p)
{
    if (!p->file || atomic_load(&p->file->head->answered) == p->request)
        return;
    atomic_store(&p->file->head->answered, p->request);
    syscall(SYS_futex, &p->file->head->answered, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static struct process *next_due(struct supervisor *s)
{
    struct process *p = s->processes.first;
    while (p && (p->ended || !p->due))
        p = p->next;
    return p;
}

/* A piece of the looks that are due. False: none is. */
static bool look_on(struct supervisor *s)
{
    if (!s->look.process) {
        struct process *p = next_due(s);
        if (!p)
            return false;
        p->due = false;
        if (p->file)
            p->request = atomic_load(&p->file->head->request);
        if (!look_begin(&s->look, p, false))
            answer_request(p);
        return true;
    }
    struct process *p = s->look.process;
    if (look_step(&s->looks, &s->look, LOOK_PIECE))
        answer_request(p);
    return true;
}

static void all_are_due(struct supervisor *s)
{
    prepare_looks(s);
    for (struct process *p = s->processes.first; p; p = p->next)
        p->due = true;
    s->next_look_ns = now_mono_ns() + s->options.interval_ns;
}

/* Is it time for a look, or has somebody asked for one? */
static void begin_looks(struct supervisor *s)
{
    bool asked = false;
    if (s->look.process || next_due(s))
        return;
    for (struct process *p = s->processes.first; p && !asked; p = p->next)
        asked = !p->ended && p->file && atomic_load(&p->file->head->request) != atomic_load(&p->file->head->answered);
    if (asked || (s->options.interval_ns && now_mono_ns() >= s->next_look_ns))
        all_are_due(s);
}

void supervisor_look(struct supervisor *s)
{
    look_stop(&s->look);
    while (stopped_walk_one(s))
        ;
    all_are_due(s);
    while (look_on(s))
        ;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* What can wait. False: nothing is left to do now. */
static bool work(struct supervisor *s)
{
    s->since_work = 0;
    bool any = false;
    while (stopped_walk_one(s))
        any = true;
    begin_looks(s);
    return look_on(s) || any;
}

static int sleep_ms(const struct supervisor *s)
{
    uint64_t now = now_mono_ns();
    if (s->next_look_ns <= now && s->options.interval_ns)
        return 0;
    uint64_t ms = s->options.interval_ns ? (s->next_look_ns - now) / NS_PER_MS + 1 : REQUEST_MS;
    return ms < REQUEST_MS ? (int)ms : REQUEST_MS;
}

static void serve_one(struct supervisor *s)
{
    if (listener_receive(s->listener, &s->keeper.shared->of_supervisor) != 0)
        return; /* its thread has gone, or the keeper was quicker */
    stopped_serve(s);
    s->since_work++;
}

void supervisor_serve(struct supervisor *s, int until)
{
    bool idle = false;
    for (;;) {
        struct pollfd p[3] = {{s->listener, POLLIN, 0}, {until, POLLIN, 0}, {s->keeper.pidfd, POLLIN, 0}};
        int n = poll(p, 3, idle ? sleep_ms(s) : 0);
        if (n < 0)
            continue;
        if (p[2].revents && s->listener >= 0)
            keeper_start(&s->keeper);
        if (p[0].revents & POLLIN)
            serve_one(s);
        else if (p[0].revents) {
            s->listener = -1; /* nobody is left; the keeper has seen it too */
            s->keeper.pidfd = -1;
        }
        if (p[1].revents)
            return;
        idle = p[0].revents & POLLIN && s->since_work < CALLS_BEFORE_WORK ? false : !work(s);
    }
}

void supervisor_leave(struct supervisor *s, bool away) { keeper_set_left(&s->keeper, away); }

void supervisor_end(struct supervisor *s)
{
    if (s->keeper.shared) { /* else it never had a program */
        keeper_set_left(&s->keeper, true);
        supervisor_look(s);
    }
    for (struct process *p = s->processes.first; p; p = p->next)
        if (p->file) /* nobody answers from now on */
            atomic_store(&p->file->head->watcher_tid, 0);
    processes_close(&s->processes);
    owners_free(&s->looks.owners);
    healthy_free(&s->looks.healthy);
    threads_close(&s->threads);
    if (s->keeper.shared)
        keeper_close(&s->keeper);
    free(s->queue.calls);
    free(s);
}
