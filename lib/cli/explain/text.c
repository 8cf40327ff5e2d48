/* SPDX-License-Identifier: MIT */
/*
 * text.c: the life of a site's sockets, or of one, as text.
 *
 * Called by explain.c. Only reads the story.
 */
#include <string.h>

#include "../../core/advice.h"
#include "../../core/asked.h"
#include "../../core/finding.h"
#include "../../core/group_told.h"
#include "../../core/own_frames.h"
#include "../../core/program_frame.h"
#include "../../core/text_life.h"
#include "../../core/textstack.h"
#include "../model/circumstances.h"
#include "story.h"

#define FEW_FRAMES 4u
#define FEW_SOCKETS 8u
#define TIME_COLUMN 12u

/* ---- times ----------------------------------------------------------------------------------- */

/* "0", "412 us", "512.3 ms", "3.204 s", "17 min" */
static void put_time(struct out *o, uint64_t ns)
{
    unsigned us = (unsigned)(ns < 1000000000000u ? ns / 1000u : 0);
    if (ns < 1000u)
        out_char(o, '0');
    else if (ns < 1000000u)
        out_fmt(o, "%u us", us);
    else if (ns < 1000000000u)
        out_fmt(o, "%u.%u ms", us / 1000u, us / 100u % 10u);
    else if (ns < 1000000000000u)
        out_fmt(o, "%u.%03u s", us / 1000000u, us / 1000u % 1000u);
    else
        out_duration(o, ns / 1000000000u);
}

/* The column in front of an event: how long after the opening; LEAST above MOST: nothing. */
static void put_when(struct out *o, uint64_t least, uint64_t most)
{
    size_t from = o->len;
    out_str(o, "  ");
    if (least <= most) {
        out_str(o, least < 1000u ? "" : "+");
        put_time(o, least);
    }
    if (least < most) {
        out_str(o, " to +");
        put_time(o, most);
    }
    out_pad(o, from, TIME_COLUMN);
    out_str(o, "  ");
}

/* ---- stacks ---------------------------------------------------------------------------------- */

/* The first frames, until the one that stands for the program is among them; all of them if FULL. */
static void put_stack(struct out *o, const struct story *s, const struct frame *frames, size_t n)
{
    struct text_columns c = {0};
    size_t shown = n < FEW_FRAMES ? n : FEW_FRAMES;
    const struct frame *own = program_frame_first(frames, n);
    if (own && (size_t)(own - frames) >= shown)
        shown = (size_t)(own - frames) + 1;
    for (size_t i = 1; i < shown; i++) /* what calls main */
        if (frames[i].module && own_frames_is_inner_object(frames[i].module))
            shown = i;
    if (s->full)
        shown = n;
    text_measure(&c, frames, shown);
    text_stack(o, &c, frames, shown, NULL);
    if (shown < n)
        out_fmt(o, "    ... %zu more frame%s\n", n - shown, text_plural(n - shown));
}

/* ---- the life -------------------------------------------------------------------------------- */

static void put_opened(struct out *o, const struct story *s, const struct group *g)
{
    if (!g->n_frames)
        return;
    put_when(o, 0, 0);
    text_opened(o, g);
    out_char(o, '\n');
    put_stack(o, s, g->frames, g->n_frames);
}

/* Those of G's entries that are of its own sockets, or of its siblings. */
static void put_events(struct out *o, const struct story *s, const struct group *g, bool siblings)
{
    for (unsigned i = 0; i < g->n_told; i++) {
        uint64_t least = 1, most = 0;
        if ((g->told[i].event == EVENT_SIBLINGS) != siblings || group_told_is_within(g, i))
            continue;
        if (!story_times(s, g, &g->told[i], &least, &most)) {
            least = 1;
            most = 0;
        }
        if (siblings)
            out_str(o, "  ");
        else
            put_when(o, least, most);
        text_told(o, g, i);
        out_char(o, '\n');
        if (!group_told_like(g, i))
            put_stack(o, s, g->told[i].frames, g->told[i].n_frames);
    }
}

static const char *state_of(const struct finding *f)
{
    const char *state = finding_state(f);
    return *state ? state : kind_name(f->kind);
}

/* Since when no byte has moved on them; false: it is not known, or they are open. */
static bool since_when(const struct group *g, uint64_t *least, uint64_t *most)
{
    for (size_t i = 0; i < g->n_findings; i++) {
        const struct finding *f = &g->findings[i];
        uint64_t after = f->since_ns > f->opened_ns ? f->since_ns - f->opened_ns : 0;
        if (f->adopted)
            return false;
        *least = i && *least < after ? *least : after;
        *most = i && *most > after ? *most : after;
    }
    return g->n_findings && g->kind != KIND_OPEN && g->kind != KIND_USE_AFTER_CLOSE;
}

static void put_since(struct out *o, const struct group *g)
{
    uint64_t least, most;
    if (!since_when(g, &least, &most))
        return;
    put_when(o, least, most);
    out_fmt(o, "no byte has moved since then; %s now\n", state_of(&g->findings[0]));
}

