/* SPDX-License-Identifier: MIT */
/*
 * state_writer.c: the mapping of a traced process' state file, its extents, slots and details.
 *
 * Called by the supervisor alone. The whole file is mapped, and room in the file system is taken for
 * each extent before anything is written there: a store into a full one would be a SIGBUS.
 */
#include "state_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../core/hash.h"
#include "../../core/statedir.h"
#include "../base/cli.h"

/* ---- the file -------------------------------------------------------------------------------- */

static bool take_room(struct state_writer *w, uint64_t offset, uint64_t size)
{
    return posix_fallocate(w->fd, (off_t)offset, (off_t)size) == 0;
}

static bool map_file(struct state_writer *w)
{
    if (ftruncate(w->fd, STATE_MAX_SIZE) != 0 || !take_room(w, 0, STATE_PAGE))
        return false;
    void *p = mmap(NULL, STATE_MAX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, w->fd, 0);
    if (p == MAP_FAILED)
        return false;
    w->base = p;
    w->head = p;
    return true;
}

static void fill_header(struct state_header *h, const struct state_header *given)
{
    memcpy(h, given, sizeof *h);
    h->version = STATE_VERSION;
    h->byte_order = STATE_BYTE_ORDER;
    h->header_size = sizeof *h;
    h->slot_size = sizeof(struct state_slot);
    h->word_bits = 64;
    snprintf(h->agent_version, sizeof h->agent_version, "%s", SOCKLEAK_VERSION);
    memcpy(h->magic, STATE_MAGIC, sizeof h->magic);
}

struct state_writer *state_writer_open(const char *dir, const struct state_header *header)
{
    char name[64], unfinished[CLI_PATH_MAX], path[CLI_PATH_MAX];
    struct state_writer *w = calloc(1, sizeof *w);
    struct out o = {.buf = name, .cap = sizeof name - 1};
    if (!w)
        return NULL;
    statedir_file(&o, header->pid, header->start_ticks);
    name[o.len] = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(unfinished, sizeof unfinished, "%s/%s" STATEDIR_UNFINISHED, dir, name);
    unlink(unfinished);
    w->fd = open(unfinished, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (w->fd >= 0 && map_file(w)) {
        fill_header(w->head, header);
        w->path = strdup(path);
        if (w->path && rename(unfinished, path) == 0)
            return w;
    }
    int error = errno;
    if (w->fd >= 0)
        unlink(unfinished);
    state_writer_close(w, false);
    errno = error;
    return NULL;
}

void state_writer_close(struct state_writer *w, bool remove)
{
    if (!w)
        return;
    if (remove && w->path)
        unlink(w->path);
    if (w->base)
        munmap(w->base, STATE_MAX_SIZE);
    if (w->fd >= 0)
        close(w->fd);
    free(w->path);
    free(w->chunks);
    free(w->attempts);
    free(w->free_details);
    free(w->sites.entries);
    free(w->frames.entries);
    free(w);
}

/* ---- extents --------------------------------------------------------------------------------- */

static unsigned char *extent_at(struct state_writer *w, uint32_t e)
{
    return w->base + STATE_BODY_OFFSET + (uint64_t)e * STATE_EXTENT_SIZE;
}

static uint32_t new_extent(struct state_writer *w, enum state_extent_type type, uint32_t parameter)
{
    uint32_t e = atomic_load(&w->head->n_extents);
    uint64_t word = STATE_TABLE_OFFSET + (uint64_t)e * sizeof(uint32_t);
    bool room = !w->full && e < STATE_MAX_EXTENTS && take_room(w, word, sizeof(uint32_t)) &&
                take_room(w, STATE_BODY_OFFSET + (uint64_t)e * STATE_EXTENT_SIZE, STATE_EXTENT_SIZE);
    if (!room) {
        w->full = true;
        atomic_fetch_add(&w->head->dropped[DROP_TABLE_FULL], 1);
        return UINT32_MAX;
    }
    atomic_store_explicit((_Atomic uint32_t *)(void *)(w->base + word), (uint32_t)type << 28 | parameter, memory_order_release);
    atomic_store(&w->head->n_extents, e + 1);
    return e;
}

void *state_writer_alloc(struct state_writer *w, enum state_extent_type type, unsigned units, state_ref *ref)
{
    const unsigned room = STATE_EXTENT_SIZE / STATE_REF_UNIT;
    *ref = 0;
    if (!w->cursor[type].extent || w->cursor[type].used + units > room) {
        uint32_t e = units <= room ? new_extent(w, type, 0) : UINT32_MAX;
        if (e == UINT32_MAX)
            return NULL;
        w->cursor[type].extent = e + 1;
        w->cursor[type].used = 0;
    }
    unsigned char *at = extent_at(w, w->cursor[type].extent - 1) + (uint64_t)w->cursor[type].used * STATE_REF_UNIT;
    w->cursor[type].used += units;
    *ref = (state_ref)((uint64_t)(at - w->base) / STATE_REF_UNIT);
    return at;
}

/* ---- slots and details ----------------------------------------------------------------------- */

/* Room for the NTH pointer in ALL, which has N of them, the new ones NULL. */
static void *grow_pointers(void *all, size_t *n, size_t nth)
{
    if (nth < *n)
        return all;
    void **more = realloc(all, (nth + 1) * sizeof *more);
    if (!more)
        exit(cli_fail("out of memory"));
    memset(more + *n, 0, (nth + 1 - *n) * sizeof *more);
    *n = nth + 1;
    return more;
}

struct state_slot *state_writer_slot(struct state_writer *w, int fd, bool make)
{
    size_t chunk = (size_t)fd / STATE_SLOTS_PER_EXTENT;
    if (make)
        w->chunks = grow_pointers(w->chunks, &w->n_chunks, chunk);
    if (chunk >= w->n_chunks)
        return NULL;
    if (!w->chunks[chunk] && make) {
        uint32_t e = new_extent(w, EXTENT_SLOTS, (uint32_t)chunk);
        if (e != UINT32_MAX)
            w->chunks[chunk] = (struct state_slot *)(void *)extent_at(w, e);
    }
    return w->chunks[chunk] ? &w->chunks[chunk][(size_t)fd % STATE_SLOTS_PER_EXTENT] : NULL;
}

struct state_attempt *state_writer_attempt(struct state_writer *w, int fd)
{
    size_t chunk = (size_t)fd / STATE_ATTEMPTS_PER_EXTENT;
    w->attempts = grow_pointers(w->attempts, &w->n_attempts, chunk);
    if (!w->attempts[chunk]) {
        uint32_t e = new_extent(w, EXTENT_ATTEMPTS, (uint32_t)chunk);
        if (e == UINT32_MAX)
            return NULL;
        w->attempts[chunk] = (struct state_attempt *)(void *)extent_at(w, e);
    }
    return &w->attempts[chunk][(size_t)fd % STATE_ATTEMPTS_PER_EXTENT];
}

void state_writer_enter(struct state_slot *slot, const struct state_slot *set)
{
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word)) + 1;
    gen += gen == 0;
    atomic_store(&slot->word, SLOT_WORD(gen, SLOT_FILLING));
    slot->opened_ns = set->opened_ns;
    slot->site = set->site;
    slot->tid = set->tid;
    slot->share = set->share;
    slot->tag = 0;
    slot->family = set->family;
    slot->type_origin = set->type_origin;
    slot->protocol = set->protocol;
    atomic_store(&slot->told_site, 0);
    atomic_store(&slot->told_errno, 0);
    atomic_store(&slot->told_ns, 0);
    atomic_store(&slot->flags, atomic_load(&set->flags));
    atomic_store(&slot->detail, 0);
    atomic_store(&slot->cookie, atomic_load(&set->cookie));
    atomic_store(&slot->watch_gen, gen);
    atomic_store_explicit(&slot->word, SLOT_WORD(gen, SLOT_LIVE), memory_order_release);
}

