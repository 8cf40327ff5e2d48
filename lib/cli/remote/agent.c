/* SPDX-License-Identifier: MIT */
/*
 * agent.c: loads the agent into a running process and calls its entries.
 *
 * Called by attach and detach where no word in shared memory will do. All tracing is done by a child of the command, which holds one
 * thread of the process and ends when that is as it was.
 */
#include "agent.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cli.h"
#include "ptrace.h"

#define SAFE_LIMIT_MS 5000
#define CALL_LIMIT_MS 5000
#define RTLD_LIBC_PRIVATE 0x80000000u /* __RTLD_DLOPEN: how glibc < 2.34 knows that the call is a dlopen of its own making */

static const char *say(struct refusal *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *say(struct refusal *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return why->text;
}

static const char *call_failed(const struct tracee *t, enum call_result c, struct refusal *why)
{
    pid_t pid = t->r->pid;
    switch (c) {
    case CALL_DONE:
        return NULL;
    case CALL_BLOCKED:
        return say(why, "process %d holds the dynamic linker's lock and did not give it back within %d s; nothing was changed, try again",
                   pid, CALL_LIMIT_MS / 1000);
    case CALL_CRASHED:
        return say(why,
                   "loading the agent into process %d ended with signal %d (%s); its thread was put back where it was, but the dynamic "
                   "linker's lock may stay held: restart it when you can",
                   pid, t->fault, strsignal(t->fault));
    case CALL_STUCK:
        return say(why,
                   t->stopped
                       ? "loading the agent into process %d did not end; its thread was put back where it was, but the dynamic "
                         "linker's lock may stay held: restart it when you can"
                       : "loading the agent into process %d did not end, and its thread sleeps where it cannot be stopped; process %d "
                         "waits to put it back, let that run; the dynamic linker's lock may stay held: restart it when you can",
                   pid, getpid());
    case CALL_GONE:
        return say(why, "process %d ended meanwhile", pid);
    case CALL_REFUSED:
        return say(why, "the kernel refused to change process %d: %s", pid, strerror(t->error));
    }
    return NULL;
}

/* The agent as it is mapped there, whatever its file is called by now. */
static struct remote_module *mapped_agent(const struct remote *r) { return remote_module_named(r, "libsockleak"); }

static bool find_dlopen(const struct remote *r, uint64_t *at, unsigned *flags)
{
    *flags = RTLD_NOW;
    if (remote_symbol(r, remote_module_named(r, "libc"), "dlopen", at, NULL) ||
        remote_symbol(r, remote_module_named(r, "libdl"), "dlopen", at, NULL))
        return true;
    *flags |= RTLD_LIBC_PRIVATE;
    return remote_symbol(r, remote_module_named(r, "libc"), "__libc_dlopen_mode", at, NULL);
}

static const char *why_not_loaded(struct tracee *t, const char *library, struct refusal *why)
{
    uint64_t dlerror_at, text = 0;
    const uint64_t none[3] = {0, 0, 0};
    char reason[512] = "";
    if (remote_symbol(t->r, remote_module_named(t->r, "libc"), "dlerror", &dlerror_at, NULL) ||
        remote_symbol(t->r, remote_module_named(t->r, "libdl"), "dlerror", &dlerror_at, NULL))
        if (ptrace_call(t, dlerror_at, none, &text, CALL_LIMIT_MS) == CALL_DONE && text)
            remote_string(t->r, text, reason, sizeof(reason));
    return say(why, "process %d could not load %s%s%s", t->r->pid, library, *reason ? ": " : "", reason);
}

static const char *load_library(struct tracee *t, struct remote *r, const char *library, struct refusal *why)
{
    uint64_t dlopen_at, handle = 0;
    unsigned flags;
    if (!find_dlopen(r, &dlopen_at, &flags))
        return say(why, "process %d has no dlopen: use `sockleak scan %d`", r->pid, r->pid);
    const uint64_t args[3] = {ptrace_put_string(t, library), flags, 0};
    enum call_result c = ptrace_call(t, dlopen_at, args, &handle, CALL_LIMIT_MS);
    if (c != CALL_DONE)
        return call_failed(t, c, why);
    if (!handle)
        return why_not_loaded(t, library, why);
    remote_refresh(r);
    return NULL;
}

static const char *call_entry(struct tracee *t, const char *name, const char *text, struct remote_stats *stats, int32_t *result,
                              struct refusal *why)
{
    uint64_t at, got = 0;
    if (!remote_symbol(t->r, mapped_agent(t->r), name, &at, NULL))
        return say(why, "the agent in process %d is of a version that cannot be attached to (%s is missing)", t->r->pid, name);
    uint64_t string = ptrace_put_string(t, text), room = string + ((strlen(text) + 16) & ~15ull);
    const uint64_t args[3] = {string, room, 0};
    enum call_result c = ptrace_call(t, at, args, &got, CALL_LIMIT_MS);
    *result = (int32_t)got;
    if (c == CALL_DONE && stats && *result >= 0)
        remote_read(t->r, room, stats, sizeof(*stats));
    return call_failed(t, c, why);
}

static const char *check_filters(struct tracee *t, struct refusal *why)
{
    const char *forbidden;
    int err = ptrace_check_seccomp(t, &forbidden);
    pid_t pid = t->r->pid;
    if ((err == -EACCES || err == -EPERM) && geteuid() == 0)
        return say(why,
                   "process %d (%s) runs under a seccomp filter, which may be examined only with CAP_SYS_ADMIN and outside of any such "
                   "filter (a container's root has neither): run on the host, or start it with libsockleak.so preloaded and enabled=0",
                   pid, process_name(pid));
    if (err == -EACCES || err == -EPERM)
        return say(why,
                   "process %d (%s) runs under a seccomp filter, which only root can examine: run as root, or start it with libsockleak.so "
                   "preloaded and enabled=0",
                   pid, process_name(pid));
    if (err)
        return say(why,
                   "process %d (%s) runs under a seccomp filter that this kernel does not show (%s); start it with libsockleak.so "
                   "preloaded and enabled=0 instead",
                   pid, process_name(pid), strerror(-err));
    if (forbidden)
        return say(why, "process %d (%s) runs under a seccomp filter that would kill it for %s; use `sockleak scan %d`", pid,
                   process_name(pid), forbidden, pid);
    return NULL;
}

static const char *hold_thread(struct tracee *t, const struct remote *r, struct refusal *why)
{
    char where[128];
    int err = ptrace_hold_safe(t, r, SAFE_LIMIT_MS, where, sizeof(where));
    if (err == -EAGAIN)
        return say(why, "no thread of process %d (%s) could be interrupted safely within %d s (the last one was in %s): try again", r->pid,
                   process_name(r->pid), SAFE_LIMIT_MS / 1000, where);
    if (err == -ESRCH)
        return say(why, "process %d ended meanwhile", r->pid);
    return err ? check_permission(r->pid, -err, why) : NULL;
}

static uint64_t stack_end(const struct remote *r)
{
    for (size_t i = 0; i < r->n_maps; i++)
        if (strcmp(r->maps[i].path, "[stack]") == 0)
            return r->maps[i].end;
    return 0;
}

/* An exec between our first look and the stop would have us call into a program that is no more. What R has open is of that one too. */
static bool still_the_same(struct remote *r)
{
    struct remote now;
    if (remote_open(&now, r->pid) < 0)
        return false;
    const struct remote_module *before = remote_module_named(r, "libc"), *after = remote_module_named(&now, "libc");
    bool same = before && after && before->start == after->start && stack_end(r) == stack_end(&now);
    remote_close(same ? r : &now);
    if (same)
        *r = now;
    return same;
}

struct work {
    const char *library; /* NULL: it is mapped */
    const char *entry, *text;
    struct remote_stats *stats;
};

static const char *run_held(struct tracee *t, struct remote *r, const struct work *w, struct refusal *why)
{
    int32_t result = 0;
    const char *refused = check_filters(t, why);
    if (!refused)
        refused = call_failed(t, ptrace_prepare(t), why);
    if (!refused && w->library)
        refused = load_library(t, r, w->library, why);
    if (!refused)
        refused = call_entry(t, w->entry, w->text, w->stats, &result, why);
    if (refused || result >= 0)
        return refused;
    if (call_entry(t, "sockleak_detach_entry", "", NULL, &(int32_t){0}, why))
        return why->text;
    if (result == -2)
        return say(why,
                   "nothing in process %d (%s) calls the C library for its sockets (Go, a sanitizer's runtime, or a program that is linked "
                   "to its own): use `sockleak scan %d`",
                   r->pid, process_name(r->pid), r->pid);
    return say(why, "the agent in process %d got no memory for its table", r->pid);
}

/* What the tracing child tells the command. */
struct outcome {
    struct refusal why;
    struct remote_stats stats;
    bool refused, stays; /* it lives on to put a thread back */
};

static void tell(int to, const char *refused, const struct remote_stats *stats, bool stays)
{
    struct outcome o = {.refused = refused != NULL, .stays = stays};
    if (refused)
        snprintf(o.why.text, sizeof(o.why.text), "%s", refused);
    if (stats)
        o.stats = *stats;
    ssize_t ignored = write(to, &o, sizeof(o)); /* less than PIPE_BUF */
    (void)ignored;
}

/* The command goes its way without us: it, its shell and whoever reads its output must not wait. */
static void stay_behind(void)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    setsid();
}

