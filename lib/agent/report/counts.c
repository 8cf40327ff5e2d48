/* SPDX-License-Identifier: MIT */
/*
 * counts.c: stuck sockets counted by site and kind from check to check.
 *
 * Called by whoever checks, with the watch lock held. An open-addressing table in private pages,
 * with an entry for each site that ever had a socket in a condition.
 */
#include "counts.h"

#include "../../core/growth_ring.h"
#include "../../core/hash.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../table/table.h"

#define FIRST_ROOM 64

static struct counts *table;
static size_t n_taken, room; /* room: a power of two */
static unsigned n_rings;

static struct counts *find(struct counts *in, size_t size, state_ref site, unsigned kind)
{
    size_t i = (size_t)(hash_spread((uint64_t)kind << 32 | site) >> 32) & (size - 1);
    while (in[i].taken && (in[i].site != site || in[i].kind != kind))
        i = (i + 1) & (size - 1);
    return &in[i];
}

static bool grow(void)
{
    size_t size = room ? room * 2 : FIRST_ROOM;
    struct counts *bigger = pages_alloc(size * sizeof *bigger);
    if (!bigger)
        return false;
    for (size_t i = 0; i < room; i++)
        if (table[i].taken)
            *find(bigger, size, table[i].site, table[i].kind) = table[i];
    if (table)
        pages_free(table, room * sizeof *table);
    table = bigger;
    room = size;
    return true;
}

struct counts *counts_of(state_ref site, unsigned kind)
{
    struct counts *t = room ? find(table, room, site, kind) : NULL;
    return t && t->taken ? t : NULL;
}

void counts_begin(void)
{
    for (size_t i = 0; i < room; i++)
        table[i] = (struct counts){.taken = table[i].taken,
                                   .kind = table[i].kind,
                                   .site = table[i].site,
                                   .reported = table[i].reported,
                                   .due_ns = table[i].due_ns,
                                   .ripe = table[i].ripe,
                                   .growth = table[i].growth,
                                   .ring = table[i].ring,
                                   .seen_none_ns = table[i].seen_none_ns};
}

static struct counts *entry_of(state_ref site, unsigned kind)
{
    if ((n_taken + 1) * 2 > room && !grow())
        return NULL;
    struct counts *t = find(table, room, site, kind);
    if (!t->taken) {
        *t = (struct counts){.taken = true, .site = site, .kind = (uint8_t)kind};
        t->growth.lower_ns = t->seen_none_ns = table_last_look_ns(); /* that check saw none */
        n_taken++;
    }
    return t;
}

void counts_add(const struct counted *c)
{
    struct counts *t = entry_of(c->site, c->kind);
    if (!t)
        return;
    t->lasting += c->lasting;
    t->past += c->past;
    t->pooled += c->lasting && c->pooled;
    t->untried += c->untried;
    t->untried_lasting += c->untried && c->lasting;
    t->untried_past += c->untried && c->past;
    t->before_attach |= c->before_attach;
    if (!c->lasting)
        return;
    if (!t->first_ns || c->since_ns < t->first_ns)
        t->first_ns = c->since_ns;
    if (c->since_ns > t->last_ns)
        t->last_ns = c->since_ns;
}

bool counts_is_reserve(const struct counts *t) { return t->untried == 1; }

/*
 * A check that was asked for between the regular ones (by the program, by top) only updates the
 * last sample. Samples lie a period apart: else a slow leak would seem steady to one who asks
 * often.
 */
static void sample(struct growth *g, uint32_t count, uint64_t now_ns, uint64_t period_ns)
{
    if (g->n >= 2 && now_ns - g->at_ns[(g->n - 2) % GROWTH_SAMPLES] < period_ns)
        g->n--;
    growth_add(g, count, now_ns);
}

enum trend counts_trend(const struct counts *t)
{
    if (t->before_attach)
        return TREND_NONE;
    if (growth_is_growing(&t->growth))
        return t->last_ns - t->first_ns >= GROWTH_RATE_SPAN_NS ? TREND_GROWING : TREND_NONE;
    bool pool = t->lasting && t->pooled == t->lasting;
    return pool && growth_is_steady(&t->growth, 2 * table_grace_ns()) ? TREND_STEADY : TREND_NONE;
}

