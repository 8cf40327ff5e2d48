/* SPDX-License-Identifier: MIT */
/*
 * stopped.c: serves one stopped call.
 *
 * Called by supervisor.c as soon as the kernel has one. Whatever goes wrong, the call is let go: a
 * socket may lack its stack, but no call may fail.
 */
#include "stopped.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../arch/numbers.h"
#include "../../arch/ptrace.h"
#include "../base/cli.h"
#include "../base/now.h"
#include "listener.h"
#include "probe.h"
#include "sampling.h"
#include "state_sites.h"

unsigned stopped_call(int nr)
{
    switch (nr) {
    case SYS_socket:
        return CALL_SOCKET;
    case SYS_socketpair:
        return CALL_SOCKETPAIR;
    case SYS_connect:
        return CALL_CONNECT;
    case SYS_bind:
    case SYS_listen:
        return CALL_BIND;
    case SYS_accept:
        return CALL_ACCEPT;
    case SYS_accept4:
        return CALL_ACCEPT4;
    case SYS_dup:
        return CALL_DUP;
#ifdef SYS_dup2
    case SYS_dup2:
        return CALL_DUP2;
#endif
    case SYS_dup3:
        return CALL_DUP3;
    case SYS_fcntl:
        return CALL_FCNTL;
    default:
        return CALL_UNKNOWN;
    }
}

static bool let_go(struct supervisor *s, const struct seccomp_notif *n) { return listener_answer(s->listener, n->id) == 0; }

/* The process of the thread TH; one that was found to have executed another program is that one now. NULL: it has gone. */
static struct process *process_of(struct supervisor *s, const struct thread *th)
{
    struct process *p = processes_find(&s->processes, th->pid);
    if (!p)
        p = processes_of(&s->processes, th->pid);
    return p;
}

static struct thread *thread_of(struct supervisor *s, pid_t tid, bool check, struct process **p)
{
    struct thread *th = threads_of(&s->threads, tid, check);
    *p = th ? process_of(s, th) : NULL;
    if (*p && process_executed(*p)) {
        look_after_exec(*p);
        threads_forget(&s->threads, (*p)->pid);
        th = threads_of(&s->threads, tid, false);
    }
    return th;
}

bool stopped_names(int nr) { return nr == SYS_connect || nr == SYS_bind || nr == SYS_listen; }

/* ---- calls whose stack is taken -------------------------------------------------------------- */

static void take_address(struct process *p, struct queued *c)
{
    c->to_size = c->sample.args[2] < sizeof c->to ? (socklen_t)c->sample.args[2] : sizeof c->to;
    if (!sampling_read(p->pid, c->sample.args[1], &c->to, c->to_size))
        c->to_size = 0;
}

/* Such a call names its socket: while the thread is stopped, it is certain which it is. */
static void name_socket(struct process *p, struct queued *c)
{
    struct probe_identity id;
    int fd = (int)c->sample.args[0], copy = p->pidfd >= 0 && fd >= 0 ? probe_copy(p->pidfd, fd) : -1;
    if (copy < 0)
        return;
    c->cookie = look_unseen_cookie(p, fd, copy);
    struct state_slot *slot = !c->cookie && p->file ? state_writer_slot(p->file, fd, false) : NULL;
    if (slot && c->sample.nr == SYS_connect)
        atomic_fetch_or(&slot->flags, SLOT_CONNECTING);
    if (c->cookie) {
        probe_identify(copy, &id);
        c->kind = (struct match_kind){.call = CALL_SOCKET,
                                      .family = (uint8_t)id.family,
                                      .type = (uint8_t)id.type,
                                      .protocol = id.family == AF_UNIX ? 0 : (uint16_t)id.protocol};
    }
    close(copy);
}

/* Another socket may listen there from now on: the next look has to see it. */
static void forget_listener(struct process *p, const struct seccomp_notif *n)
{
    size_t fd = (size_t)(uint32_t)n->data.args[stopped_names(n->data.nr) ? 0 : 1];
    bool other = n->data.nr == SYS_listen || n->data.nr == SYS_bind || stopped_call(n->data.nr) == CALL_DUP2 || n->data.nr == SYS_dup3;
    if (other && fd < p->n_seen)
        p->seen[fd].listens = false;
}

static bool take(struct supervisor *s, const struct seccomp_notif *n, struct queued *c, struct process **p)
{
    struct thread *th = thread_of(s, (pid_t)n->pid, false, p);
    bool taken = th && sampling_take(&c->sample, th, n);
    if (!taken) { /* its number was another thread's, or it is too busy to tell */
        th = thread_of(s, (pid_t)n->pid, true, p);
        taken = th && sampling_take(&c->sample, th, n);
    }
    if (!th || !*p)
        return false;
    struct walker *w = process_walker(*p);
    if ((*p)->is_go && !th->thread_pointer && (*p)->pointers)
        th->thread_pointer = thread_pointers_of((*p)->pointers, th->pid, th->tid);
    c->sample.thread_pointer = th->thread_pointer;
    if (taken && w)
        walker_sample(w, &c->sample);
    c->walkable = taken;
    return true;
}

