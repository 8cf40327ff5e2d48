/* SPDX-License-Identifier: MIT */
/*
 * html_forecast.c: what runs out, and when, at the head of the page.
 *
 * Called by html.c.
 */
#include "html_forecast.h"

#include "../../core/textstack.h"
#include "html_text.h"
#include "place.h"

void html_program(struct out *o, const struct report *r)
{
    html_text(o, text_base_name(r->exe));
    out_fmt(o, " (%u)", r->pid);
}

static void put_when(struct out *o, bool reached, uint64_t in_s)
{
    out_str(o, "<strong>");
    if (reached)
        out_str(o, "now");
    else
        out_str(o, "in ");
    if (!reached)
        out_duration(o, in_s);
    out_str(o, "</strong>");
}

static bool is_sooner(bool reached, uint64_t in_s, bool best_reached, uint64_t best_s)
{
    return (reached && !best_reached) || (!best_reached && in_s && (!best_s || in_s < best_s));
}

/* The group of the process by which its descriptors (PORTS: the local ports towards a peer) are used up first. */
static const struct group *soonest(const struct report *r, bool ports)
{
    const struct group *best = NULL;
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        bool reached = ports ? g->ports_reached : g->fd_limit_reached;
        uint64_t in_s = ports ? g->ports_in_s : g->fd_limit_in_s;
        if (is_sooner(reached, in_s, best && (ports ? best->ports_reached : best->fd_limit_reached),
                      !best   ? 0
                      : ports ? best->ports_in_s
                              : best->fd_limit_in_s))
            best = g;
    }
    return best;
}

static void put_one(struct out *o, const struct report *r, const struct group *g, bool ports, const char **before)
{
    struct arena arena = {0};
    struct place at = place_of(&arena, g->frames, g->n_frames);
    out_str(o, *before);
    *before = "";
    out_str(o, "<li>");
    html_program(o, r);
    if (ports) {
        out_fmt(o, ": the %llu local ports towards ", (unsigned long long)g->ports);
        html_text(o, g->ports_peer && *g->ports_peer ? g->ports_peer : "its peer");
    } else {
        out_fmt(o, ": the limit of %llu descriptors", (unsigned long long)g->fd_limit);
    }
    out_str(o, ports ? " are used up " : " is reached ");
    put_when(o, ports ? g->ports_reached : g->fd_limit_reached, ports ? g->ports_in_s : g->fd_limit_in_s);
    if (at.function[0]) {
        out_str(o, ", at the rate of <code class=\"name\">");
        html_text(o, at.function);
        out_str(o, "</code>");
    }
    arena_free(&arena);
}

void html_forecast(struct out *o, const struct model *models, size_t n)
{
    const char *before = "<ul class=\"forecast\">";
    for (size_t i = 0; i < n; i++) {
        const struct report *r = &models[i].report;
        for (unsigned ports = 0; ports < 2; ports++) {
            const struct group *g = soonest(r, ports);
            if (g)
                put_one(o, r, g, ports, &before);
        }
    }
    if (!*before)
        out_str(o, "</ul>");
}
