/* SPDX-License-Identifier: MIT */
/*
 * state.c: the strict decoder of a state file.
 *
 * Called by the agent over its own live mapping (watcher, exit, any thread of a check) and by the
 * command over files and mappings of other processes. The bytes are hostile and may change while
 * they are read: each value that decides where to read next is loaded once, checked, and only the
 * checked copy is used. No lock, no allocation, nothing is ever written.
 */
#include "state.h"

#include <limits.h>
#include <string.h>

#include "utf8.h"

typedef uint64_t __attribute__((may_alias)) state_word;

/* to copy a slot that its program keeps changing; after that it counts as not live this time */
#define COPY_TRIES 4

static const unsigned char *body(const struct state_view *view, uint32_t extent)
{
    return view->base + STATE_BODY_OFFSET + (uint64_t)extent * STATE_EXTENT_SIZE;
}

static uint32_t extent_word(const struct state_view *view, uint32_t extent)
{
    return __atomic_load_n((const uint32_t *)(const void *)(view->base + STATE_TABLE_OFFSET) + extent, __ATOMIC_ACQUIRE);
}

static unsigned extent_type(uint32_t word) { return word >> 28; }

/* The first descriptor of a SLOTS extent, or -1 when the number is no descriptor's. */
static int extent_first_fd(uint32_t word)
{
    uint32_t parameter = word & 0x0fffffffu;
    return parameter <= INT_MAX / STATE_SLOTS_PER_EXTENT - 1 ? (int)(parameter * STATE_SLOTS_PER_EXTENT) : -1;
}

const char *state_open_view(struct state_view *view, const void *base, uint64_t size)
{
    *view = (struct state_view){0};
    if (size < STATE_PAGE || (uintptr_t)base % 8 != 0 || memcmp(base, STATE_MAGIC, 8) != 0)
        return "not a state file";
    const struct state_header *h = base;
    if (h->byte_order != STATE_BYTE_ORDER)
        return "written by a machine of the other byte order";
    if (h->version > STATE_VERSION)
        return "written by a newer sockleak: read it with that version's command";
    if (h->version == 0)
        return "of a format that this sockleak does not know";
    /* A header grows within its page: fields that its writer did not have are zeros. */
    if (h->word_bits != sizeof(void *) * CHAR_BIT || h->slot_size != sizeof(struct state_slot) || h->header_size < STATE_HEADER_FIRST ||
        h->header_size > STATE_PAGE)
        return "written by a sockleak of another word size or build";
    if (size < STATE_BODY_OFFSET)
        return "cut short: its extent table is missing";
    uint32_t n = atomic_load_explicit(&h->n_extents, memory_order_acquire);
    if (n > STATE_MAX_EXTENTS)
        return "damaged: it claims more extents than a file can have";
    uint64_t fit = (size - STATE_BODY_OFFSET) / STATE_EXTENT_SIZE;
    view->base = base;
    view->size = size;
    view->n_extents = n < fit ? n : (uint32_t)fit;
    return NULL;
}

const struct state_header *state_head(const struct state_view *view) { return (const struct state_header *)(const void *)view->base; }

/* "0.2.1" as a number that grows with it; 0: none. */
static uint32_t version_number(const char *text)
{
    uint32_t part[3] = {0};
    for (unsigned i = 0; i < 3 && *text >= '0' && *text <= '9'; i++) {
        for (; *text >= '0' && *text <= '9' && part[i] < 1000; text++)
            part[i] = part[i] * 10 + (uint32_t)(*text - '0');
        text += *text == '.';
    }
    return part[0] << 20 | part[1] << 10 | part[2];
}

const char *state_lacks(const char *writer, const char *reader)
{
    uint32_t theirs = version_number(writer), ours = version_number(reader);
    if (theirs > ours)
        return "newer than this command: what is new in it is not shown";
    if (theirs < version_number("0.2") && ours >= version_number("0.2"))
        return "which keeps the stacks that opened a socket and saw its end, and nothing of its life between";
    return NULL;
}