/* No byte has moved since before the first event whose time is known. */
static bool was_quiet_before(const struct story *s, const struct group *g)
{
    uint64_t since, until, least, most, first = UINT64_MAX;
    for (unsigned i = 0; i < g->n_told; i++)
        if (story_times(s, g, &g->told[i], &least, &most) && least < first)
            first = least;
    return since_when(g, &since, &until) && until < first && first != UINT64_MAX;
}

/* ---- the sockets ----------------------------------------------------------------------------- */

/* The threads that used it last, where they are not the one that opened it. */
static void put_users(struct out *o, const struct finding *f)
{
    uint32_t receive = f->receive_tid != f->tid ? f->receive_tid : 0, send = f->send_tid != f->tid ? f->send_tid : 0;
    if (receive && receive == send)
        out_fmt(o, ", used last by thread %u", receive);
    else if (receive)
        out_fmt(o, ", received from last by thread %u", receive);
    if (send && receive != send)
        out_fmt(o, ", sent to last by thread %u", send);
}

static void put_socket(struct out *o, const struct story *s, const struct finding *f)
{
    const struct report *r = &s->model->report;
    uint64_t told = story_told_ns(s, f), now = r->now_ns;
    out_fmt(o, "  fd %d", f->fd);
    if (f->local && *f->local) {
        out_str(o, "  ");
        text_clean(o, f->local);
    }
    if (f->peer && *f->peer) {
        out_str(o, " -> ");
        text_clean(o, f->peer);
    }
    out_fmt(o, "  %s", state_of(f));
    asked_text_socket(o, r, f);
    out_fmt(o, "\n    %s ", f->adopted ? "first seen" : "opened");
    out_rfc3339(o, load_to_real(s->from, f->opened_ns));
    if (f->tid)
        out_fmt(o, " by thread %u", f->tid);
    if (told) {
        out_fmt(o, ", saw %s +", f->told_eof ? "EOF" : "the error");
        put_time(o, told - f->opened_ns);
    }
    put_users(o, f);
    if (f->kind != KIND_OPEN && f->kind != KIND_USE_AFTER_CLOSE) {
        out_str(o, ", so for ");
        out_duration(o, (now > f->since_ns ? now - f->since_ns : 0) / 1000000000u);
    }
    out_char(o, '\n');
}

static void put_sockets(struct out *o, const struct story *s, const struct group *g)
{
    size_t shown = s->full || g->n_findings < FEW_SOCKETS ? g->n_findings : FEW_SOCKETS;
    for (size_t i = 0; i < shown; i++)
        put_socket(o, s, &g->findings[i]);
    if (g->count > shown)
        out_fmt(o, "  and %lu more\n", (unsigned long)(g->count - shown));
}

/* ---- opened meanwhile ------------------------------------------------------------------------ */

static void put_meanwhile(struct out *o, const struct story *s, const struct group *g, const struct story_meanwhile *m)
{
    for (unsigned i = 0; i < m->is.n; i++) {
        const struct meanwhile_site *site = &m->is.sites[i];
        const char *call = call_name(site->call);
        if (i == 0)
            out_fmt(o, "  between %s opening and %s the same thread opened, and left open:\n", g->count == 1 ? "its" : "their",
                    g->kind == KIND_OPEN ? "now" : "end");
        out_fmt(o, "  %lu socket%s", (unsigned long)site->sockets, text_plural(site->sockets));
        if (call)
            out_fmt(o, " by %s", call);
        out_str(o, ", site ");
        out_hex(o, site->siteid, 16);
        out_fmt(o, " (during %lu of %lu)\n", (unsigned long)site->served, (unsigned long)m->is.asked);
        put_stack(o, s, m->frames[i], m->n_frames[i]);
    }
}

/* ---- who holds the number -------------------------------------------------------------------- */

/* " (3 of 3)", with the numbers of which it is not true, and the others of the site. */
static void put_count(struct out *o, const struct holders *h, const struct search_object *is)
{
    unsigned others = h->n - h->n_stuck, of_others = is->count - is->count_stuck;
    if (!is->count_stuck) {
        out_fmt(o, " (%u of %u)", of_others, others);
        return;
    }
    out_fmt(o, " (%u of %u", is->count_stuck, h->n_stuck);
    for (unsigned i = 0, first = 1; i < h->n_stuck; i++)
        if (!(is->who >> i & 1)) {
            out_fmt(o, "%s%d", first ? ", not " : ", ", h->numbers[i]);
            first = 0;
        }
    if (others)
        out_fmt(o, "; %u of %u others of the site", of_others, others);
    out_char(o, ')');
}