/* Gives the refusal, or NULL, to TO. */
static void trace(pid_t pid, struct work w, bool may_load, int to)
{
    struct refusal reason = {""}, *why = &reason;
    struct remote r;
    struct tracee t;
    char library[PATH_MAX];
    int err = remote_open(&r, pid);
    if (err) {
        tell(to, check_permission(pid, -err, why), NULL, false);
        return;
    }
    const char *refused = check_libc(&r, why);
    if (!refused && !mapped_agent(&r) && may_load) {
        w.library = library;
        refused = cli_library(library, sizeof(library));
        if (!refused)
            refused = check_visible(pid, library, why);
    } else if (!refused && !mapped_agent(&r)) {
        refused = say(why, "the agent is not loaded in process %d (%s)", pid, process_name(pid));
    }
    bool stays = false;
    if (!refused) {
        ptrace_begin();
        refused = hold_thread(&t, &r, why);
        if (!refused) {
            refused =
                still_the_same(&r) ? run_held(&t, &r, &w, why) : say(why, "process %d became another program meanwhile: try again", pid);
            stays = t.saved && !t.stopped;
            if (stays) {
                tell(to, refused, NULL, true);
                stay_behind();
            }
            ptrace_release(&t);
        }
    }
    if (!stays)
        tell(to, refused, w.stats, false);
}