const struct state_log *state_log(const struct state_view *view)
{
    return (const struct state_log *)(const void *)(view->base + STATE_LOG_OFFSET);
}

const struct state_family *state_family(const struct state_view *view)
{
    return (const struct state_family *)(const void *)(view->base + STATE_FAMILY_OFFSET);
}

struct state_child *state_next_child(const struct state_view *view, uint64_t *pos)
{
    const unsigned per_extent = STATE_EXTENT_SIZE / sizeof(struct state_child);
    for (; *pos < (uint64_t)view->n_extents * per_extent; *pos += per_extent - *pos % per_extent) {
        uint32_t extent = (uint32_t)(*pos / per_extent);
        if (extent_type(extent_word(view, extent)) == EXTENT_CHILDREN)
            return (struct state_child *)(void *)(uintptr_t)(body(view, extent) + (*pos)++ % per_extent * sizeof(struct state_child));
    }
    return NULL;
}

bool state_next_held(const struct state_view *view, uint64_t *pos, struct state_held *copy)
{
    const unsigned per_extent = STATE_EXTENT_SIZE / sizeof *copy;
    while (*pos < (uint64_t)view->n_extents * per_extent) {
        uint32_t extent = (uint32_t)(*pos / per_extent);
        if (extent_type(extent_word(view, extent)) != EXTENT_HELD) {
            *pos = (uint64_t)(extent + 1) * per_extent;
            continue;
        }
        const unsigned char *at = body(view, extent) + (size_t)(*pos)++ % per_extent * sizeof *copy;
        const _Atomic uint32_t *phase = &((const struct state_held *)(const void *)at)->phase;
        if (atomic_load_explicit(phase, memory_order_acquire) != HELD_KEPT)
            continue;
        memcpy(copy, at, sizeof *copy);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(phase, memory_order_acquire) != HELD_KEPT) /* freed meanwhile */
            continue;
        copy->local[sizeof copy->local - 1] = copy->peer[sizeof copy->peer - 1] = 0;
        if (copy->n_holders > STATE_HOLDERS)
            copy->n_holders = STATE_HOLDERS;
        for (unsigned i = 0; i < STATE_HOLDERS; i++)
            copy->holder[i].exe[sizeof copy->holder[i].exe - 1] = 0;
        return true;
    }
    return false;
}

void state_string(char *out, size_t cap, const char *field, size_t field_size)
{
    size_t n = 0;
    if (cap == 0)
        return;
    for (size_t i = 0; i < field_size && field[i] && n + 1 < cap;) {
        /* A copy first: the field may change between the test of a byte and its use. */
        char seq[4] = {0};
        size_t left = field_size - i;
        memcpy(seq, field + i, left < sizeof seq ? left : sizeof seq);
        unsigned len = utf8_printable(seq, left < sizeof seq ? left : sizeof seq);
        if (len > cap - 1 - n)
            break;
        if (len == 0) {
            if (!seq[0])
                break;
            seq[0] = '?';
            len = 1;
        }
        memcpy(out + n, seq, len);
        n += len;
        i += len;
    }
    out[n] = 0;
}

/*
 * A consistent copy of a live slot: all words between two equal readings of the first. Each load is
 * an acquire, so that the last reading cannot move up.
 */
static bool copy_slot(const unsigned char *at, struct state_slot *copy)
{
    const state_word *from = (const state_word *)(const void *)at;
    state_word *to = (state_word *)(void *)copy;
    for (int i = 0; i < COPY_TRIES; i++) {
        uint64_t word = __atomic_load_n(&from[0], __ATOMIC_ACQUIRE);
        if (SLOT_PHASE(word) != SLOT_LIVE)
            return false;
        to[0] = word;
        for (unsigned w = 1; w < sizeof *copy / sizeof *to; w++)
            to[w] = __atomic_load_n(&from[w], __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&from[0], __ATOMIC_ACQUIRE) == word)
            return true;
    }
    return false;
}