/* Said once a run: of such a process nothing is recorded. */
static void warn_if_hidden(struct supervisor *s, pid_t tid)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)tid);
    int fd = s->warned_of_hidden ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    else if (!s->warned_of_hidden && (errno == EACCES || errno == EPERM)) {
        s->warned_of_hidden = true;
        cli_warn("process %d cannot be looked into (PR_SET_DUMPABLE, another user's rights, or ptrace_scope): its sockets are not "
                 "recorded; root can (sockleak(1), LIMITS of the tracer)",
                 (int)tid);
    }
}

static void serve_socket_call(struct supervisor *s, const struct seccomp_notif *n)
{
    struct process *p = NULL;
    if (queue_is_full(&s->queue))
        stopped_walk_one(s);
    struct queued *c = queue_place(&s->queue);
    c->cookie = 0;
    c->walkable = false;
    bool known = take(s, n, c, &p);
    if (known)
        forget_listener(p, n);
    if (known && stopped_names(n->data.nr))
        name_socket(p, c);
    if (known && n->data.nr == SYS_connect)
        take_address(p, c);
    bool held = let_go(s, n);
    if (held && !c->walkable)
        warn_if_hidden(s, (pid_t)n->pid);
    if (!held || !known)
        return; /* the thread has left the call: all that was read may be of another one */
    c->let_go_ns = now_mono_ns();
    c->program = p->program;
    queue_put(&s->queue);
}

/* ---- the other calls ------------------------------------------------------------------------- */

static void serve_clone(struct supervisor *s, const struct seccomp_notif *n)
{
    struct process *p;
    struct thread *th = thread_of(s, (pid_t)n->pid, true, &p);
    uint64_t flags = n->data.nr == SYS_clone ? n->data.args[0] : 0, block = 0;
    struct {
        uint64_t flags, skipped[6], tls;
    } given;
    if (n->data.nr == SYS_clone) {
        block = n->data.args[ARCH_CLONE_TLS];
    } else if (n->data.nr == SYS_clone3 && th && sampling_read(th->pid, n->data.args[0], &given, sizeof given)) {
        flags = given.flags;
        block = given.tls;
    }
    s->forked |= !(flags & CLONE_THREAD);
    if (let_go(s, n) && p && p->pointers && (flags & CLONE_SETTLS))
        thread_pointers_add(p->pointers, block);
}

#ifdef SYS_arch_prctl
static void serve_arch_prctl(struct supervisor *s, const struct seccomp_notif *n)
{
    struct process *p;
    struct thread *th = thread_of(s, (pid_t)n->pid, true, &p);
    if (let_go(s, n) && th && p && p->pointers) {
        thread_pointers_add(p->pointers, n->data.args[1]);
        th->thread_pointer = n->data.args[1];
    }
}
#endif

static void serve_exec(struct supervisor *s, const struct seccomp_notif *n)
{
    struct thread *th = threads_of(&s->threads, (pid_t)n->pid, true);
    struct process *p = th ? processes_find(&s->processes, th->pid) : NULL;
    while (p && stopped_walk_one(s)) /* what it walks through is gone afterwards */
        ;
    if (p) {
        process_executed(p); /* an earlier one, of which nothing was seen since */
        p->executes = true;
    }
    let_go(s, n);
}

/* As the kernel has it, on all processors. */
struct kernel_handler {
    uint64_t handler, flags;
};

/* A call that such a handler interrupts before it is received fails with EINTR, which socket and dup never do otherwise. */
static void serve_handler(struct supervisor *s, const struct seccomp_notif *n)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
    struct kernel_handler h = {0, 0};
    bool of_fault = s->warned_of_handler;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        of_fault |= (int)n->data.args[0] == faults[i];
    bool read = !of_fault && sampling_read((pid_t)n->pid, n->data.args[1], &h, sizeof h);
    let_go(s, n);
    if (!read || h.handler <= 1 || h.flags & SA_RESTART) /* 0, 1: SIG_DFL, SIG_IGN */
        return;
    s->warned_of_handler = true;
    cli_warn("process %d handles signal %d without SA_RESTART: in the moment in which a call is stopped such a signal makes it fail "
             "with EINTR, socket and dup too (sockleak(1), LIMITS of the tracer)",
             (int)n->pid, (int)n->data.args[0]);
}

static void serve_exit(struct supervisor *s, const struct seccomp_notif *n)
{
    struct process *p;
    struct thread *th = thread_of(s, (pid_t)n->pid, true, &p);
    while (stopped_walk_one(s))
        ;
    if (th && p) {
        look_stop(&s->look); /* it may be at P, or at its parent: the next ones find what it has not seen */
        look_last(&s->looks, p);
    }
    let_go(s, n);
    if (!th || !p)
        return;
    pid_t pid = p->pid;
    process_exits(p, (int)n->data.args[0]);
    look_hand_over(&s->looks, p);
    process_end(p);
    threads_forget(&s->threads, pid);
}

void stopped_serve(struct supervisor *s)
{
    const struct seccomp_notif n = s->keeper.shared->of_supervisor;
    if (stopped_call(n.data.nr))
        serve_socket_call(s, &n);
    else if (n.data.nr == SYS_execve || n.data.nr == SYS_execveat)
        serve_exec(s, &n);
    else if (n.data.nr == SYS_rt_sigaction)
        serve_handler(s, &n);
    else if (n.data.nr == SYS_exit_group)
        serve_exit(s, &n);
#ifdef SYS_arch_prctl
    else if (n.data.nr == SYS_arch_prctl)
        serve_arch_prctl(s, &n);
#endif
    else
        serve_clone(s, &n);
}