/*
 * A child does it: a tracer's end lets go of every thread, also of one in an uninterruptible sleep that could neither be stopped nor be let
 * go, and that would stop for good in the midst of a long `attach --for` when it wakes.
 */
static const char *run_in(pid_t pid, struct work w, bool may_load, struct refusal *why)
{
    struct outcome o;
    int pipe_fd[2];
    const char *refused = check_kind(pid, why);
    if (refused)
        return refused;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return say(why, "no pipe: %s", strerror(errno));
    fflush(NULL);
    ptrace_begin();
    pid_t child = fork();
    if (child == 0) {
        trace(pid, w, may_load, pipe_fd[1]);
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
        return say(why, "no process to trace with: %s", strerror(err));
    if (n != sizeof(o))
        return say(why, "the process that was to load the agent ended before it was done");
    if (w.stats)
        *w.stats = o.stats;
    return o.refused ? say(why, "%s", o.why.text) : NULL;
}

const char *agent_inject(pid_t pid, const char *options, struct remote_stats *stats, struct refusal *why)
{
    struct work w = {.entry = "sockleak_attach_entry", .text = options, .stats = stats};
    return run_in(pid, w, true, why);
}

const char *agent_withdraw(pid_t pid, struct refusal *why)
{
    struct work w = {.entry = "sockleak_detach_entry", .text = ""};
    return run_in(pid, w, false, why);
}

int agent_is_mapped(pid_t pid)
{
    struct remote r;
    if (remote_open(&r, pid) < 0)
        return -1;
    int mapped = mapped_agent(&r) != NULL;
    remote_close(&r);
    return mapped;
}
