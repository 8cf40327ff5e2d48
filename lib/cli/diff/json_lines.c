/* SPDX-License-Identifier: MIT */
/*
 * json_lines.c: a report in JSON Lines, line by line.
 *
 * Called by load.c. JSON is read by jansson, if the command was built with it. Every member that is
 * used is checked: a report with one that is missing or of another type was damaged, or written by
 * another version, and is not guessed at.
 */
#include "json_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SOCKLEAK_WITHOUT_JANSSON

#include <jansson.h>

#include "../../core/textstack.h"
#include "../base/cli.h"

#define MAX_COUNT (1ull << 48) /* sums of such numbers do not overflow */

/* What the last lines have told of a group. */
struct json_group {
    const char *variant;
    unsigned kind;
    struct diff_site site;
};

struct json_process {
    const char *host, *exe;
    uint64_t pid;
    const char *complete; /* the time of its newest report that lists all */
    struct json_group *groups;
    size_t n, cap;
};

__attribute__((format(printf, 2, 3))) static const char *bad(struct json_lines *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    return r->why;
}

static const char *bad_member(struct json_lines *r, const char *key, const char *what)
{
    return bad(r, "\"%s\" is not %s: damaged, or not written by this version of sockleak", key, what);
}

/* ---- members: NULL, or what is wrong with them --------------------------------------------------- */

static const char *take_count(struct json_lines *r, const json_t *object, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > MAX_COUNT)
        return bad_member(r, key, "a count");
    *out = (uint64_t)json_integer_value(v);
    return NULL;
}

/* A number that may be null or missing: 0. */
static const char *take_number_opt(struct json_lines *r, const json_t *object, const char *key, uint32_t *out)
{
    const json_t *v = json_object_get(object, key);
    *out = 0;
    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
        return bad_member(r, key, "a number");
    *out = (uint32_t)json_integer_value(v);
    return NULL;
}

/* A string that may be null or missing: NULL. */
static const char *take_string_opt(struct json_lines *r, const json_t *object, const char *key, const char **out)
{
    const json_t *v = json_object_get(object, key);
    *out = NULL;
    if (!v || json_is_null(v))
        return NULL;
    if (!json_is_string(v))
        return bad_member(r, key, "a string");
    *out = arena_string(&r->side->arena, json_string_value(v));
    return NULL;
}

static const char *take_string(struct json_lines *r, const json_t *object, const char *key, const char **out)
{
    const char *why = take_string_opt(r, object, key, out);
    return why || *out ? why : bad_member(r, key, "a string");
}

/* The letters 0-9 and a-f alone, at most 16, behind PREFIX. */
static bool is_hex(const char *text, const char *prefix, size_t digits, uint64_t *out)
{
    size_t skip = strlen(prefix), n = strlen(text);
    *out = 0;
    if (strncmp(text, prefix, skip) != 0 || n == skip || n > skip + 16 || (digits && n != skip + digits))
        return false;
    for (const char *p = text + skip; *p; p++) {
        if (!strchr("0123456789abcdef", *p))
            return false;
        *out = *out << 4 | (unsigned)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    }
    return true;
}

static const char *take_site(struct json_lines *r, const json_t *object, uint64_t *id)
{
    const json_t *v = json_object_get(object, "site");
    *id = 0;
    if (json_is_null(v))
        return NULL;
    if (!json_is_string(v) || !is_hex(json_string_value(v), "", 16, id))
        return bad_member(r, "site", "16 hex digits or null");
    return NULL;
}

static const char *take_kind(struct json_lines *r, const json_t *object, unsigned *kind)
{
    const json_t *v = json_object_get(object, "kind");
    if (!json_is_string(v))
        return bad_member(r, "kind", "a string");
    *kind = kind_from_name(json_string_value(v), json_string_length(v));
    if (*kind >= KIND_COUNT)
        return bad(r, "a kind of leak that this version of sockleak does not know: '%.40s'", json_string_value(v));
    return NULL;
}

/* ---- stacks -------------------------------------------------------------------------------------- */

