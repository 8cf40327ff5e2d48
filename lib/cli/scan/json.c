/* SPDX-License-Identifier: MIT */
/*
 * json.c: the rows as JSON Lines; the fields are documented in sockleak(1).
 *
 * Called by scan.
 */
#include "json.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "../../core/out.h"
#include "advice.h"
#include "rows.h"
#include "usage.h"

static bool to_stdout(struct out *o, size_t need)
{
    (void)need;
    fwrite(o->buf, 1, o->len, stdout);
    o->len = 0;
    return true;
}

static void put_count(struct out *o, const char *key, uint64_t n)
{
    out_fmt(o, ",\"%s\":", key);
    out_u64(o, n);
}

/* For what cannot be known: null. */
static void put_known(struct out *o, const char *key, uint64_t n, bool known)
{
    if (known)
        put_count(o, key, n);
    else
        out_fmt(o, ",\"%s\":null", key);
}

static void put_counts(struct out *o, const struct scan_count *c, bool never_known)
{
    put_count(o, "close_wait", c->close_wait);
    put_count(o, "close_wait_drained", c->drained);
    put_count(o, "close_wait_eof_read", c->drained); /* the name that it had first, which says too much */
    put_count(o, "fin_wait_2", c->fin_wait_2);
    put_count(o, "dead", c->dead);
    put_known(o, "never_connected", c->never, never_known);
    put_count(o, "hangup", c->hangup);
    put_count(o, "unread", c->unread);
}

static void put_row(struct out *o, const struct scan_view *v, const struct scan_row *r, uint64_t now)
{
    static const char *const directions[] = {"out", "in", "unix", "none"};
    const struct scan_process *p = &v->scan->processes[r->process];
    const struct scan_namespace *ns = &v->scan->namespaces[r->ns];
    char text[SOCKDIAG_ADDRESS];
    out_str(o, "{\"type\":\"stuck\",\"time\":\"");
    out_rfc3339(o, now);
    out_str(o, "\"");
    put_known(o, "pid", (uint64_t)p->pid, p->pid != 0);
    out_str(o, ",\"command\":");
    out_json_opt(o, p->pid ? p->comm : NULL);
    put_count(o, "uid", p->uid);
    put_known(o, "netns", p->netns, p->netns != 0);
    out_fmt(o, ",\"direction\":\"%s\",\"family\":\"%s\"", directions[r->direction],
            r->family == AF_INET    ? "inet"
            : r->family == AF_INET6 ? "inet6"
                                    : "unix");
    out_str(o, ",\"peer\":");
    switch (r->direction) {
    case SCAN_OUT:
    case SCAN_IN:
        out_json(o, sockdiag_address(text, r->family, r->peer, r->direction == SCAN_OUT ? r->port : 0));
        break;
    case SCAN_UNIX:
        out_json_opt(o, r->path);
        break;
    default:
        out_str(o, "null");
        break;
    }
    put_known(o, "local_port", r->port, r->direction == SCAN_IN);
    put_counts(o, &r->count, !r->fate_unclear);
    out_str(o, ",\"idle_s\":");
    if (r->idle_ms)
        out_seconds(o, (uint64_t)r->idle_ms * 1000000u);
    else
        out_str(o, "null");
    put_known(o, "fds", p->fds, p->pid != 0);
    put_known(o, "fd_limit", p->fd_limit, p->fd_limit != 0 && p->fd_limit != UINT64_MAX);
    put_known(o, "ports_used", r->ports, r->direction == SCAN_OUT);
    put_known(o, "ports_total", (uint64_t)ns->port_high - ns->port_low + 1, r->direction == SCAN_OUT && ns->port_low);
    if (v->before) {
        const struct scan_row *old = scan_row_before(v->before, v->rows_before, v->scan, r);
        out_str(o, ",\"change\":");
        out_i64(o, (int64_t)scan_count_stuck(&r->count) - (old ? (int64_t)scan_count_stuck(&old->count) : 0));
    } else {
        out_str(o, ",\"change\":null");
    }
    out_str(o, "}\n");
}

/* Of one process what waits for it; else all that clients have closed in the meantime. */
static void put_unaccepted(struct out *o, const struct scan_view *v)
{
    uint64_t waiting = 0, closed = 0;
    bool known = true;
    for (size_t i = 0; v->usage && i < v->usage->n_queues; i++) {
        waiting += v->usage->queues[i].waiting;
        closed += v->usage->queues[i].closed;
        known &= !v->usage->queues[i].shared;
    }
    put_known(o, "unaccepted", v->usage ? closed : v->rows->unaccepted, known);
    put_known(o, "waiting", waiting, v->usage != NULL);
}