bool state_next_slot(const struct state_view *view, uint64_t *pos, int *fd, struct state_slot *copy)
{
    while (*pos < (uint64_t)view->n_extents * STATE_SLOTS_PER_EXTENT) {
        uint32_t extent = (uint32_t)(*pos / STATE_SLOTS_PER_EXTENT), index = (uint32_t)(*pos % STATE_SLOTS_PER_EXTENT);
        uint32_t word = extent_word(view, extent);
        int first = extent_first_fd(word);
        if (extent_type(word) != EXTENT_SLOTS || first < 0) {
            *pos = (uint64_t)(extent + 1) * STATE_SLOTS_PER_EXTENT;
            continue;
        }
        ++*pos;
        if (copy_slot(body(view, extent) + (size_t)index * sizeof *copy, copy)) {
            *fd = first + (int)index;
            return true;
        }
    }
    return false;
}

bool state_copy_slot(const struct state_slot *slot, struct state_slot *copy) { return copy_slot((const unsigned char *)slot, copy); }

/*
 * The record of TYPE at REF and the bytes from there to its extent's end in *LEFT; NULL when REF
 * does not lie in such an extent.
 */
static const unsigned char *record_at(const struct state_view *view, state_ref ref, enum state_extent_type type, uint32_t *left)
{
    uint64_t offset = (uint64_t)ref * STATE_REF_UNIT;
    if (offset < STATE_BODY_OFFSET)
        return NULL;
    uint64_t extent = (offset - STATE_BODY_OFFSET) / STATE_EXTENT_SIZE;
    if (extent >= view->n_extents || extent_type(extent_word(view, (uint32_t)extent)) != type)
        return NULL;
    *left = STATE_EXTENT_SIZE - (uint32_t)((offset - STATE_BODY_OFFSET) % STATE_EXTENT_SIZE);
    return view->base + offset;
}

/* The size that a record claims, if it is one that fits into LEFT bytes; else 0. */
static uint32_t site_size(const unsigned char *at, uint32_t left)
{
    if (left < STATE_SITE_SIZE(0))
        return 0;
    const struct state_site *s = (const struct state_site *)(const void *)at;
    uint32_t size = atomic_load_explicit(&s->size, memory_order_acquire);
    return size >= STATE_SITE_SIZE(0) && size <= left && size % STATE_REF_UNIT == 0 ? size : 0;
}

static bool site_fill(const unsigned char *at, uint32_t size, struct state_site_view *out)
{
    const struct state_site *s = (const struct state_site *)(const void *)at;
    if (atomic_load_explicit(&s->ready, memory_order_acquire) != 1)
        return false;
    unsigned n = __atomic_load_n(&s->nframes, __ATOMIC_RELAXED);
    if (n > STATE_MAX_FRAMES || STATE_SITE_SIZE(n) > size)
        return false;
    out->site = s;
    out->nframes = n;
    out->pcs = (const uint64_t *)(const void *)(at + sizeof *s);
    out->modules = (const uint16_t *)(const void *)(at + sizeof *s + n * sizeof(uint64_t));
    return true;
}

bool state_site_at(const struct state_view *view, state_ref ref, struct state_site_view *out)
{
    uint32_t left = 0;
    const unsigned char *at = record_at(view, ref, EXTENT_SITES, &left);
    uint32_t size = at ? site_size(at, left) : 0;
    return size && site_fill(at, size, out);
}

bool state_next_site(const struct state_view *view, uint64_t *pos, state_ref *ref, struct state_site_view *out)
{
    /* *POS counts units of 64 bytes in the body; every pass of the loop raises it. */
    const uint64_t units = STATE_EXTENT_SIZE / STATE_REF_UNIT;
    while (*pos < view->n_extents * units) {
        state_ref here = (state_ref)(STATE_BODY_OFFSET / STATE_REF_UNIT + *pos);
        uint32_t left = 0;
        const unsigned char *at = record_at(view, here, EXTENT_SITES, &left);
        uint32_t size = at ? site_size(at, left) : 0;
        if (!size) {
            *pos = (*pos / units + 1) * units;
            continue;
        }
        *pos += size / STATE_REF_UNIT;
        if (site_fill(at, size, out)) {
            *ref = here;
            return true;
        }
    }
    return false;
}

