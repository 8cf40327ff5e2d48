/* SPDX-License-Identifier: MIT */
/*
 * exhaustion.c: what the failure of a call says of a resource, and the beginning of the report on
 * who holds it.
 *
 * Called by wrappers, for the first part, and by whoever renders a report.
 */
#include "exhaustion.h"

#include <errno.h>
#include <string.h>

#include "asked.h"
#include "group.h"
#include "json_put.h"
#include "kinds.h"
#include "sort.h"
#include "textstack.h"

enum exhaustion_resource exhaustion_of(unsigned call, int error)
{
    if (error == EMFILE)
        return EXHAUSTION_DESCRIPTORS;
    if (error == ENFILE)
        return EXHAUSTION_MACHINE;
    if (call == CALL_SOCKET && (error == ENOBUFS || error == ENOMEM))
        return EXHAUSTION_MEMORY;
    if (call == CALL_CONNECT && error == EADDRNOTAVAIL)
        return EXHAUSTION_PORTS;
    /* Linux gives EADDRINUSE for port 0 when none is left, though bind(2) does not say so */
    if (call == CALL_BIND && (error == EADDRINUSE || error == EADDRNOTAVAIL))
        return EXHAUSTION_PORTS;
    return EXHAUSTION_NONE;
}

uint64_t exhaustion_threshold(const struct options *o, uint64_t limit)
{
    if (!o->threshold_is_share || !o->threshold)
        return o->threshold;
    return limit / 100 * o->threshold + (limit % 100 * o->threshold + 99) / 100;
}

/* ---- text ------------------------------------------------------------------------------------ */

static uint64_t sockets_of(const struct exhaustion *e) { return e->holdings ? e->holdings->sockets : 0; }

/* "1019 are sockets", "1 is a socket" */
static void put_sockets(struct out *o, const struct exhaustion *e)
{
    uint64_t n = sockets_of(e);
    out_fmt(o, n == 1 ? "%lu is a socket" : "%lu are sockets", (unsigned long)n);
}

static void put_descriptors(struct out *o, const struct exhaustion *e)
{
    out_str(o, "no descriptor left");
    if (e->from)
        out_fmt(o, " from %lu on", (unsigned long)e->from);
    out_fmt(o, " (limit %lu", (unsigned long)e->limit);
    if (e->holdings) {
        out_str(o, ", ");
        put_sockets(o, e);
    }
    out_char(o, ')');
}

static void put_machine(struct out *o, const struct exhaustion *e)
{
    out_str(o, "no descriptor left on the whole machine (");
    if (e->limit)
        out_fmt(o, "limit %lu, ", (unsigned long)e->limit);
    if (e->holdings) {
        out_fmt(o, "%lu here, ", (unsigned long)e->holdings->descriptors);
        put_sockets(o, e);
    } else {
        out_str(o, "ENFILE");
    }
    out_char(o, ')');
}

static void put_memory(struct out *o, const struct exhaustion *e)
{
    const char *name = errno_name(e->error);
    out_fmt(o, "no memory left for sockets (%s", name ? name : "refused");
    if (e->holdings)
        out_fmt(o, ", %lu socket%s here", (unsigned long)sockets_of(e), text_plural(sockets_of(e)));
    out_char(o, ')');
}

static void put_ports(struct out *o, const struct exhaustion *e)
{
    out_str(o, "no local port left");
    if (e->peer) {
        out_str(o, " towards ");
        text_clean(o, e->peer);
    }
    out_fmt(o, " (%lu of %lu used)", (unsigned long)e->used, (unsigned long)e->limit);
}

static void put_what(struct out *o, const struct report *r)
{
    const struct exhaustion *e = r->exhaustion;
    const char *call = call_name(e->call);
    out_fmt(o, "==%u==%s: sockleak: ", r->pid, e->error ? "ERROR" : "WARNING");
    if (!e->error) {
        out_fmt(o, "%lu of %lu descriptors are in use (threshold)", (unsigned long)e->used, (unsigned long)e->limit);
        if (e->holdings) {
            out_str(o, ", ");
            put_sockets(o, e);
        }
        return;
    }
    out_fmt(o, "%s failed: ", call ? call : "a call");
    if (e->resource == EXHAUSTION_PORTS)
        put_ports(o, e);
    else if (e->resource == EXHAUSTION_MEMORY)
        put_memory(o, e);
    else if (e->resource == EXHAUSTION_MACHINE)
        put_machine(o, e);
    else
        put_descriptors(o, e);
    if (e->failed_ago_s) {
        out_char(o, ' ');
        out_duration(o, e->failed_ago_s);
        out_str(o, " ago");
    }
}

static void put_targets(struct out *o, const struct holdings *h, unsigned kind)
{
    uint64_t told = 0;
    unsigned shown = 0;
    for (unsigned i = 0; i < h->n_targets && shown < HOLDING_SHOWN; i++) {
        const struct holding_target *t = &h->targets[i];
        if (t->kind != kind)
            continue;
        out_str(o, shown++ ? ", " : " (");
        if (t->count > 1)
            out_fmt(o, "%lu of ", (unsigned long)t->count);
        text_clean(o, t->path);
        told += t->count;
    }
    if (shown && told < h->kinds[kind].count)
        out_fmt(o, " and %lu more", (unsigned long)(h->kinds[kind].count - told));
    if (shown)
        out_char(o, ')');
}