uint32_t counts_rate_milli(const struct counts *t) { return counts_trend(t) == TREND_GROWING ? growth_rate_milli(&t->growth) : 0; }

static void write_trend(const struct counts *t)
{
    struct state_site *s = t->kind < STATE_SITE_KINDS ? sites_at(t->site) : NULL;
    if (!s)
        return;
    atomic_store(&s->stuck[t->kind], t->past);
    atomic_store(&s->rate_milli[t->kind], counts_rate_milli(t));
    atomic_store(&s->trend[t->kind], counts_trend(t));
}

/* It begins with the last check, which saw none. */
static struct state_growth *new_ring(const struct counts *t)
{
    state_ref ref;
    if (n_rings++ >= STATE_GROWTH_RECORDS)
        return NULL;
    struct state_growth *g = table_alloc(EXTENT_CLOSES, sizeof *g / STATE_REF_UNIT, &ref);
    if (!g) {
        n_rings = STATE_GROWTH_RECORDS; /* full: it is not tried for each site again */
        return NULL;
    }
    g->format = STATE_CLOSES_GROWTH;
    g->kind = t->kind;
    g->site = t->site;
    if (t->seen_none_ns)
        growth_ring_add(g, t->seen_none_ns, 0);
    atomic_store_explicit(&g->size, sizeof *g, memory_order_release);
    atomic_store_explicit(&g->ready, 1, memory_order_release);
    return g;
}

static void write_ring(struct counts *t, uint64_t now_ns)
{
    if (t->past && !t->ring && n_rings < STATE_GROWTH_RECORDS)
        t->ring = new_ring(t);
    if (t->ring)
        growth_ring_add(t->ring, now_ns, t->past);
    else
        t->seen_none_ns = now_ns;
}

void counts_forget_trends(void)
{
    for (size_t i = 0; i < room; i++) {
        if (!table[i].taken)
            continue;
        table[i].growth = (struct growth){.lower_ns = clock_now()};
        write_trend(&table[i]);
    }
}

/* Regular looks lie an interval apart, but for what a look takes. */
static void ripen(struct counts *t, uint64_t now_ns, uint64_t period_ns)
{
    if (!t->past || (t->reported && t->past < 2 * t->reported)) {
        t->due_ns = 0;
        t->ripe = false;
        return;
    }
    if (!t->due_ns)
        t->due_ns = now_ns;
    t->ripe = now_ns - t->due_ns >= period_ns - period_ns / 8;
}

void counts_end(uint64_t now_ns, uint64_t period_ns)
{
    for (size_t i = 0; i < room; i++) {
        struct counts *t = &table[i];
        if (!t->taken)
            continue;
        if (counts_is_reserve(t)) {
            t->lasting -= t->untried_lasting;
            t->past -= t->untried_past;
        }
        sample(&t->growth, t->lasting, now_ns, period_ns);
        if (!t->past)
            t->reported = 0;
        ripen(t, now_ns, period_ns);
        write_trend(t);
        write_ring(t, now_ns);
    }
}

bool counts_is_due(const struct counts *t) { return t->ripe; }

static void set_reported(struct counts *t)
{
    struct state_site *s = t->kind < STATE_SITE_KINDS ? sites_at(t->site) : NULL;
    t->reported = t->past;
    t->ripe = false;
    t->due_ns = 0;
    if (s)
        atomic_store(&s->reported[t->kind], t->past);
}

void counts_all_reported(unsigned mask)
{
    for (size_t i = 0; i < room; i++)
        if (table[i].taken && (mask & KIND_BIT(table[i].kind)) && counts_is_due(&table[i]))
            set_reported(&table[i]);
}

bool counts_any_due(unsigned mask)
{
    for (size_t i = 0; i < room; i++)
        if (table[i].taken && (mask & KIND_BIT(table[i].kind)) && counts_is_due(&table[i]))
            return true;
    return false;
}

void counts_reset(void)
{
    /* Not freed: another thread of the parent may have been growing it. */
    table = NULL;
    n_taken = room = 0;
    n_rings = 0; /* those are in the parent's table */
}