/* The next record of EXTENT_CLOSES that is complete, of whatever format; *SIZE: its bytes. */
static const unsigned char *next_closes(const struct state_view *view, uint64_t *pos, uint32_t *size)
{
    /* *POS counts units of 64 bytes in the body; every pass of the loop raises it. */
    const uint64_t units = STATE_EXTENT_SIZE / STATE_REF_UNIT;
    while (*pos < view->n_extents * units) {
        uint32_t left = 0;
        const unsigned char *at = record_at(view, (state_ref)(STATE_BODY_OFFSET / STATE_REF_UNIT + *pos), EXTENT_CLOSES, &left);
        const struct state_closes *c = (const struct state_closes *)(const void *)at;
        *size = at ? atomic_load_explicit(&c->size, memory_order_acquire) : 0;
        if (!*size || *size > left || *size % STATE_REF_UNIT) {
            *pos = (*pos / units + 1) * units;
            continue;
        }
        *pos += *size / STATE_REF_UNIT;
        if (atomic_load_explicit(&c->ready, memory_order_acquire) == 1)
            return at;
    }
    return NULL;
}

const struct state_closes *state_next_closes(const struct state_view *view, uint64_t *pos)
{
    const unsigned char *at;
    uint32_t size;
    while ((at = next_closes(view, pos, &size)) != NULL) {
        const struct state_closes *c = (const struct state_closes *)(const void *)at;
        if (size >= sizeof *c && __atomic_load_n(&c->format, __ATOMIC_RELAXED) == STATE_CLOSES_SITE)
            return c;
    }
    return NULL;
}

/* Files of an earlier version keep them in another form. */
static bool has_lives(const struct state_view *view) { return state_head(view)->version >= STATE_VERSION_LIVES; }

/* False while a thread writes it. */
static bool copy_closed(const struct state_closed *from, struct state_closed *copy)
{
    const _Atomic uint32_t *word = (const _Atomic uint32_t *)(const void *)from;
    _Atomic uint32_t *to = (_Atomic uint32_t *)(void *)copy;
    uint32_t turn = atomic_load_explicit(&from->turn, memory_order_acquire);
    for (unsigned w = 0; w < sizeof *copy / sizeof *to; w++)
        atomic_store_explicit(&to[w], atomic_load_explicit(&word[w], memory_order_acquire), memory_order_relaxed);
    return !(turn & 1) && atomic_load_explicit(&from->turn, memory_order_acquire) == turn;
}

bool state_closed_by(const struct state_view *view, const struct state_closes *c, state_ref by, struct state_closed *copy)
{
    state_ref ref = atomic_load_explicit(&c->lives, memory_order_acquire);
    /* two threads may have made one for the same stack */
    for (unsigned i = 0; ref && by && i < 2 * STATE_CLOSERS; i++) {
        uint32_t left = 0;
        const struct state_closed *s = (const struct state_closed *)(const void *)record_at(view, ref, EXTENT_CLOSES, &left);
        if (!s || left < sizeof *s || atomic_load_explicit(&s->ready, memory_order_acquire) != 1 ||
            __atomic_load_n(&s->format, __ATOMIC_RELAXED) != STATE_CLOSES_LIFE || !has_lives(view))
            return false;
        if (__atomic_load_n(&s->by, __ATOMIC_RELAXED) == by)
            return copy_closed(s, copy);
        ref = atomic_load_explicit(&s->next, memory_order_relaxed);
    }
    return false;
}

const struct state_use *state_next_use(const struct state_view *view, uint64_t *pos)
{
    const unsigned char *at;
    uint32_t size;
    while ((at = next_closes(view, pos, &size)) != NULL) {
        const struct state_use *u = (const struct state_use *)(const void *)at;
        if (size >= sizeof *u && __atomic_load_n(&u->format, __ATOMIC_RELAXED) == STATE_CLOSES_USE)
            return u;
    }
    return NULL;
}

