/* SPDX-License-Identifier: MIT */
/*
 * redact.c: walks over a report, and puts what may be sent in the place of each string.
 *
 * Called by report before it is written in whatever format, so that no format can forget one.
 */
#include "redact.h"

#include <string.h>

const struct frame *redact_frames(struct redaction *r, const struct frame *frames, size_t n)
{
    if (!frames)
        return NULL;
    struct frame *copy = arena_array(&r->arena, n, sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        copy[i] = frames[i];
        copy[i].module = redact_path(r, frames[i].module);
        copy[i].file = redact_path(r, frames[i].file);
        copy[i].generated_file = redact_path(r, frames[i].generated_file);
        copy[i].source = NULL; /* the text of a line may hold anything */
    }
    return copy;
}

static const struct state_holder *redact_holders(struct redaction *r, const struct finding *f)
{
    struct state_holder *copy = arena_array(&r->arena, f->n_holders, sizeof *copy);
    for (unsigned i = 0; i < f->n_holders; i++) {
        char exe[sizeof copy->exe + 1] = {0};
        copy[i] = f->holder[i];
        memcpy(exe, copy[i].exe, sizeof copy->exe);
        const char *kept = redact_program(exe);
        memset(copy[i].exe, 0, sizeof copy[i].exe);
        memcpy(copy[i].exe, kept, strlen(kept));
    }
    return copy;
}

static void redact_finding(struct redaction *r, struct finding *f)
{
    f->local = redact_address(r, f->local);
    f->peer = redact_address(r, f->peer);
    f->asked = redact_address(r, f->asked);
    if (f->holder)
        f->holder = redact_holders(r, f);
}

static const struct finding *redact_findings(struct redaction *r, const struct finding *findings, size_t n)
{
    if (!findings)
        return NULL;
    struct finding *copy = arena_array(&r->arena, n, sizeof *copy);
    for (size_t i = 0; i < n; i++) {
        copy[i] = findings[i];
        redact_finding(r, &copy[i]);
    }
    return copy;
}

static void redact_told(struct redaction *r, struct told *t)
{
    t->frames = redact_frames(r, t->frames, t->n_frames);
    t->whole = redact_frames(r, t->whole, t->n_whole);
}

static const struct told *redact_handlers(struct redaction *r, const struct group *g)
{
    struct told *copy = arena_array(&r->arena, g->n_handlers, sizeof *copy);
    for (size_t i = 0; i < g->n_handlers; i++) {
        copy[i] = g->handlers[i];
        redact_told(r, &copy[i]);
    }
    return copy;
}

static void redact_group(struct redaction *r, struct group *g)
{
    /* the peers first: theirs are the numbers that a reader meets at the beginning */
    g->findings = redact_findings(r, g->findings, g->n_findings);
    g->ports_peer = redact_address(r, g->ports_peer);
    g->frames = redact_frames(r, g->frames, g->n_frames);
    g->whole = redact_frames(r, g->whole, g->n_whole);
    for (unsigned i = 0; i < g->n_told; i++)
        redact_told(r, &g->told[i]);
    if (g->handlers)
        g->handlers = redact_handlers(r, g);
}

void redact_model(struct redaction *r, struct model *m)
{
    struct report *report = &m->report;
    report->host = "";
    report->exe = redact_path(r, report->exe);
    for (size_t i = 0; i < report->n_groups; i++)
        redact_group(r, &report->groups[i]);
}
