/* SPDX-License-Identifier: MIT */
/*
 * sampling.c: copies registers and a piece of stack of a stopped thread.
 *
 * Called by the supervisor between the notification and the answer: the program waits.
 */
#include "sampling.h"

#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE 4096u
/*
 * A thread that has not come to sleep in the call yet, or that a signal has woken there, says that it
 * runs: at once so many tries, then more of them a while apart, for it may wait for a processor.
 */
#define TRIES 20
#define PATIENT_TRIES 60
#define PATIENCE_NS 500000

static size_t read_some(pid_t pid, uint64_t address, void *to, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)address, n};
    ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
    return got > 0 ? (size_t)got : 0;
}

bool sampling_read(pid_t pid, uint64_t address, void *to, size_t n) { return read_some(pid, address, to, n) == n; }

bool sampling_take(struct sample *s, struct thread *th, const struct seccomp_notif *n)
{
    struct thread_place at;
    enum thread_state state = THREAD_RUNS;
    s->pid = th->pid;
    s->tid = th->tid;
    s->nr = n->data.nr;
    memcpy(s->args, n->data.args, sizeof s->args);
    s->pc = n->data.instruction_pointer;
    s->sp = s->goroutine = s->thread_pointer = 0;
    s->stack_bytes = s->beside_bytes = 0;
    for (int i = 0; i < TRIES + PATIENT_TRIES && state == THREAD_RUNS; i++) {
        if (i >= TRIES)
            nanosleep(&(struct timespec){.tv_nsec = PATIENCE_NS}, NULL);
        state = threads_place(th, &at);
    }
    if (state != THREAD_IN_CALL || at.nr != s->nr)
        return false;
    s->pc = at.pc;
    s->sp = at.sp;
    s->thread_pointer = th->thread_pointer;
    s->stack_bytes = (uint32_t)read_some(th->pid, at.sp, s->stack, SAMPLE_STACK);
    if (!s->stack_bytes) /* its last page may be near: a read that crosses its end tells nothing of the first part */
        s->stack_bytes = (uint32_t)read_some(th->pid, at.sp, s->stack, PAGE - (at.sp & (PAGE - 1)));
    return s->stack_bytes != 0;
}
