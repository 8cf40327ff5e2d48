/* SPDX-License-Identifier: MIT */
/*
 * sites.c: distinct stacks, interned lock-free in the state file.
 *
 * Called by the program's threads for each stack whose site is not remembered (sites_here.c), in
 * signal handlers too. A stack that was seen before costs its hash and one comparison. A new one is
 * written once, module numbers and stable name included, so that a reader can explain it after the
 * process has ended.
 */
#include "sites.h"

#include <string.h>

#include "../../core/hash.h"
#include "../runtimes/runtimes.h"
#include "../table/header.h"
#include "../table/index.h"
#include "frames.h"
#include "modules.h"
#include "site_name.h"

#define HEADS INDEX_HEADS_MAX
/*
 * A program whose stacks never repeat (deep recursion, generated code) must not fill the file
 * system. After MANY_SITES sites, only the SITES_FEW_FRAMES innermost frames are kept.
 */
#define MANY_SITES 32768u

static _Atomic(index_head *) heads;
static _Atomic unsigned dlclose_running, n_sites;
_Atomic uint32_t sites_generation = 1;

static uint64_t *pcs_of(struct state_site *s) { return (uint64_t *)(void *)(s + 1); }

static uint16_t *modules_of_site(struct state_site *s) { return (uint16_t *)(void *)(pcs_of(s) + s->nframes); }

bool sites_are_many(void) { return atomic_load_explicit(&n_sites, memory_order_relaxed) >= MANY_SITES; }

uint64_t sites_hash(const uint64_t *pcs, unsigned n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;
    for (unsigned i = 0; i < n; i++)
        h = hash_mix(h, pcs[i]);
    return h;
}

/* Searches the chain from FIRST to UNTIL (0: to its end). This process alone built the chain. */
static state_ref find_site(state_ref first, state_ref until, uint64_t hash, const uint64_t *pcs, unsigned n, unsigned call)
{
    for (state_ref r = first; r && r != until;) {
        struct state_site *s = table_at(r);
        if (s->hash == hash && s->nframes == n && s->call == call && !atomic_load_explicit(&s->stale, memory_order_relaxed) &&
            memcmp(pcs_of(s), pcs, n * sizeof *pcs) == 0)
            return r;
        r = atomic_load_explicit(&s->next, memory_order_relaxed);
    }
    return 0;
}

static struct state_site *new_site(unsigned n, state_ref *ref)
{
    uint32_t size = STATE_SITE_SIZE(n);
    struct state_site *s = table_alloc(EXTENT_SITES, size / STATE_REF_UNIT, ref);
    if (!s) {
        table_drop(DROP_SITE_FULL);
        return NULL;
    }
    s->nframes = (uint8_t)n;
    atomic_store_explicit(&s->size, size, memory_order_release);
    return s;
}

/*
 * Links S under its hash, unless another thread has linked an equal one meanwhile: then returns
 * that one's ref, and S stays unused.
 */
static state_ref publish_site(index_head *head, state_ref seen, struct state_site *s, state_ref ref)
{
    for (;;) {
        atomic_store_explicit(&s->next, seen, memory_order_relaxed);
        atomic_store_explicit(&s->ready, 1, memory_order_release);
        state_ref now = seen;
        if (atomic_compare_exchange_strong(head, &now, ref))
            return ref;
        state_ref twin = find_site(now, seen, s->hash, pcs_of(s), s->nframes, s->call);
        if (twin) {
            atomic_store(&s->ready, 0);
            return twin;
        }
        seen = now;
    }
}

static void for_each_site(void (*call)(struct state_site *s))
{
    index_head *all = atomic_load(&heads);
    if (!all)
        return;
    for (unsigned i = 0; i < HEADS; i++)
        for (state_ref r = atomic_load(&all[i]); r;) {
            struct state_site *s = table_at(r);
            call(s);
            r = atomic_load(&s->next);
        }
}

/*
 * A site is stale while one of its modules is unloaded. It becomes valid again when the same module
 * is loaded at the same place.
 */
static void refresh_stale(struct state_site *s)
{
    bool gone = false;
    for (unsigned i = 0; i < s->nframes; i++) {
        unsigned number = modules_of_site(s)[i];
        const struct state_module *m = number == STATE_NO_MODULE ? NULL : modules_at(number);
        if (m && atomic_load(&m->unloaded_ns))
            gone = true;
    }
    atomic_store(&s->stale, gone);
}

static _Atomic bool modules_changed;

static void mark_changed(unsigned number)
{
    const struct state_module *m = modules_at(number);
    if (m && m->interpreter)
        runtimes_forget(m->start);
    atomic_store(&modules_changed, true);
}