static unsigned runtime_number_of(const char *name)
{
    for (unsigned i = 0; i < RUNTIME_COUNT; i++)
        if (strcmp(runtime_name(i), name) == 0)
            return i;
    return RUNTIME_NATIVE;
}

static const char *take_frame(struct json_lines *r, const json_t *v, struct frame *f)
{
    const char *runtime, *offset, *pc, *why;
    if (!json_is_object(v))
        return bad_member(r, "frames", "a list of objects");
    *f = (struct frame){0};
    if ((why = take_string_opt(r, v, "module", &f->module)) || (why = take_string_opt(r, v, "build_id", &f->build_id)) ||
        (why = take_string_opt(r, v, "symbol", &f->symbol)) || (why = take_string_opt(r, v, "file", &f->file)) ||
        (why = take_string_opt(r, v, "runtime", &runtime)) || (why = take_string_opt(r, v, "offset", &offset)) ||
        (why = take_string_opt(r, v, "pc", &pc)) || (why = take_number_opt(r, v, "line", &f->line)))
        return why;
    if ((offset && !is_hex(offset, "0x", 0, &f->offset)) || (pc && !is_hex(pc, "0x", 0, &f->pc)))
        return bad_member(r, offset ? "offset" : "pc", "an address");
    f->inlined = json_is_true(json_object_get(v, "inlined"));
    f->interpreter = json_is_true(json_object_get(v, "interpreter"));
    f->runtime = (uint8_t)(runtime ? runtime_number_of(runtime) : RUNTIME_NATIVE);
    return NULL;
}

/* Without the interpreter's own frames, as text shows it. */
static const char *take_frames(struct json_lines *r, const json_t *object, const char *key, struct diff_site *site)
{
    const json_t *list = json_object_get(object, key);
    if (!json_is_array(list))
        return bad_member(r, key, "a list");
    size_t n = json_array_size(list);
    struct frame *frames = arena_array(&r->side->arena, n, sizeof *frames);
    for (size_t i = 0; i < n; i++) {
        const char *why = take_frame(r, json_array_get(list, i), &frames[site->n_frames]);
        if (why)
            return why;
        site->n_frames += !frames[site->n_frames].interpreter;
    }
    site->frames = frames;
    return NULL;
}

/* ---- lines --------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static struct json_process *process_of(struct json_lines *r, uint64_t pid, const char *host, const char *exe)
{
    for (size_t i = r->n_processes; i-- > 0;) {
        struct json_process *p = &r->processes[i];
        if (p->pid == pid && same(p->host, host) && same(p->exe, exe))
            return p;
    }
    r->processes = cli_grow(r->processes, r->n_processes, &r->cap_processes, sizeof *r->processes);
    struct json_process *p = &r->processes[r->n_processes++];
    *p = (struct json_process){.pid = pid, .host = host, .exe = exe};
    return p;
}

static struct json_group *group_of(struct json_process *p, const struct json_group *g)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->groups[i].site.id == g->site.id && p->groups[i].kind == g->kind && same(p->groups[i].variant, g->variant))
            return &p->groups[i];
    p->groups = cli_grow(p->groups, p->n, &p->cap, sizeof *p->groups);
    return &p->groups[p->n++];
}

/* The reports that list all that is stuck; the others tell of what is new. */
static bool lists_all(const char *reason)
{
    return strcmp(reason, "exit") == 0 || strcmp(reason, "request") == 0 || strcmp(reason, "signal") == 0;
}

