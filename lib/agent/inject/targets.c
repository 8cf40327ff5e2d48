/* SPDX-License-Identifier: MIT */
/*
 * targets.c: the calls that are redirected, found by name, each with its original.
 *
 * Filled once, by whichever thread comes first, and only read from then on.
 */
#include "targets.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "../base/sys.h"
#include "../elf/dynamic.h"

#define MAX_TARGETS 256u
#define BUCKETS 1024u

static const struct wrapped *calls, *loaders; /* as given */
static unsigned n_calls;

static struct target targets[MAX_TARGETS] LARGE_TABLE;
static uint32_t hashes[MAX_TARGETS] LARGE_TABLE;
static uint16_t buckets[BUCKETS] LARGE_TABLE; /* index + 1; 0: free */
static unsigned n_targets;
static bool preloaded;
static _Atomic int found;
enum { NOT_YET, SEARCHING, FOUND };

static void add(const char *name, void *wrapper, void **place)
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

struct search {
    unsigned nth; /* object */
    bool libc_seen;
    bool settled[MAX_TARGETS];
};

/*
 * An undefined symbol that has a value: the executable takes the function's address without position-independent code, and gives it that
 * one everywhere.
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

/* Preloaded libraries ahead of us keep the calls that are bound to them, and theirs are bound to us. Our own originals come after us. */
static void look_behind_us(struct search *s)
{
    memset(s->settled, 0, sizeof s->settled);
    for (unsigned i = 0; i < n_targets; i++)
        targets[i].original = NULL;
}

static int search_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *s = arg;
    struct dynamic d;
    bool broken, program = s->nth++ == 0;
    (void)size;
    if (!dynamic_read(&d, info, &broken))
        return 0;
    if (dynamic_is_ours(info)) {
        preloaded = !s->libc_seen; /* an agent that came late stands behind libc */
        if (preloaded)
            look_behind_us(s);
        return 0;
    }
    if (program)
        find_aliases(&d);
    s->libc_seen |= dynamic_lookup(&d, "gnu_get_libc_version", dynamic_hash("gnu_get_libc_version")) != NULL;
    for (unsigned i = 0; i < n_targets; i++) {
        void *p = s->settled[i] ? NULL : dynamic_lookup(&d, targets[i].name, hashes[i]);
        if (!p)
            continue;
        s->settled[i] = true;
        if (!program) /* what a program defines itself only shares the name, as far as anybody can tell */
            targets[i].original = p;
    }
    return 0;
}

void targets_use(const struct wrapped *table, unsigned n, const struct wrapped both[2])
{
    n_calls = n;
    loaders = both;
    __atomic_store_n(&calls, table, __ATOMIC_RELEASE);
}

void targets_find(void)
{
    static struct search s;
    int expected = NOT_YET;
    const struct wrapped *table = __atomic_load_n(&calls, __ATOMIC_ACQUIRE);
    if (!table)
        return;
    if (!atomic_compare_exchange_strong(&found, &expected, SEARCHING)) {
        while (atomic_load(&found) != FOUND)
            SYS0(SYS_sched_yield);
        return;
    }
    for (unsigned i = 0; i < n_calls; i++)
        add(table[i].name, table[i].wrapper, table[i].real);
    for (unsigned i = 0; i < 2; i++)
        add(loaders[i].name, loaders[i].wrapper, loaders[i].real);
    dl_iterate_phdr(search_object, &s);
    for (unsigned i = n_targets - 2; i < n_targets; i++) {
        *targets[i].real = targets[i].original;
        if (preloaded) /* symbol order reaches later objects; what it does not reach the watcher finds */
            targets[i].original = NULL;
    }
    atomic_store(&found, FOUND);
}

bool targets_are_found(void) { return atomic_load(&found) == FOUND; }

bool targets_are_preloaded(void) { return preloaded; }

void targets_set_real(void)
{
    for (unsigned i = 0; i < n_targets; i++)
        if (targets[i].original)
            __atomic_store_n(targets[i].real, targets[i].original, __ATOMIC_RELAXED);
}