const struct state_growth *state_next_growth(const struct state_view *view, uint64_t *pos)
{
    const unsigned char *at;
    uint32_t size;
    while ((at = next_closes(view, pos, &size)) != NULL) {
        const struct state_growth *g = (const struct state_growth *)(const void *)at;
        if (size >= sizeof *g && __atomic_load_n(&g->format, __ATOMIC_RELAXED) == STATE_CLOSES_GROWTH)
            return g;
    }
    return NULL;
}

bool state_frame_at(const struct state_view *view, uint64_t pc, struct state_frame_view *out)
{
    uint32_t left = 0;
    const unsigned char *at =
        state_is_frame(pc) && (pc & ~STATE_FRAME_BIT) <= UINT32_MAX ? record_at(view, (state_ref)pc, EXTENT_FRAMES, &left) : NULL;
    const struct state_frame *f = (const struct state_frame *)(const void *)at;
    if (!at || left < sizeof *f || atomic_load_explicit(&f->ready, memory_order_acquire) != 1)
        return false;
    /* each is loaded once: the file may change under the reader */
    uint32_t size = __atomic_load_n(&f->size, __ATOMIC_RELAXED);
    out->function_size = __atomic_load_n(&f->function_size, __ATOMIC_RELAXED);
    out->file_size = __atomic_load_n(&f->file_size, __ATOMIC_RELAXED);
    out->runtime = __atomic_load_n(&f->runtime, __ATOMIC_RELAXED);
    if (__atomic_load_n(&f->format, __ATOMIC_RELAXED) != STATE_FRAME_FORMAT || out->runtime == RUNTIME_NATIVE ||
        out->runtime >= RUNTIME_COUNT)
        return false;
    if (size > left || !out->function_size || !out->file_size || sizeof *f + out->function_size + out->file_size > size)
        return false;
    out->frame = f;
    out->function = (const char *)at + sizeof *f;
    out->file = out->function + out->function_size;
    return !out->function[out->function_size - 1] && !out->file[out->file_size - 1];
}

const struct state_share *state_share_at(const struct state_view *view, state_ref ref)
{
    uint32_t left = 0;
    return (const struct state_share *)(const void *)(ref ? record_at(view, ref, EXTENT_SHARES, &left) : NULL);
}

const struct state_detail *state_detail_at(const struct state_view *view, state_ref ref, uint32_t gen)
{
    uint32_t left = 0;
    const unsigned char *at = gen ? record_at(view, ref, EXTENT_DETAILS, &left) : NULL;
    if (!at || left % sizeof(struct state_detail) != 0)
        return NULL;
    const struct state_detail *d = (const struct state_detail *)(const void *)at;
    return atomic_load_explicit(&d->gen, memory_order_acquire) == gen ? d : NULL;
}

const struct state_detail *state_slot_detail(const struct state_view *view, const struct state_slot *copy)
{
    uint32_t gen = SLOT_GEN(copy->word);
    return copy->watch_gen == gen ? state_detail_at(view, copy->detail, gen) : NULL;
}

const struct state_attempt *state_attempt_of(const struct state_view *view, int fd, const struct state_slot *slot)
{
    uint32_t gen = SLOT_GEN(slot->word), chunk = (uint32_t)fd / STATE_ATTEMPTS_PER_EXTENT;
    for (uint32_t i = 0; fd >= 0 && gen && i < view->n_extents; i++) {
        if (extent_word(view, i) != ((uint32_t)EXTENT_ATTEMPTS << 28 | chunk))
            continue;
        const struct state_attempt *a =
            (const struct state_attempt *)(const void *)body(view, i) + (uint32_t)fd % STATE_ATTEMPTS_PER_EXTENT;
        if (atomic_load_explicit(&a->gen, memory_order_acquire) == gen)
            return a;
    }
    return NULL;
}