static const char *take_leak(struct json_lines *r, const json_t *v)
{
    struct json_group g = {0};
    struct diff_site *s = &g.site;
    const char *why, *time, *reason, *host, *exe, *of;
    uint64_t pid;
    if ((why = take_kind(r, v, &g.kind)) || (why = take_site(r, v, &s->id)) || (why = take_count(r, v, "count", &s->count)) ||
        (why = take_count(r, v, "opened", &s->opened)) || (why = take_count(r, v, "closed", &s->closed)) ||
        (why = take_count(r, v, "pid", &pid)) || (why = take_string(r, v, "time", &time)) || (why = take_string(r, v, "reason", &reason)) ||
        (why = take_string_opt(r, v, "host", &host)) || (why = take_string_opt(r, v, "exe", &exe)) ||
        (why = take_string_opt(r, v, "variant", &g.variant)) || (why = take_string_opt(r, v, "site_of", &of)))
        return why;
    s->of_eof = of && strcmp(of, "eof") == 0;
    s->exe = text_base_name(exe ? exe : "");
    if ((why = take_frames(r, v, s->of_eof ? "eof_frames" : "frames", s)))
        return why;
    /* a report of who holds the descriptors lists all sockets, those in use too */
    if (g.kind == KIND_OPEN && strcmp(reason, "exhausted") == 0)
        return NULL;
    struct json_process *p = process_of(r, pid, host, exe);
    if (lists_all(reason) && !same(p->complete, time)) {
        p->complete = time;
        p->n = 0;
    }
    *group_of(p, &g) = g;
    return NULL;
}

/* Sockets that were reported, and are closed or have left their condition. */
static const char *take_release(struct json_lines *r, const json_t *v)
{
    const char *why;
    unsigned kind;
    uint64_t id, count, pid;
    if ((why = take_kind(r, v, &kind)) || (why = take_site(r, v, &id)) || (why = take_count(r, v, "count", &count)) ||
        (why = take_count(r, v, "pid", &pid)))
        return why;
    for (size_t i = 0; i < r->n_processes; i++) {
        struct json_process *p = &r->processes[i];
        for (size_t k = 0; p->pid == pid && k < p->n; k++) {
            struct json_group *g = &p->groups[k];
            if (g->kind != kind || g->site.id != id)
                continue;
            uint64_t taken = count < g->site.count ? count : g->site.count;
            g->site.count -= taken;
            count -= taken;
        }
    }
    return NULL;
}

static bool is_known_type(const char *type)
{
    return strcmp(type, "leak") == 0 || strcmp(type, "summary") == 0 || strcmp(type, "release") == 0 || strcmp(type, "note") == 0 ||
           strcmp(type, "exhausted") == 0;
}

static const char *take_object(struct json_lines *r, const json_t *v)
{
    const char *type = json_string_value(json_object_get(v, "type"));
    if (!type)
        return bad(r, "no object with a \"type\", as each line of a report is");
    r->n_known += is_known_type(type);
    if (strcmp(type, "leak") == 0)
        return take_leak(r, v);
    return strcmp(type, "release") == 0 ? take_release(r, v) : NULL;
}

const char *json_lines_take(struct json_lines *r, const char *line, size_t n)
{
    json_error_t error;
    size_t blank = 0;
    while (blank < n && strchr(" \t\r", line[blank]) && line[blank])
        blank++;
    if (blank == n)
        return NULL;
    json_t *v = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    const char *why = v ? take_object(r, v) : bad(r, "no JSON: %s", error.text);
    json_decref(v);
    return why;
}

void json_lines_settle(struct json_lines *r)
{
    for (size_t i = 0; i < r->n_processes; i++) {
        const struct json_process *p = &r->processes[i];
        for (size_t k = 0; k < p->n; k++) {
            struct diff_site site = p->groups[k].site;
            if (!site.count)
                continue;
            site.by_kind[p->groups[k].kind] = site.count;
            site.process = r->first_process + (unsigned)i;
            side_add(r->side, &site);
        }
    }
}

void json_lines_free(struct json_lines *r)
{
    for (size_t i = 0; i < r->n_processes; i++)
        free(r->processes[i].groups);
    free(r->processes);
    r->processes = NULL;
    r->n_processes = r->cap_processes = 0;
}

#else

const char *json_lines_take(struct json_lines *r, const char *line, size_t n)
{
    (void)r, (void)line, (void)n;
    return "this sockleak was built without jansson, which reads JSON; compare state files";
}
void json_lines_settle(struct json_lines *r) { (void)r; }
void json_lines_free(struct json_lines *r) { (void)r; }

#endif