static void put_use(struct out *o, const struct scan_use *use)
{
    out_str(o, "{\"kind\":");
    out_json(o, use->kind);
    out_str(o, ",\"state\":");
    out_json_opt(o, use->state);
    out_str(o, ",\"target\":");
    out_json_opt(o, use->target[0] ? use->target : NULL);
    put_count(o, "count", use->count);
    out_str(o, "}");
}

static void put_usage(struct out *o, const struct scan_view *v, uint64_t now)
{
    const struct scan_usage *u = v->usage;
    const struct scan_process *p = v->scan->processes;
    out_str(o, "{\"type\":\"usage\",\"time\":\"");
    out_rfc3339(o, now);
    out_str(o, "\"");
    put_count(o, "pid", (uint64_t)p->pid);
    out_str(o, ",\"command\":");
    out_json(o, p->comm);
    put_count(o, "fds", p->fds);
    put_known(o, "fd_limit", p->fd_limit, p->fd_limit != 0 && p->fd_limit != UINT64_MAX);
    put_count(o, "sockets", u->sockets);
    out_str(o, ",\"descriptors\":[");
    for (size_t i = 0; i < u->n_uses; i++) {
        out_str(o, i ? "," : "");
        put_use(o, &u->uses[i]);
    }
    out_str(o, "],\"ports\":[");
    for (size_t i = 0; i < u->n_ports; i++) {
        out_fmt(o, "%s{\"peer\":", i ? "," : "");
        out_json(o, u->ports[i].peer);
        put_count(o, "used", u->ports[i].used);
        put_count(o, "total", u->ports[i].total);
        out_str(o, "}");
    }
    out_str(o, "],\"queues\":[");
    for (size_t i = 0; i < u->n_queues; i++) {
        out_fmt(o, "%s{\"local_port\":%u,\"waiting\":%u", i ? "," : "", u->queues[i].port, u->queues[i].waiting);
        put_known(o, "may_wait", u->queues[i].backlog, u->queues[i].backlog != 0);
        put_known(o, "closed", u->queues[i].closed, !u->queues[i].shared);
        out_str(o, "}");
    }
    out_str(o, "],\"children\":[");
    for (size_t i = 0; i < v->scan->n_helpers; i++) {
        out_fmt(o, "%s{\"pid\":%d,\"command\":", i ? "," : "", (int)v->scan->helpers[i].pid);
        out_json(o, v->scan->helpers[i].comm);
        put_count(o, "stuck", v->scan->helpers[i].stuck);
        out_str(o, "}");
    }
    out_str(o, "]}\n");
}

void scan_print_json(const struct scan_view *v)
{
    char buf[4096], next[SCAN_ADVICE];
    struct out o = {.buf = buf, .cap = sizeof buf, .flush = to_stdout};
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    uint64_t read = 0, poor = 0;
    size_t n_short = 0;
    bool unclear = false;
    for (size_t i = 0; i < v->rows->n; i++) {
        put_row(&o, v, &v->rows->rows[i], now);
        unclear |= v->rows->rows[i].fate_unclear;
    }
    for (size_t i = 0; i < v->scan->n_namespaces; i++) {
        read += v->scan->namespaces[i].source == SCAN_DIAG;
        poor += v->scan->namespaces[i].source != SCAN_DIAG;
    }
    if (v->usage)
        put_usage(&o, v, now);
    out_str(&o, "{\"type\":\"scan\",\"time\":\"");
    out_rfc3339(&o, now);
    out_str(&o, "\"");
    put_counts(&o, &v->rows->total, !unclear);
    put_known(&o, "orphans_fin_wait_2", v->rows->orphans_fin_wait_2, v->pid == 0);
    put_unaccepted(&o, v);
    put_count(&o, "holders", v->rows->processes);
    put_count(&o, "processes", v->scan->scanned_processes);
    put_count(&o, "processes_unseen", v->scan->unseen_processes);
    if (!v->pid)
        scan_usage_shortest(v->scan, &n_short);
    put_known(&o, "short_of_descriptors", n_short, v->pid == 0);
    put_count(&o, "namespaces", read);
    put_count(&o, "namespaces_not_entered", poor);
    out_str(&o, ",\"next\":");
    out_json(&o, scan_advice(next, v));
    out_str(&o, "}\n");
    to_stdout(&o, 0);
}
