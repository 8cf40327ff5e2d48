/* SPDX-License-Identifier: MIT */
/*
 * json.c: the life of a site's sockets, or of one, as JSON Lines.
 *
 * Called by explain.c: a line of type "leak" for each group, as `report` writes it, and one of type
 * "explain" for what else is known of it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "../../core/json.h"
#include "story.h"

static void put_hex(struct out *o, const char *key, uint64_t v)
{
    out_fmt(o, ",\"%s\":", key);
    if (!v) {
        out_str(o, "null");
        return;
    }
    out_char(o, '"');
    out_hex(o, v, 16);
    out_char(o, '"');
}

static void put_seconds(struct out *o, const char *key, uint64_t ns)
{
    out_fmt(o, ",\"%s\":%lu.%06lu", key, (unsigned long)(ns / 1000000000u), (unsigned long)(ns / 1000u % 1000000u));
}

static void put_times(struct out *o, const struct story *s, const struct group *g)
{
    bool first = true;
    out_str(o, ",\"times\":[");
    for (unsigned i = 0; i < g->n_told; i++) {
        uint64_t least, most;
        if (!story_times(s, g, &g->told[i], &least, &most))
            continue;
        out_fmt(o, "%s{\"event\":", first ? "" : ",");
        out_json(o, event_name(g->told[i].event));
        put_seconds(o, "least_s", least);
        put_seconds(o, "most_s", most);
        out_char(o, '}');
        first = false;
    }
    out_char(o, ']');
}

static void put_meanwhile(struct out *o, const struct story_meanwhile *m)
{
    out_str(o, ",\"opened_meanwhile\":[");
    for (unsigned i = 0; i < m->is.n; i++) {
        const struct meanwhile_site *site = &m->is.sites[i];
        const struct frame *f = m->n_frames[i] ? &m->frames[i][0] : NULL;
        out_fmt(o, "%s{\"sockets\":%lu", i ? "," : "", (unsigned long)site->sockets);
        put_hex(o, "site", site->siteid);
        out_str(o, ",\"call\":");
        out_json_opt(o, call_name(site->call));
        out_fmt(o, ",\"during\":%lu,\"of\":%lu,\"function\":", (unsigned long)site->served, (unsigned long)m->is.asked);
        out_json_opt(o, f ? f->symbol : NULL);
        out_str(o, ",\"file\":");
        out_json_opt(o, f ? f->file : NULL);
        if (f && f->line)
            out_fmt(o, ",\"line\":%u}", f->line);
        else
            out_str(o, ",\"line\":null}");
    }
    out_char(o, ']');
}

static void put_object(struct out *o, const struct holders *h, const struct holders_object *object)
{
    bool first = true;
    out_str(o, "{\"names\":[");
    for (unsigned i = 0; i < object->n_names; i++) {
        out_str(o, i ? "," : "");
        out_json(o, object->names[i]);
    }
    out_str(o, "],\"fds\":[");
    for (unsigned i = 0; i < h->n; i++) {
        if (!(object->is.who >> i & 1))
            continue;
        out_fmt(o, "%s%d", first ? "" : ",", h->numbers[i]);
        first = false;
    }
    if (object->is.chunk)
        out_fmt(o, "],\"chunk\":%lu,\"offset\":%lu}", (unsigned long)object->is.chunk, (unsigned long)object->is.offset);
    else
        out_str(o, "],\"chunk\":null,\"offset\":null}");
}

static void put_holders(struct out *o, const struct holders *h)
{
    static const char *const verdicts[] = {"unknown", "held", "others_held", "nowhere", "lost"};
    out_str(o, ",\"held_by\":");
    if (!h->n && !h->why) {
        out_str(o, "null");
        return;
    }
    out_str(o, "{\"verdict\":");
    out_json(o, verdicts[h->verdict]);
    out_str(o, ",\"why\":");
    out_json_opt(o, h->why);
    out_str(o, ",\"fds\":[");
    for (unsigned i = 0; i < h->n_stuck; i++)
        out_fmt(o, "%s%d", i ? "," : "", h->numbers[i]);
    out_str(o, "],\"objects\":[");
    for (unsigned i = 0; i < h->n_objects; i++) {
        out_str(o, i ? "," : "");
        put_object(o, h, &h->objects[i]);
    }
    out_str(o, "]}");
}

void explain_json(struct out *o, const struct story *s)
{
    const struct report *r = &s->model->report;
    for (size_t i = 0; i < r->n_groups || (i == 0 && s->closed_site); i++) {
        const struct group *g = s->closed_site ? s->closed_site : &r->groups[i];
        if (!s->closed_site)
            json_group(o, r, g);
        out_fmt(o, "{\"type\":\"explain\",\"pid\":%u", r->pid);
        put_hex(o, "site", s->siteid);
        if (s->target->by_fd)
            out_fmt(o, ",\"fd\":%d", s->target->fd);
        else
            out_str(o, ",\"fd\":null");
        out_str(o, ",\"kind\":");
        out_json_opt(o, s->closed_site ? NULL : kind_name(g->kind));
        out_fmt(o, ",\"opened\":%lu,\"closed\":%lu,\"live\":%lu", (unsigned long)s->opened, (unsigned long)s->closed,
                (unsigned long)s->live);
        if (!s->closed_site) {
            put_times(o, s, g);
            put_meanwhile(o, &s->meanwhile[i]);
            put_holders(o, &s->holders[i]);
        }
        out_str(o, "}\n");
    }
}
