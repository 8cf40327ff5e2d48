/* SPDX-License-Identifier: MIT */
/*
 * ledger.c: counters over the processes of each program.
 *
 * Called by look.c. What a state file says may be anybody's: the numbers of series and of
 * processes are bounded, and a count that has fallen adds nothing.
 */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/hash.h"
#include "../base/arena.h"
#include "../base/cli.h"
#include "types.h"

#define MAX_SERIES 20000u
#define MAX_PROCESSES 20000u
#define FORGET_S 3600u

static char *copy_of(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(arena_grow(NULL, n, 1), s, n);
}

/* ---- series ---------------------------------------------------------------------------------- */

static uint64_t hash_key(const struct ledger_series *k)
{
    uint64_t h = hash_bytes(HASH_START, k->exe, strlen(k->exe) + 1);
    h = hash_bytes(h, k->container, strlen(k->container) + 1);
    return hash_bytes(h, k->site, strlen(k->site) + 1);
}

static bool same_key(const struct ledger_series *a, const struct ledger_series *b)
{
    return strcmp(a->site, b->site) == 0 && strcmp(a->exe, b->exe) == 0 && strcmp(a->container, b->container) == 0;
}

static uint32_t *place_of(const struct ledger *l, const struct ledger_series *key)
{
    size_t at = hash_key(key) % l->n_index;
    while (l->index[at] && !same_key(&l->series[l->index[at] - 1], key))
        at = (at + 1) % l->n_index;
    return &l->index[at];
}

static void make_room(struct ledger *l)
{
    if (l->n_index > 2 * l->n + 2)
        return;
    l->n_index = l->n_index ? l->n_index * 4 : 256;
    l->index = arena_grow(l->index, l->n_index, sizeof *l->index);
    memset(l->index, 0, l->n_index * sizeof *l->index);
    for (size_t i = 0; i < l->n; i++)
        *place_of(l, &l->series[i]) = (uint32_t)i + 1;
}

static uint32_t new_series(struct ledger *l, const struct ledger_series *key, uint32_t *place)
{
    l->series = cli_grow(l->series, l->n, &l->cap, sizeof *l->series);
    l->series[l->n] = (struct ledger_series){.exe = copy_of(key->exe),
                                             .container = copy_of(key->container),
                                             .site = copy_of(key->site),
                                             .function = copy_of(key->function),
                                             .file = copy_of(key->file)};
    *place = (uint32_t)++l->n;
    return *place - 1;
}

uint32_t ledger_series_of(struct ledger *l, const struct ledger_series *key)
{
    static char other[] = SITE_OTHER, nothing[] = "";
    make_room(l);
    uint32_t *place = place_of(l, key);
    if (*place)
        return *place - 1;
    struct ledger_series rest = {.exe = key->exe, .container = key->container, .site = other, .function = nothing, .file = nothing};
    if (l->n >= MAX_SERIES && strcmp(key->site, SITE_OTHER) != 0)
        return ledger_series_of(l, &rest);
    rest.exe = other;
    rest.container = nothing;
    if (l->n >= MAX_SERIES + MAX_SERIES / 4 && !same_key(key, &rest))
        return ledger_series_of(l, &rest);
    return new_series(l, key, place);
}

/* ---- processes ------------------------------------------------------------------------------- */

static int compare(const struct ledger_process *p, uint32_t pid, uint64_t start, uint64_t opened_real_ns)
{
    if (p->pid != pid)
        return p->pid < pid ? -1 : 1;
    if (p->start != start)
        return p->start < start ? -1 : 1;
    return p->opened_real_ns < opened_real_ns ? -1 : p->opened_real_ns > opened_real_ns;
}