/* Cheap when nothing was unloaded: one look-up per module. */
static void refresh_unloaded(void)
{
    modules_check_unloaded(mark_changed);
    if (atomic_exchange(&modules_changed, false))
        for_each_site(refresh_stale);
}

state_ref sites_intern_call(const uint64_t *pcs, unsigned n, unsigned call)
{
    if (!n || n > STATE_MAX_FRAMES)
        return 0;
    index_head *all = table_index(&heads, HEADS);
    if (!all)
        return 0;
    if (atomic_load_explicit(&dlclose_running, memory_order_relaxed))
        refresh_unloaded();
    if (sites_are_many() && n > SITES_FEW_FRAMES)
        n = SITES_FEW_FRAMES;
    uint64_t hash = sites_hash(pcs, n);
    index_head *head = &all[hash % HEADS];
    state_ref seen = atomic_load_explicit(head, memory_order_acquire);
    state_ref ref = find_site(seen, 0, hash, pcs, n, call);
    if (ref)
        return ref;
    struct state_site *s = new_site(n, &ref);
    if (!s)
        return 0;
    s->hash = hash;
    s->call = (uint8_t)call;
    memcpy(pcs_of(s), pcs, n * sizeof *pcs);
    s->siteid = site_name(pcs_of(s), modules_of_site(s), n);
    atomic_fetch_add_explicit(&n_sites, 1, memory_order_relaxed);
    return publish_site(head, seen, s, ref);
}

static void refresh_all(unsigned number)
{
    (void)number;
    for_each_site(refresh_stale);
}

void sites_dlclose_begin(void)
{
    atomic_fetch_add(&dlclose_running, 1);
    modules_dlclose_begin();
}

void sites_dlclose_done(void)
{
    if (table_exists())
        refresh_unloaded();
    modules_dlclose_end();
    atomic_fetch_sub(&dlclose_running, 1);
}

void sites_reset(void)
{
    atomic_store(&heads, NULL);
    atomic_store(&n_sites, 0);
    atomic_fetch_add(&sites_generation, 1);
    frames_reset();
    modules_reset();
    modules_on_revived(refresh_all);
}

/* The site REF of another table, with its addresses in PCS, as many as there is room for. */
static bool copy_site(const struct state_view *old, state_ref ref, struct state_site_view *v, uint64_t pcs[STATE_MAX_FRAMES])
{
    if (!state_site_at(old, ref, v))
        return false;
    if (v->nframes > STATE_MAX_FRAMES)
        v->nframes = STATE_MAX_FRAMES;
    for (unsigned i = 0; i < v->nframes; i++)
        pcs[i] = frames_import(old, v->pcs[i]);
    return true;
}

/*
 * Looks up each module again, because the two files number their modules differently. The frames
 * are still mapped here at the same places: this is a forked child.
 */
state_ref sites_import(const struct state_view *old, state_ref ref)
{
    struct state_site_view v;
    uint64_t pcs[STATE_MAX_FRAMES];
    return copy_site(old, ref, &v, pcs) ? sites_intern_call(pcs, v.nframes, v.site->call) : 0;
}

#define FOREIGN_HASH 0x736f636b6c65616bu /* so that none is taken for this program's, at the same addresses */

state_ref sites_import_foreign(const struct state_view *old, state_ref ref)
{
    struct state_site_view v;
    uint64_t pcs[STATE_MAX_FRAMES];
    index_head *all = table_index(&heads, HEADS);
    if (!all || !copy_site(old, ref, &v, pcs))
        return 0;
    unsigned n = v.nframes;
    uint64_t hash = sites_hash(pcs, n) ^ FOREIGN_HASH;
    index_head *head = &all[hash % HEADS];
    state_ref seen = atomic_load_explicit(head, memory_order_acquire);
    state_ref known = find_site(seen, 0, hash, pcs, n, v.site->call);
    struct state_site *s = known ? NULL : new_site(n, &ref);
    if (!s)
        return known;
    s->hash = hash;
    s->siteid = v.site->siteid;
    s->call = v.site->call;
    memcpy(pcs_of(s), pcs, n * sizeof *pcs);
    for (unsigned i = 0; i < n; i++) {
        const struct state_module *m = state_module_at(old, v.modules[i]);
        modules_of_site(s)[i] = (uint16_t)(m ? modules_foreign(m, v.modules[i]) : STATE_NO_MODULE);
    }
    atomic_fetch_add_explicit(&n_sites, 1, memory_order_relaxed);
    return publish_site(head, seen, s, ref);
}