/* The extent of lives that has the descriptors from CHUNK * 128 on; n_extents: there is none. */
static uint32_t extent_of_lives(const struct state_view *view, struct state_finder *find, uint32_t chunk)
{
    const uint32_t word = (uint32_t)EXTENT_LIVES << 28 | chunk, n = view->n_extents;
    /* sockets are read in the order of their extents, so that the next one is near the last one */
    for (uint32_t i = 0, at = find->life < n ? find->life : 0; i < n; i++, at = at + 1 < n ? at + 1 : 0)
        if (extent_word(view, at) == word)
            return find->life = at;
    return n;
}

bool state_life_of(const struct state_view *view, struct state_finder *find, int fd, const struct state_slot *slot, struct state_life *copy)
{
    uint32_t gen = SLOT_GEN(slot->word), at = fd >= 0 && gen ? extent_of_lives(view, find, (uint32_t)fd / STATE_LIVES_PER_EXTENT) : 0;
    if (fd < 0 || !gen || at >= view->n_extents || !has_lives(view))
        return false;
    const struct state_life *life = (const struct state_life *)(const void *)body(view, at) + (uint32_t)fd % STATE_LIVES_PER_EXTENT;
    state_copy_life(copy, life);
    /* the generation was read first: between two equal readings of it nobody else's life began */
    return copy->gen == gen && atomic_load_explicit(&life->gen, memory_order_acquire) == gen;
}

const struct state_pair *state_pair_of(const struct state_view *view, struct state_finder *find, uint32_t number)
{
    for (; find->n_extents < view->n_extents && find->n_pairs < STATE_PAIRS_EXTENTS; find->n_extents++)
        if (extent_type(extent_word(view, find->n_extents)) == EXTENT_PAIRS)
            find->pairs[find->n_pairs++] = find->n_extents;
    for (uint32_t i = 0; number && i < find->n_pairs; i++) {
        const struct state_pair *p = (const struct state_pair *)(const void *)body(view, find->pairs[i]);
        for (unsigned k = 0; k < STATE_PAIRS_PER_EXTENT; k++)
            if (atomic_load_explicit(&p[k].number, memory_order_acquire) == number)
                return &p[k];
    }
    return NULL;
}

/* The NTH extent of TYPE, or NULL. */
static const unsigned char *nth_extent(const struct state_view *view, enum state_extent_type type, unsigned nth)
{
    for (uint32_t i = 0; i < view->n_extents; i++)
        if (extent_type(extent_word(view, i)) == type && nth-- == 0)
            return body(view, i);
    return NULL;
}

const struct state_module *state_module_at(const struct state_view *view, unsigned number)
{
    if (number >= STATE_NO_MODULE)
        return NULL;
    const unsigned char *at = nth_extent(view, EXTENT_MODULES, number / STATE_MODULES_PER_EXTENT);
    if (!at)
        return NULL;
    const struct state_module *m = (const struct state_module *)(const void *)at + number % STATE_MODULES_PER_EXTENT;
    if (atomic_load_explicit(&m->ready, memory_order_acquire) != 1 || m->build_id_len > sizeof m->build_id)
        return NULL;
    return memchr(m->path, 0, sizeof m->path) ? m : NULL;
}

const struct state_text *state_text_of(const struct state_view *view, unsigned nth)
{
    const struct state_text *t = (const struct state_text *)(const void *)nth_extent(view, EXTENT_TEXT, nth);
    if (!t || atomic_load_explicit(&t->ready, memory_order_acquire) != 1)
        return NULL;
    return t->options_len <= sizeof t->options && t->rules_len <= sizeof t->rules ? t : NULL;
}

void state_tag_at(const struct state_view *view, unsigned tag, char out[64])
{
    out[0] = 0;
    const unsigned char *at = tag ? nth_extent(view, EXTENT_TAGS, tag / STATE_TAGS_PER_EXTENT) : NULL;
    if (at)
        state_string(out, 64, (const char *)at + (size_t)(tag % STATE_TAGS_PER_EXTENT) * 64, 64);
}
