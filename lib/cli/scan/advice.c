/* SPDX-License-Identifier: MIT */
/*
 * advice.c: what helps further depends on what the culprit is: already recording, able to load the
 * agent, or neither.
 */
#include "advice.h"

#include <stdio.h>
#include <unistd.h>

#include "../kernel/program.h"
#include "../state/load_process.h"
#include "usage.h"

/* It carries the agent: does that record? */
static const char *dormant(pid_t pid)
{
    struct loaded_file l = {0};
    bool nothing = false;
    if (load_process(&l, pid, &nothing))
        return NULL; /* it may not be looked into: report says why */
    if (nothing)
        return "dormant, or has seen no call yet";
    const struct state_header *h = state_head(&l.view);
    const char *how = atomic_load(&h->enabled) ? NULL : atomic_load(&h->looks) ? "detached" : "dormant";
    load_free(&l);
    return how;
}

/* Of process P; CULPRIT: sockets of it are stuck. */
static void advise(char buf[SCAN_ADVICE], const struct scan_process *p, bool culprit)
{
    const char *sudo = geteuid() == 0 || p->uid == geteuid() ? "" : "sudo ", *how;
    int pid = (int)p->pid;
    enum program program = program_of(p->pid);
    switch (program) {
    case PROGRAM_WITH_AGENT:
        how = dormant(p->pid);
        if (how)
            snprintf(buf, SCAN_ADVICE, "%ssockleak attach %d (its agent is %s)", sudo, pid, how);
        else
            snprintf(buf, SCAN_ADVICE, "sockleak report %s%d", culprit ? "" : "--kinds all --min-age 0 ", pid);
        break;
    case PROGRAM_STATIC:
    case PROGRAM_GO:
    case PROGRAM_OTHER_LIBC:
    case PROGRAM_OTHER_CPU:
        snprintf(buf, SCAN_ADVICE, "sockleak scan --watch 2s %d (the agent cannot be loaded there: %s)", pid, program_refusal(program));
        break;
    default:
        snprintf(buf, SCAN_ADVICE, "%ssockleak attach %d", sudo, pid);
        break;
    }
}

/* The scanned process itself, which holds nothing that is stuck, and has little left of something. */
static bool advise_on_usage(char buf[SCAN_ADVICE], const struct scan_view *v)
{
    const struct scan_process *p = &v->scan->processes[0];
    if (!v->usage || !scan_usage_is_short(v->usage, p))
        return false;
    if (v->usage->others > v->usage->sockets && scan_usage_nearly(p->fds, p->fd_limit))
        snprintf(buf, SCAN_ADVICE, "ls -l /proc/%d/fd (most of its descriptors are no sockets)", (int)p->pid);
    else
        advise(buf, p, false);
    return true;
}

const char *scan_advice(char buf[SCAN_ADVICE], const struct scan_view *v)
{
    const struct scan_process *p = v->rows->n ? &v->scan->processes[v->rows->rows[0].process] : NULL;
    const char *sudo = geteuid() == 0 ? "" : "sudo ";
    if (!p && advise_on_usage(buf, v))
        return buf;
    if (!p && v->scan->n_helpers) {
        snprintf(buf, SCAN_ADVICE, "sockleak scan %d", (int)v->scan->helpers[0].pid);
        return buf;
    }
    size_t n;
    const struct scan_process *few = !p && !v->pid ? scan_usage_shortest(v->scan, &n) : NULL;
    if (few) {
        snprintf(buf, SCAN_ADVICE, "sockleak scan %d", (int)few->pid);
        return buf;
    }
    if (!p) {
        if (v->scan->unseen_processes && *sudo)
            snprintf(buf, SCAN_ADVICE, "sudo sockleak scan (sees every process), or sockleak run -- PROGRAM (records from the start)");
        else
            snprintf(buf, SCAN_ADVICE, "sockleak run -- PROGRAM (records from the start), or sockleak scan --watch 2s (while it leaks)");
        return buf;
    }
    if (p->pid == 0) {
        snprintf(buf, SCAN_ADVICE,
                 *sudo ? "sudo sockleak scan (sees whose they are)"
                       : "sockleak scan on the host (their process is in no namespace seen from here)");
        return buf;
    }
    advise(buf, p, true);
    return buf;
}
