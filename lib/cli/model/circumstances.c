/* SPDX-License-Identifier: MIT */
/*
 * circumstances.c: how the process behind a model ended, and how old what is known of it is.
 *
 * Called for each process by report and run.
 */
#include "circumstances.h"

#include <stdio.h>
#include <string.h>

#include "../base/now.h"
#include "shares.h"

static const char *age_words(char *buf, size_t cap, uint64_t ns)
{
    struct out o = {.buf = buf, .cap = cap - 1};
    out_duration(&o, ns / 1000000000u);
    buf[o.len] = 0;
    return buf;
}

/* Of a live process: only what makes its report less than fresh. */
static void describe_live(const struct model *m, char *line, size_t cap)
{
    const struct loaded_file *l = m->from;
    const struct state_header *h = state_head(&l->view);
    char age[64];
    uint64_t now = now_mono_ns();
    if (l->by_kernel) {
        uint64_t n;
        pid_t parent = shares_with(l->pid, &n);
        if (parent) {
            snprintf(
                line, cap,
                "it was forked by %d and has called on no socket since, so it has no state file; `sockleak report %d` knows the stacks "
                "of %llu socket%s that both hold; judged by the kernel's tables",
                (int)parent, (int)parent, (unsigned long long)n, n == 1 ? "" : "s");
            return;
        }
        snprintf(line, cap,
                 "it has no state file, so no stack is known (no call of it came by the agent yet, or its table is in memory: then its log "
                 "says why); judged by the kernel's tables");
        return;
    }
    char dormant[96];
    /* it has looked: so it was awake once */
    snprintf(dormant, sizeof dormant, "it %s dormant and records nothing (sockleak attach %u wakes it)",
             load_relaxed64(&h->looks) ? "was detached, is" : "is", m->report.pid);
    const char *what = l->life == LIFE_STOPPED         ? "it is stopped"
                       : !atomic_load(&h->enabled)     ? dormant
                       : !atomic_load(&h->watcher_tid) ? "it has no watcher (interval=0)"
                       : !load_can_write(l)            ? "its file may not be written, so it cannot be asked for a fresh look"
                       : l->asked                      ? "it did not answer in time (does it hang?)"
                                                       : NULL;
    if (l->answered || !what)
        return;
    const char *source = m->checked ? "; judged by the kernel's tables" : "; not confirmed by the kernel";
    if (m->looked_ns && now >= m->looked_ns)
        snprintf(line, cap, "%s; its last look is %s old%s", what, age_words(age, sizeof age, now - m->looked_ns), source);
    else
        snprintf(line, cap, "%s; it has not looked yet%s", what, source);
}

/* Behind what LINE says. */
static void describe_keeps(const struct model *m, char *line, size_t cap)
{
    size_t len = strlen(line);
    if (m->keeps)
        snprintf(line + len, cap - len,
                 "%sit keeps %llu connection%s open that process %u has closed, and does not use %s: sockleak report %u", len ? "; " : "",
                 (unsigned long long)m->keeps, m->keeps == 1 ? "" : "s", m->keeps_of, m->keeps == 1 ? "it" : "them", m->keeps_of);
}

static void describe_status(uint32_t status, char *how, size_t cap)
{
    if ((int32_t)status == STATE_STATUS_UNKNOWN)
        snprintf(how, cap, "exited");
    else
        snprintf(how, cap, "exited with status %u", status);
}

static void describe_end(const struct model *m, char *how, size_t cap)
{
    const struct loaded_file *l = m->from;
    switch (l->life) {
    case LIFE_EXITED:
        describe_status(atomic_load(&state_head(&l->view)->exit_status), how, cap);
        break;
    case LIFE_EXECED:
        snprintf(how, cap, "went on as another program (exec)");
        break;
    case LIFE_ABORTED:
        snprintf(how, cap, "aborted");
        break;
    case LIFE_ELSEWHERE:
        snprintf(how, cap, "recorded on another machine or before its last boot, no exit seen");
        break;
    default:
        if (m->signal)
            snprintf(how, cap, "ended by signal %d (%s)", m->signal, strsignal(m->signal));
        else
            snprintf(how, cap, "ended without an exit (killed?)");
    }
}

void model_circumstances(const struct model *m, char *line, size_t cap)
{
    const struct loaded_file *l = m->from;
    char age[64], how[80];
    line[0] = 0;
    if (!l)
        return;
    if (load_is_live(l)) {
        describe_live(m, line, cap);
        describe_keeps(m, line, cap);
        return;
    }
    describe_end(m, how, sizeof how);
    uint64_t now_real = now_real_ns(), looked_real = m->looked_ns ? load_to_real(l, m->looked_ns) : 0;
    if (!looked_real)
        snprintf(line, cap, "%s; it was never looked at: only what the program was told is known", how);
    else
        snprintf(line, cap, "%s; last look %s ago", how, age_words(age, sizeof age, now_real > looked_real ? now_real - looked_real : 0));
}