static void put_object(struct out *o, const struct holders *h, const struct holders_object *object)
{
    bool block = object->is.chunk != 0;
    out_str(o, !object->n_names ? "by an object each" : block ? "by an object with " : "beside ");
    for (unsigned i = 0; i < object->n_names; i++) {
        out_str(o, i ? ", " : "");
        text_clean(o, object->names[i]);
    }
    put_count(o, h, &object->is);
    if (block)
        out_fmt(o, ": at +0x%lx of a chunk of %lu bytes", (unsigned long)object->is.offset, (unsigned long)object->is.chunk);
    else
        out_str(o, "; outside of glibc's heap, where an object that was freed may keep the number");
}

static void put_numbers(struct out *o, const struct holders *h)
{
    out_str(o, h->n_stuck == 1 ? "descriptor " : "descriptors ");
    for (unsigned i = 0; i < h->n_stuck; i++)
        out_fmt(o, "%s%d", i ? ", " : "", h->numbers[i]);
}

static void put_holders(struct out *o, const struct holders *h)
{
    if (!h->n && !h->why)
        return;
    if (h->verdict == HOLDERS_UNKNOWN) {
        out_fmt(o, "  not known who holds %s: %s\n", h->n_stuck == 1 ? "the number" : "the numbers", h->why);
        return;
    }
    for (unsigned i = 0; i < h->n_objects; i++) {
        bool others = !h->objects[i].is.count_stuck;
        out_str(o, others ? "  the others of the site are held " : i ? "  and " : "  held ");
        put_object(o, h, &h->objects[i]);
        out_char(o, '\n');
    }
    if (h->verdict == HOLDERS_FOUND)
        return;
    out_str(o, "  ");
    put_numbers(o, h);
    out_str(o, h->n_stuck == 1 ? " is" : " are");
    if (h->verdict == HOLDERS_OTHERS)
        out_str(o, " in no such object\n");
    else if (h->verdict == HOLDERS_LOST)
        out_fmt(o, " in no object: lost (%lu KiB of memory, read twice)\n", (unsigned long)(h->read >> 10));
    else
        out_fmt(o, " in no object; a register of its %zu thread%s may have one (%lu KiB of memory, read twice)\n", h->n_threads,
                text_plural(h->n_threads), (unsigned long)(h->read >> 10));
}

/* ---------------------------------------------------------------------------------------------- */

static void put_group(struct out *o, const struct story *s, size_t nth)
{
    const struct group *g = &s->model->report.groups[nth];
    out_fmt(o, "\n%lu socket%s, %s:\n", (unsigned long)g->count, text_plural(g->count), kind_name(g->kind));
    put_opened(o, s, g);
    bool early = was_quiet_before(s, g);
    if (early)
        put_since(o, g);
    put_events(o, s, g, false);
    if (!early)
        put_since(o, g);
    put_events(o, s, g, true);
    asked_text(o, &s->model->report, g);
    put_meanwhile(o, s, g, &s->meanwhile[nth]);
    put_holders(o, &s->holders[nth]);
    put_sockets(o, s, g);
    if (advice_of(o, "  fix: ", g))
        out_char(o, '\n');
}

static void put_title(struct out *o, const struct story *s)
{
    const struct report *r = &s->model->report;
    char circumstances[256];
    model_circumstances(s->model, circumstances, sizeof circumstances);
    out_fmt(o, "==%u==sockleak: ", r->pid);
    text_clean(o, r->exe);
    if (s->target->by_fd)
        out_fmt(o, ": descriptor %d", s->target->fd);
    if (s->siteid) {
        out_str(o, s->target->by_fd ? " of site " : ": site ");
        out_hex(o, s->siteid, 16);
        out_fmt(o, ": opened %lu, closed %lu, open %lu", (unsigned long)s->opened, (unsigned long)s->closed, (unsigned long)s->live);
    }
    out_fmt(o, "%s%s\n", circumstances[0] ? "; " : "", circumstances);
    if (!s->n_elsewhere)
        return;
    out_fmt(o, "==%u==sockleak: %zu other process%s this site too: ", r->pid, s->n_elsewhere, s->n_elsewhere == 1 ? " has" : "es have");
    for (size_t i = 0; i < s->n_elsewhere && i < sizeof s->elsewhere / sizeof *s->elsewhere; i++)
        out_fmt(o, "%s%u", i ? ", " : "", s->elsewhere[i]);
    out_str(o, s->n_elsewhere > sizeof s->elsewhere / sizeof *s->elsewhere ? " ...\n" : "\n");
}

void explain_text(struct out *o, const struct story *s)
{
    put_title(o, s);
    for (size_t i = 0; i < s->model->report.n_groups; i++)
        put_group(o, s, i);
    if (!s->closed_site)
        return;
    if (s->n_silent)
        out_fmt(o, "\n%zu socket%s of it not reported here: ignored, or inherited and not used:\n", s->n_silent,
                s->n_silent == 1 ? " is" : "s are");
    else
        out_str(o, "\nno socket of it is open:\n");
    put_opened(o, s, s->closed_site);
    put_events(o, s, s->closed_site, true);
}