void state_writer_leave(struct state_writer *w, struct state_slot *slot)
{
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word));
    atomic_store(&slot->word, SLOT_WORD(gen, SLOT_EMPTY));
    state_writer_drop_detail(w, slot);
}

struct state_detail *state_writer_detail(struct state_writer *w, struct state_slot *slot, bool make)
{
    state_ref ref = atomic_load(&slot->detail);
    struct state_detail *d = state_writer_at(w, ref);
    if (d || !make)
        return d;
    if (w->n_free_details) {
        ref = w->free_details[--w->n_free_details];
        d = state_writer_at(w, ref);
        memset(d, 0, sizeof *d);
    } else {
        d = state_writer_alloc(w, EXTENT_DETAILS, sizeof *d / STATE_REF_UNIT, &ref);
    }
    atomic_store(&slot->detail, ref);
    return d;
}

void state_writer_detail_ready(const struct state_slot *slot, struct state_detail *d)
{
    atomic_store_explicit(&d->gen, SLOT_GEN(atomic_load(&slot->word)), memory_order_release);
}

void state_writer_drop_detail(struct state_writer *w, struct state_slot *slot)
{
    state_ref ref = atomic_exchange(&slot->detail, 0);
    struct state_detail *d = state_writer_at(w, ref);
    if (!d)
        return;
    atomic_store(&d->gen, 0);
    w->free_details = cli_grow(w->free_details, w->n_free_details, &w->cap_free_details, sizeof *w->free_details);
    w->free_details[w->n_free_details++] = ref;
}

/* ---- where records are found again ----------------------------------------------------------- */

static bool grow_index(struct state_index *index)
{
    size_t cap = index->cap ? index->cap * 2 : 256;
    struct state_index_entry *more = calloc(cap, sizeof *more);
    if (!more)
        return false;
    for (size_t i = 0; i < index->cap; i++) {
        if (!index->entries[i].ref)
            continue;
        size_t at = (size_t)(hash_spread(index->entries[i].hash) >> 32) & (cap - 1);
        while (more[at].ref)
            at = (at + 1) & (cap - 1);
        more[at] = index->entries[i];
    }
    free(index->entries);
    index->entries = more;
    index->cap = cap;
    return true;
}

struct state_index_entry *state_index_next(struct state_index *index, uint64_t hash, size_t *at)
{
    if (*at == SIZE_MAX) {
        if (2 * (index->n + 1) > index->cap && !grow_index(index))
            return NULL;
        *at = (size_t)(hash_spread(hash) >> 32) & (index->cap - 1);
    } else {
        *at = (*at + 1) & (index->cap - 1);
    }
    while (index->entries[*at].ref && index->entries[*at].hash != hash)
        *at = (*at + 1) & (index->cap - 1);
    return &index->entries[*at];
}

void state_index_put(struct state_index *index, struct state_index_entry *free_place, uint64_t hash, state_ref ref)
{
    *free_place = (struct state_index_entry){hash, ref};
    index->n++;
}
