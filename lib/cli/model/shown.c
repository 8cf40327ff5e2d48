/* SPDX-License-Identifier: MIT */
/*
 * shown.c: what the kernel shows of sockets of which the agent knows nothing, in words.
 *
 * Called by report and by render/formats.c, for processes that are dormant, detached or have no
 * agent.
 */
#include "shown.h"

#include "../state/load_kernel.h"
#include "model.h"

const char *shown_kind(enum kind kind)
{
    static const char *const words[KIND_COUNT] = {
        [KIND_CLOSE_WAIT] = "in CLOSE_WAIT",
        [KIND_FIN_WAIT_2] = "in FIN_WAIT_2",
        [KIND_DEAD] = "dead",
        [KIND_NEVER_CONNECTED] = "never connected",
        [KIND_HANGUP] = "hung up",
        [KIND_OPEN] = "open",
        [KIND_HELD_BY_CHILD] = "held by a child",
        [KIND_USE_AFTER_CLOSE] = "used after close",
    };
    return words[kind];
}

bool shown_kinds(struct out *o, const uint64_t by_kind[KIND_COUNT])
{
    bool any = false;
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        if (k == KIND_OPEN || !by_kind[k])
            continue;
        out_fmt(o, "%s%llu %s", any ? ", " : "", (unsigned long long)by_kind[k], shown_kind((enum kind)k));
        any = true;
    }
    return any;
}

/* Of N sockets, of which UNTOLD are of a sort whose state it does not tell. */
static void put_shown(struct out *o, const uint64_t by_kind[KIND_COUNT], uint64_t n, uint64_t untold)
{
    out_str(o, "the kernel shows ");
    if (shown_kinds(o, by_kind))
        out_fmt(o, " (of %llu socket%s)", (unsigned long long)n, n == 1 ? "" : "s");
    else
        out_fmt(o, "%llu socket%s, none %sstuck", (unsigned long long)n, n == 1 ? "" : "s", untold ? "known to be " : "");
}

void shown_unrecorded(struct out *o, const struct model *m)
{
    unsigned long long n = m->unrecorded;
    unsigned pid = m->report.pid;
    if (!n)
        return;
    if (m->tracked)
        out_fmt(o, "%llu socket%s not in its records: ", n, n == 1 ? " is" : "s are");
    else
        out_str(o, "it knows no socket yet; ");
    put_shown(o, m->unrecorded_by_kind, n, m->unrecorded_untold);
    if (!atomic_load(&state_head(&m->from->view)->enabled))
        out_fmt(o, ": `sockleak attach %u` starts recording, `sockleak scan %u` lists them by peer", pid, pid);
    else
        out_fmt(o, ": `sockleak scan %u` lists them by peer", pid);
}

bool shown_of_process(struct out *o, pid_t pid)
{
    struct loaded_file l = {0};
    size_t n = 0;
    if (load_kernel(&l, pid, &n))
        return false;
    if (!n) {
        out_str(o, "it holds no socket now");
        return true;
    }
    struct symbolizer *sym = symbolizer_new(&(struct symbolize_options){.names = false});
    struct model m;
    model_build(
        &m, &l, sym,
        &(struct model_options){.kinds = KINDS_DEFAULT, .min_age_set = true, .reason = -1, .no_watched = true, .no_handlers = true});
    put_shown(o, m.report.by_kind, n, m.unjudged + !m.checked);
    model_free(&m);
    symbolizer_free(sym);
    load_free(&l);
    return true;
}