static void put_others(struct out *o, const struct holdings *h)
{
    uint64_t n = h->descriptors - h->sockets;
    if (!n)
        return;
    out_fmt(o, n == 1 ? "  %lu descriptor is no socket: " : "  %lu descriptors are no sockets: ", (unsigned long)n);
    for (unsigned k = 0; k < h->n_kinds; k++) {
        out_fmt(o, "%s%lu ", k ? ", " : "", (unsigned long)h->kinds[k].count);
        text_clean(o, h->kinds[k].name);
        put_targets(o, h, k);
    }
    out_char(o, '\n');
}

static void put_port_holders(struct out *o, const struct exhaustion *e)
{
    uint64_t others = e->used > e->own + e->waiting ? e->used - e->own - e->waiting : 0;
    out_fmt(o, "  of these ports %lu by this process, %lu by others", (unsigned long)e->own, (unsigned long)others);
    if (e->waiting)
        out_fmt(o, ", %lu in TIME_WAIT (closed; the kernel keeps each for a minute)", (unsigned long)e->waiting);
    out_char(o, '\n');
}

void exhaustion_text(struct out *o, const struct report *r)
{
    const struct exhaustion *e = r->exhaustion;
    if (r->color)
        out_str(o, "\033[1;31m");
    put_what(o, r);
    out_str(o, ". Who holds them:");
    out_str(o, r->color ? "\033[0m\n" : "\n");
    if (e->resource == EXHAUSTION_PORTS)
        put_port_holders(o, e);
    else if (e->holdings)
        put_others(o, e->holdings);
}

void exhaustion_text_again(struct out *o, const struct report *r, uint64_t seconds)
{
    put_what(o, r);
    out_str(o, "; who holds them was reported ");
    out_duration(o, seconds);
    out_str(o, " ago\n");
}

void exhaustion_text_group(struct out *o, const struct report *r, const struct group *g)
{
    uint64_t least = UINT64_MAX, most = 0, known = 0, s;
    for (size_t i = 0; i < g->n_findings; i++) {
        if (!asked_idle_s(r, &g->findings[i], &s))
            continue;
        known++;
        least = s < least ? s : least;
        most = s > most ? s : most;
    }
    bool has_site = g->siteid && !g->of_eof;
    if (has_site)
        out_fmt(o, g->live == 1 ? "  %lu of this site is open" : "  %lu of this site are open", (unsigned long)g->live);
    if (!known) {
        out_str(o, has_site ? "\n" : "");
        return;
    }
    out_str(o, has_site ? "; idle for " : "  idle for ");
    out_duration(o, least);
    if (most != least) {
        out_str(o, " to ");
        out_duration(o, most);
    }
    if (known < g->count)
        out_fmt(o, " (%lu of %lu; of the others it is not known)", (unsigned long)known, (unsigned long)g->count);
    out_char(o, '\n');
}

static int by_live(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    /* those without a stack are no site: the number that they share is of all of them */
    uint64_t x = a->siteid ? a->live : a->count, y = b->siteid ? b->live : b->count;
    if (x != y)
        return x > y ? -1 : 1;
    if (a->siteid != b->siteid)
        return a->siteid < b->siteid ? -1 : 1;
    return group_compare(a, b);
}

void exhaustion_sort(struct report *r) { heap_sort(r->groups, r->n_groups, sizeof *r->groups, by_live); }

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_json_others(struct out *o, const struct holdings *h)
{
    json_put_key(o, "others");
    if (!h) {
        out_str(o, "null");
        return;
    }
    out_char(o, '[');
    for (unsigned k = 0; k < h->n_kinds; k++) {
        const char *before = "";
        out_str(o, k ? ",{\"kind\":" : "{\"kind\":");
        out_json(o, h->kinds[k].name);
        json_put_u64(o, "count", h->kinds[k].count);
        json_put_key(o, "targets");
        out_char(o, '[');
        for (unsigned i = 0; i < h->n_targets; i++) {
            if (h->targets[i].kind != k)
                continue;
            out_fmt(o, "%s{\"path\":", before);
            out_json(o, h->targets[i].path);
            json_put_u64(o, "count", h->targets[i].count);
            out_char(o, '}');
            before = ",";
        }
        out_str(o, "]}");
    }
    out_char(o, ']');
}

void exhaustion_json(struct out *o, const struct report *r)
{
    static const char *const names[] = {NULL, "descriptors", "descriptors", "ports", "memory"};
    const struct exhaustion *e = r->exhaustion;
    out_str(o, "{\"type\":\"exhausted\",\"time\":\"");
    out_rfc3339(o, r->now_real_ns);
    out_char(o, '"');
    json_put_u64(o, "pid", r->pid);
    json_put_string(o, "call", call_name(e->call));
    json_put_error(o, "errno", e->error);
    json_put_string(o, "resource", names[e->resource]);
    json_put_u64_opt(o, "limit", e->limit);
    json_put_u64_opt(o, "used", e->used);
    json_put_key(o, "sockets");
    if (e->holdings)
        out_u64(o, e->holdings->sockets);
    else
        out_str(o, "null");
    json_put_string(o, "peer", e->peer);
    json_put_string(o, "host", r->host);
    json_put_string(o, "exe", r->exe);
    json_put_bool(o, "machine", e->resource == EXHAUSTION_MACHINE);
    if (e->resource == EXHAUSTION_PORTS) {
        json_put_u64(o, "own", e->own);
        json_put_u64(o, "time_wait", e->waiting);
    }
    put_json_others(o, e->holdings);
    out_str(o, "}\n");
}
