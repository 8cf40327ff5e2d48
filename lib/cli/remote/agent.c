/* SPDX-License-Identifier: MIT */
/*
 * agent.c: loads the agent into a running process and calls its entries.
 *
 * Called by attach and detach where a word in shared memory is not enough. A child of the command
 * does all tracing: it holds one thread of the process, and ends when that thread has been put
 * back.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/library.h"
#include "call.h"
#include "check.h"
#include "elf_symbol.h"
#include "maps.h"
#include "memory.h"
#include "room.h"
#include "safe_point.h"
#include "seccomp.h"
#include "twin.h"

#define SAFE_LIMIT_MS 5000

/* The agent's library as it is mapped there, even if its file has been renamed since. */
static struct remote_module *agent_module(const struct remote *r)
{
    struct remote_module *m = maps_module_named(r, "libsockleak");
    return m ? m : maps_module_named(r, "libsockleak-musl");
}

static const char *call_entry(struct tracee *t, const char *name, const char *text, struct agent_stats *stats, int32_t *result,
                              struct refusal *why)
{
    uint64_t at, got = 0;
    if (!elf_symbol(t->r, agent_module(t->r), name, &at, NULL))
        return refuse(why, "the agent in process %d is of a version that cannot be attached to (%s is missing)", t->r->pid, name);
    uint64_t string = call_put_string(t, text), room = string + ((strlen(text) + 16) & ~15ull);
    const uint64_t args[3] = {string, room, 0};
    enum call_result c = call_run(t, at, args, &got, CALL_LIMIT_MS);
    *result = (int32_t)got;
    if (c == CALL_DONE && stats && *result >= 0)
        memory_read(t->r, room, stats, sizeof(*stats));
    return call_refused(t, c, why);
}

static const char *check_filters(struct tracee *t, const struct process_facts *p, struct seccomp_answer *filters, struct refusal *why)
{
    int err = seccomp_check(t, filters);
    pid_t pid = t->r->pid;
    if ((err == -EACCES || err == -EPERM) && geteuid() == 0)
        return refuse(why,
                      "process %d (%s) runs under a seccomp filter, which may be examined only with CAP_SYS_ADMIN and outside of any such "
                      "filter (a container's root has neither): run on the host, or start it with libsockleak.so preloaded and enabled=0",
                      pid, p->name);
    if (err == -EACCES || err == -EPERM)
        return refuse(
            why,
            "process %d (%s) runs under a seccomp filter, which only root can examine: run as root, or start it with libsockleak.so "
            "preloaded and enabled=0",
            pid, p->name);
    if (err)
        return refuse(why,
                      "process %d (%s) runs under a seccomp filter that this kernel does not show (%s); start it with libsockleak.so "
                      "preloaded and enabled=0 instead",
                      pid, p->name, strerror(-err));
    if (filters->forbidden)
        return refuse(why, "process %d (%s) runs under a seccomp filter that would kill it for %s; use `sockleak scan %d`", pid, p->name,
                      filters->forbidden, pid);
    return NULL;
}

static const char *hold_thread(struct tracee *t, const struct remote *r, const struct process_facts *p, struct refusal *why)
{
    char where[128];
    int err = safe_point_hold(t, r, SAFE_LIMIT_MS, where, sizeof(where));
    if (err == -EAGAIN)
        return refuse(why, "no thread of process %d (%s) could be interrupted safely within %d s (the last one was in %s): try again",
                      r->pid, p->name, SAFE_LIMIT_MS / 1000, where);
    if (err == -ESRCH)
        return refuse(why, "process %d ended meanwhile", r->pid);
    return err ? check_permission(p, -err, why) : NULL;
}

static uint64_t stack_end(const struct remote *r)
{
    for (size_t i = 0; i < r->n_maps; i++)
        if (strcmp(r->maps[i].path, "[stack]") == 0)
            return r->maps[i].end;
    return 0;
}

/*
 * Is it still the program that was checked? After an exec in between we would call into code that
 * is gone. What R has open belongs to the old program too, so it is opened anew.
 */
static bool still_the_same(struct remote *r)
{
    struct remote now;
    if (maps_open(&now, r->pid) < 0)
        return false;
    const struct remote_module *before = maps_libc(r), *after = maps_libc(&now);
    bool same = before && after && before->start == after->start && stack_end(r) == stack_end(&now);
    maps_close(same ? r : &now);
    if (same)
        *r = now;
    return same;
}

struct agent_work {
    const struct process_facts *process;
    bool may_load; /* else the agent must be mapped already */
    const char *entry, *text;
    struct agent_done *done; /* NULL: not asked for */
    struct load_work load;   /* library: NULL if it is mapped */
    bool twin;               /* its filters let it make one */
};

/* In a process without a descriptor left a twin loads it, or else ROOM is made. */
static const char *load_in_room(struct tracee *t, struct remote *r, struct agent_work *w, struct room *room, struct refusal *why)
{
    struct tracee twin;
    int error = EPERM; /* its filter would kill it for that */
    if (!room_is_short(w->process, room))
        return load_agent(t, r, w->process, &w->load, &w->done->way, why);
    if (room_twin_helps(room) && w->twin) {
        if (twin_begin(t, &twin)) {
            const char *refused = load_agent(&twin, r, w->process, &w->load, &w->done->way, why);
            twin_end(t, &twin);
            return refused;
        }
        error = t->error;
    }
    const char *refused = room_make(w->process, room, error, why);
    return refused ? refused : load_agent(t, r, w->process, &w->load, &w->done->way, why);
}