/* Where the process is, or would be. */
static size_t position(const struct ledger *l, uint32_t pid, uint64_t start, uint64_t opened_real_ns)
{
    size_t low = 0, high = l->n_processes;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(&l->processes[middle], pid, start, opened_real_ns) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ledger_knows(const struct ledger *l, const struct ledger_look *look)
{
    size_t at = position(l, look->pid, look->start, look->opened_real_ns);
    return at < l->n_processes && compare(&l->processes[at], look->pid, look->start, look->opened_real_ns) == 0;
}

struct ledger_process *ledger_process_of(struct ledger *l, uint32_t pid, uint64_t start, uint64_t opened_real_ns)
{
    size_t low = position(l, pid, start, opened_real_ns);
    if (low < l->n_processes && compare(&l->processes[low], pid, start, opened_real_ns) == 0)
        return &l->processes[low];
    l->processes = cli_grow(l->processes, l->n_processes, &l->cap_processes, sizeof *l->processes);
    memmove(&l->processes[low + 1], &l->processes[low], (l->n_processes - low) * sizeof *l->processes);
    l->processes[low] = (struct ledger_process){.pid = pid, .start = start, .opened_real_ns = opened_real_ns};
    l->n_processes++;
    return &l->processes[low];
}

struct ledger_site *ledger_site_add(struct ledger_process *p, uint64_t siteid, uint32_t series)
{
    size_t cap = p->cap;
    p->sites = cli_grow(p->sites, p->n, &cap, sizeof *p->sites);
    p->cap = (uint32_t)cap;
    p->sites[p->n] = (struct ledger_site){.siteid = siteid, .series = series};
    return &p->sites[p->n++];
}

static struct ledger_site *own_site(struct ledger_process *p, uint64_t siteid)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (p->sites[i].siteid == siteid)
            return &p->sites[i];
    return NULL;
}

static void raise_to(struct ledger *l, uint32_t series, struct ledger_count *last, const struct ledger_count *now)
{
    struct ledger_count *sum = &l->series[series].count;
    sum->opened += now->opened > last->opened ? now->opened - last->opened : 0;
    sum->closed += now->closed > last->closed ? now->closed - last->closed : 0;
    l->changed |= now->opened != last->opened || now->closed != last->closed;
    *last = *now;
}

static int by_rank(const void *a, const void *b)
{
    const struct ledger_entry *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    return x->siteid < y->siteid ? -1 : x->siteid > y->siteid;
}

void ledger_rank(struct ledger_look *look)
{
    if (look->n)
        qsort(look->entries, look->n, sizeof *look->entries, by_rank);
}

static uint32_t series_for(struct ledger *l, const struct ledger_look *look, struct ledger_entry *e)
{
    char site[32] = SITE_UNKNOWN;
    if (e->siteid)
        snprintf(site, sizeof site, "%016llx", (unsigned long long)e->siteid);
    if (look->name && e->siteid)
        look->name(look->arg, e);
    struct ledger_series key = {.exe = (char *)look->exe,
                                .container = (char *)look->container,
                                .site = site,
                                .function = (char *)(e->function ? e->function : ""),
                                .file = (char *)(e->file ? e->file : "")};
    return ledger_series_of(l, &key);
}

void ledger_add(struct ledger *l, struct ledger_look *look, uint64_t now_s)
{
    struct ledger_process *p = ledger_process_of(l, look->pid, look->start, look->opened_real_ns);
    struct ledger_count rest = {0};
    p->seen_s = now_s;
    ledger_rank(look);
    for (size_t i = 0; i < look->n; i++) {
        struct ledger_entry *e = &look->entries[i];
        struct ledger_site *s = own_site(p, e->siteid);
        if (!s && p->n < look->max_sites)
            s = ledger_site_add(p, e->siteid, series_for(l, look, e));
        if (s) {
            raise_to(l, s->series, &s->last, &e->count);
            continue;
        }
        rest.opened += e->count.opened;
        rest.closed += e->count.closed;
    }
    if (rest.opened || rest.closed) {
        static char other[] = SITE_OTHER, nothing[] = "";
        struct ledger_series key = {
            .exe = (char *)look->exe, .container = (char *)look->container, .site = other, .function = nothing, .file = nothing};
        raise_to(l, ledger_series_of(l, &key), &p->other, &rest);
    }
}

void ledger_forget(struct ledger *l, uint64_t now_s)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n_processes; i++) {
        struct ledger_process *p = &l->processes[i];
        uint64_t limit = l->n_processes > MAX_PROCESSES ? 0 : FORGET_S;
        if (p->seen_s + limit < now_s) {
            free(p->sites);
            l->changed = true;
        } else {
            l->processes[kept++] = *p;
        }
    }
    l->n_processes = kept;
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->series[i].exe);
        free(l->series[i].container);
        free(l->series[i].site);
        free(l->series[i].function);
        free(l->series[i].file);
    }
    for (size_t i = 0; i < l->n_processes; i++)
        free(l->processes[i].sites);
    free(l->series);
    free(l->index);
    free(l->processes);
    *l = (struct ledger){0};
}
