/* SPDX-License-Identifier: MIT */
/*
 * targets.c: finds the calls that are redirected, by name, each with its original.
 *
 * The table is filled once, by the first thread that needs it, and only read from then on.
 */
#include "targets.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "../../libc/libc.h"
#include "../base/sys.h"
#include "../elf/dynamic.h"

#define MAX_TARGETS 256u
#define BUCKETS 1024u

static const struct wrapped *wrapped_calls, *loader_calls; /* as given to targets_use */
static unsigned n_calls;

static struct target targets[MAX_TARGETS] LARGE_TABLE;
static uint32_t hashes[MAX_TARGETS] LARGE_TABLE;
static uint16_t buckets[BUCKETS] LARGE_TABLE; /* index + 1; 0: free */
static unsigned n_targets;
static bool preloaded;
static _Atomic int search_state;
enum { NOT_YET, SEARCHING, FOUND };

static void add_target(const char *name, void *wrapper, void **place)
{
    if (n_targets == MAX_TARGETS)
        return;
    uint32_t h = dynamic_hash(name), b = h % BUCKETS;
    while (buckets[b])
        b = (b + 1) % BUCKETS;
    hashes[n_targets] = h;
    targets[n_targets++] = (struct target){.name = name, .wrapper = wrapper, .real = place};
    buckets[b] = (uint16_t)n_targets;
}

const struct target *target_named(const char *name, uint32_t hash)
{
    for (uint32_t b = hash % BUCKETS; buckets[b]; b = (b + 1) % BUCKETS) {
        unsigned i = buckets[b] - 1u;
        if (hashes[i] == hash && strcmp(targets[i].name, name) == 0)
            return &targets[i];
    }
    return NULL;
}

struct original_search {
    unsigned nth; /* object */
    bool libc_seen;
    bool settled[MAX_TARGETS];
};

/*
 * Finds undefined symbols that have a value. The executable takes such a function's address without
 * position-independent code, and every object sees that address as the function's.
 */
static void find_aliases(const struct dynamic *d)
{
    for (unsigned which = 0; which < 2; which++) {
        for (size_t i = 0; i < d->relocations[which].n; i++) {
            uint32_t index = (uint32_t)ELF64_R_SYM(d->relocations[which].at[i].r_info);
            const char *name = index ? dynamic_name(d, index) : NULL;
            if (!name || d->symbols[index].st_shndx != SHN_UNDEF || !d->symbols[index].st_value)
                continue;
            const struct target *t = target_named(name, dynamic_hash(name));
            if (t)
                targets[t - targets].alias = (void *)(d->bias + d->symbols[index].st_value);
        }
    }
}

/*
 * Forgets the originals found before this library. Preloaded libraries ahead of us keep the calls
 * that are bound to them, and their own calls are bound to us. Our originals come after us in the
 * order.
 */
static void forget_originals(struct original_search *s)
{
    memset(s->settled, 0, sizeof s->settled);
    for (unsigned i = 0; i < n_targets; i++)
        targets[i].original = NULL;
}

static int find_originals_in(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct original_search *s = arg;
    struct dynamic d;
    bool broken, program = s->nth++ == 0;
    (void)size;
    if (!dynamic_read(&d, info, &broken))
        return 0;
    if (dynamic_is_ours(info)) {
        preloaded = !s->libc_seen; /* a late agent comes after libc in the order */
        if (preloaded)
            forget_originals(s);
        return 0;
    }
    if (program)
        find_aliases(&d);
    s->libc_seen |= dynamic_lookup(&d, LIBC_OWN_NAME, dynamic_hash(LIBC_OWN_NAME)) != NULL;
    for (unsigned i = 0; i < n_targets; i++) {
        void *p = s->settled[i] ? NULL : dynamic_lookup(&d, targets[i].name, hashes[i]);
        if (!p)
            continue;
        s->settled[i] = true;
        if (!program) /* what the program defines itself may only have the same name */
            targets[i].original = p;
    }
    return 0;
}

void targets_use(const struct wrapped *table, unsigned n, const struct wrapped both[2])
{
    n_calls = n;
    loader_calls = both;
    __atomic_store_n(&wrapped_calls, table, __ATOMIC_RELEASE);
}

void targets_find(void)
{
    static struct original_search s;
    int expected = NOT_YET;
    const struct wrapped *table = __atomic_load_n(&wrapped_calls, __ATOMIC_ACQUIRE);
    if (!table)
        return;
    if (!atomic_compare_exchange_strong(&search_state, &expected, SEARCHING)) {
        while (atomic_load(&search_state) != FOUND)
            SYS0(SYS_sched_yield);
        return;
    }
    for (unsigned i = 0; i < n_calls; i++)
        add_target(table[i].name, table[i].wrapper, table[i].real);
    for (unsigned i = 0; i < 2; i++)
        add_target(loader_calls[i].name, loader_calls[i].wrapper, loader_calls[i].real);
    dl_iterate_phdr(find_originals_in, &s);
    for (unsigned i = n_targets - 2; i < n_targets; i++) {
        *targets[i].real = targets[i].original;
        if (preloaded) /* symbol order leads later objects to us; the watcher finds the rest */
            targets[i].original = NULL;
    }
    atomic_store(&search_state, FOUND);
}

bool targets_are_found(void) { return atomic_load(&search_state) == FOUND; }

bool targets_are_preloaded(void) { return preloaded; }

void targets_set_real(void)
{
    for (unsigned i = 0; i < n_targets; i++)
        if (targets[i].original)
            __atomic_store_n(targets[i].real, targets[i].original, __ATOMIC_RELAXED);
}