static const char *load_and_call(struct tracee *t, struct remote *r, struct agent_work *w, int32_t *result, struct refusal *why)
{
    struct room room = {.raised = false};
    const char *refused = w->load.library ? load_in_room(t, r, w, &room, why) : NULL;
    if (!refused)
        refused = call_entry(t, w->entry, w->text, w->done ? &w->done->stats : NULL, result, why);
    room_give_back(w->process, &room);
    return refused;
}

static const char *run_held(struct tracee *t, struct remote *r, struct agent_work *w, struct refusal *why)
{
    const struct process_facts *p = w->process;
    int32_t result = 0;
    struct seccomp_answer filters;
    const char *refused = check_filters(t, p, &filters, why);
    w->load.in_memory = filters.in_memory;
    w->twin = filters.twin;
    if (!refused)
        refused = call_refused(t, call_prepare(t), why);
    if (!refused)
        refused = load_and_call(t, r, w, &result, why);
    if (refused || result >= 0)
        return refused;
    if (call_entry(t, "sockleak_detach_entry", "", NULL, &(int32_t){0}, why))
        return why->text;
    if (result == -2)
        return refuse(
            why,
            "nothing in process %d (%s) calls the C library for its sockets (Go, a sanitizer's runtime, or a program that is linked "
            "to its own): use `sockleak scan %d`",
            r->pid, p->name, r->pid);
    return refuse(why, "the agent in process %d got no memory for its table", r->pid);
}

/* What the tracing child sends to the command. */
struct agent_outcome {
    struct refusal why;
    struct agent_done done;
    bool refused, stays; /* the child lives on, to put a thread back */
};

static void report_outcome(int to, const char *refused, const struct agent_done *done, bool stays)
{
    struct agent_outcome o = {.refused = refused != NULL, .stays = stays};
    if (refused)
        snprintf(o.why.text, sizeof(o.why.text), "%s", refused);
    if (done)
        o.done = *done;
    ssize_t ignored = write(to, &o, sizeof(o)); /* less than PIPE_BUF */
    (void)ignored;
}

/*
 * The command ends without this child. Its shell, and whoever reads its output, must not wait for
 * the child.
 */
static void stay_behind(void)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    setsid();
}

/*
 * What must be so before a thread is stopped. W's library is set if it has to be loaded; LIBRARY
 * holds its name.
 */
static const char *check_work(const struct remote *r, struct agent_work *w, char library[PATH_MAX], struct refusal *why)
{
    const struct process_facts *p = w->process;
    const char *refused = check_libc(r, p, why);
    if (refused || agent_module(r))
        return refused;
    if (!w->may_load)
        return refuse(why, "the agent is not loaded in process %d (%s)", p->pid, p->name);
    refused = library_find(check_which_libc(r), library, PATH_MAX);
    w->load.library = library;
    return refused ? refused : check_visible(p, library, w->load.unseen, sizeof w->load.unseen, why);
}

/* In the child: does the work and sends what came of it to TO. */
static void trace_process(struct agent_work w, int to)
{
    struct refusal reason = {""}, *why = &reason;
    struct remote r;
    struct tracee t;
    char library[PATH_MAX];
    int err = maps_open(&r, w.process->pid);
    if (err) {
        report_outcome(to, check_permission(w.process, -err, why), NULL, false);
        return;
    }
    const char *refused = check_work(&r, &w, library, why);
    if (!refused) {
        ptrace_begin();
        refused = hold_thread(&t, &r, w.process, why);
        if (!refused) {
            refused = still_the_same(&r) ? run_held(&t, &r, &w, why)
                                         : refuse(why, "process %d became another program meanwhile: try again", r.pid);
            bool stays = t.saved && !t.stopped;
            if (stays) {
                report_outcome(to, refused, NULL, true);
                stay_behind();
            }
            call_release(&t);
            if (stays)
                return;
        }
    }
    report_outcome(to, refused, w.done, false);
}

/*
 * A child does the tracing, because the end of a tracer lets go of every thread. A thread in an
 * uninterruptible sleep can be neither stopped nor let go; if its tracer lived on, as in a long
 * `attach --for`, it would stop for good when it wakes.
 */
static const char *run_in_child(struct agent_work w, struct refusal *why)
{
    struct agent_outcome o;
    int pipe_fd[2];
    const char *refused = check_kind(w.process, why);
    if (refused)
        return refused;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return refuse(why, "no pipe: %s", strerror(errno));
    fflush(NULL);
    ptrace_begin();
    pid_t child = fork();
    if (child == 0) {
        trace_process(w, pipe_fd[1]);
        _exit(0);
    }
    int err = errno;
    close(pipe_fd[1]);
    ssize_t n = child < 0 ? 0 : read(pipe_fd[0], &o, sizeof(o));
    close(pipe_fd[0]);
    if (child > 0 && (n != sizeof(o) || !o.stays))
        waitpid(child, NULL, 0);
    ptrace_end();
    if (child < 0)
        return refuse(why, "no process to trace with: %s", strerror(err));
    if (n != sizeof(o))
        return refuse(why, "the process that was to load the agent ended before it was done");
    if (w.done)
        *w.done = o.done;
    return o.refused ? refuse(why, "%s", o.why.text) : NULL;
}

const char *agent_inject(const struct process_facts *process, const char *options, struct agent_done *done, struct refusal *why)
{
    struct agent_work w = {.process = process, .may_load = true, .entry = "sockleak_attach_entry", .text = options, .done = done};
    return run_in_child(w, why);
}

const char *agent_withdraw(const struct process_facts *process, struct refusal *why)
{
    struct agent_work w = {.process = process, .entry = "sockleak_detach_entry", .text = ""};
    return run_in_child(w, why);
}
