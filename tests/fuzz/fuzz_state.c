/* SPDX-License-Identifier: MIT */
/*
 * fuzz_state.c: damaged state files through the whole decoder: nothing is read beyond the file,
 * nothing loops, what is accepted holds together.
 *
 * A state file of any use has 80 KiB, nearly all zero, so the input is a recipe: a byte for the
 * number of extents (0..7), a byte for how much is cut off at the end (in units of 512), 4 bytes
 * for the word of each extent; then patches of the image, header included: 4 bytes place, 1 byte
 * length, the bytes. Integers are little-endian.
 */
#include <stdlib.h>
#include <string.h>

#include "core/finding.h"
#include "core/group.h"
#include "core/growth_ring.h"
#include "core/parting.h"
#include "core/siblings.h"
#include "core/siteid.h"
#include "core/state.h"
#include "standalone.h"

static uint8_t sink; /* so that no read is optimized away */

static void touch(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sink ^= ((const uint8_t *)p)[i];
}

static void touch_string(const char *field, size_t size)
{
    char text[512];
    state_string(text, sizeof text, field, size);
    if (strlen(text) > size)
        abort();
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            abort();
}

static void touch_frame(const struct state_frame_view *f)
{
    char text[STATE_FILE_MAX];
    if (f->runtime == RUNTIME_NATIVE || !runtime_name(f->runtime) || strlen(f->function) >= f->function_size ||
        strlen(f->file) >= f->file_size)
        abort();
    touch(f->frame, sizeof *f->frame);
    touch(f->function, f->function_size);
    touch(f->file, f->file_size);
    state_string(text, sizeof text, f->file, f->file_size);
    touch(text, strlen(text));
}

static void touch_site(const struct state_view *v, const struct state_site_view *sv)
{
    if (sv->nframes > STATE_MAX_FRAMES)
        abort();
    touch(sv->pcs, sv->nframes * sizeof *sv->pcs);
    touch(sv->modules, sv->nframes * sizeof *sv->modules);
    uint64_t h = siteid_begin();
    for (unsigned i = 0; i < sv->nframes; i++) {
        const struct state_module *m = state_module_at(v, sv->modules[i]);
        if (m) {
            touch(m->build_id, m->build_id_len);
            touch_string(m->path, sizeof m->path);
        }
        struct state_frame_view f;
        if (state_frame_at(v, sv->pcs[i], &f)) {
            touch_frame(&f);
            h = siteid_runtime_frame(h, &f);
        } else {
            h = siteid_frame(h, m, sv->pcs[i]);
        }
    }
    if (siteid_end(h) == 0)
        abort();
}

static void touch_pair(const struct state_view *v, struct state_finder *find, uint32_t number, uint64_t use)
{
    struct state_site_view sv;
    const struct state_pair *p = state_pair_of(v, find, number);
    if (!p)
        return;
    if (!number || state_pair_thread(p, use) >= LIFE_TIDS)
        abort();
    touch(p, sizeof *p);
    for (unsigned i = 0; i < 2; i++)
        if (state_site_at(v, p->stack[i].site, &sv))
            touch_site(v, &sv);
}

static void touch_use(const struct state_view *v, struct state_finder *find, uint64_t use)
{
    touch_pair(v, find, LIFE_FIRST(use), use);
    touch_pair(v, find, LIFE_LAST(use), use);
}

static void touch_life(const struct state_view *v, struct state_finder *find, int fd, const struct state_slot *slot)
{
    struct state_life life;
    struct state_site_view sv;
    if (!state_life_of(v, find, fd, slot, &life))
        return;
    if (!life.gen || life.gen != SLOT_GEN(slot->word))
        abort();
    touch_use(v, find, life.receive);
    touch_use(v, find, life.send);
    if (state_site_at(v, life.rare & LIFE_RARE_REF, &sv))
        touch_site(v, &sv);
}

static void touch_closed(const struct state_view *v, struct state_finder *find, const struct state_closes *c, state_ref by)
{
    struct state_closed closed;
    if (!state_closed_by(v, c, by, &closed))
        return;
    touch_use(v, find, closed.life.receive);
    touch_use(v, find, closed.life.send);
    if (closed.turn & 1)
        abort();
}

/* What a report makes of a slot: its life, its ends, and the closed sockets of its site beside it. */
static void touch_finding(const struct state_view *v, struct state_finder *find, int fd, const struct state_slot *slot)
{
    struct finding f;
    struct group g;
    struct parting p;
    finding_from_slot(&f, fd, slot, v);
    finding_add_life(&f, slot, v, find);
    if (group_findings(&f, 1, &g, 1) != 1)
        abort();
    siblings_find(&g, v);
    for (unsigned i = 0; i < g.n_told; i++)
        sink ^= parting_of(&g, &g.told[i], &p);
}

/* How many sockets of a site were stuck over time. */
static void touch_growth(const struct state_view *v)
{
    struct growth_point points[STATE_GROWTH_POINTS];
    const struct state_growth *g;
    for (uint64_t pos = 0; (g = state_next_growth(v, &pos)) != NULL;) {
        unsigned n = growth_ring_read(g, points);
        for (unsigned i = 1; i < n; i++)
            if (points[i].at_ns <= points[i - 1].at_ns)
                abort();
    }
}

static void read_all(const struct state_view *v)
{
    struct state_finder find = {0};
    struct state_site_view sv;
    struct state_slot slot;
    uint64_t pos = 0, rounds = 0;
    int fd = -1;
    while (state_next_slot(v, &pos, &fd, &slot)) {
        if (fd < 0 || ++rounds > 8 * STATE_SLOTS_PER_EXTENT || SLOT_PHASE(slot.word) != SLOT_LIVE)
            abort();
        const struct state_detail *d = state_slot_detail(v, &slot);
        if (d) {
            touch(d, sizeof *d);
            touch_string(d->local, sizeof d->local);
            touch_string(d->peer, sizeof d->peer);
        }
        if (state_site_at(v, slot.site, &sv))
            touch_site(v, &sv);
        if (state_site_at(v, slot.told_site, &sv))
            touch_site(v, &sv);
        touch_life(v, &find, fd, &slot);
        touch_finding(v, &find, fd, &slot);
        char tag[64];
        state_tag_at(v, slot.tag, tag);
        touch(tag, strlen(tag));
    }
    state_ref ref = 0, last = 0;
    pos = 0;
    while (state_next_site(v, &pos, &ref, &sv)) {
        if (ref <= last || !state_site_at(v, ref, &sv)) /* never back, and what is iterated can be named */
            abort();
        last = ref;
        touch_site(v, &sv);
    }
    pos = rounds = 0;
    for (const struct state_closes *c; (c = state_next_closes(v, &pos)) != NULL;) {
        if (++rounds > 8 * STATE_EXTENT_SIZE / STATE_REF_UNIT)
            abort();
        touch(c, sizeof *c);
        for (unsigned i = 0; i < STATE_CLOSERS; i++)
            touch_closed(v, &find, c, c->by[i]);
    }
    pos = rounds = 0;
    for (const struct state_use *u; (u = state_next_use(v, &pos)) != NULL;) {
        if (++rounds > 8 * STATE_EXTENT_SIZE / STATE_REF_UNIT)
            abort();
        touch(u, sizeof *u);
        touch_string(u->local, sizeof u->local);
        touch_string(u->peer, sizeof u->peer);
    }
    for (unsigned number = 0; number < 8 * STATE_MODULES_PER_EXTENT; number++) {
        const struct state_module *m = state_module_at(v, number);
        if (m)
            touch(m, sizeof *m);
    }
    for (state_ref at = STATE_BODY_OFFSET / STATE_REF_UNIT; at < (STATE_BODY_OFFSET + 8 * STATE_EXTENT_SIZE) / STATE_REF_UNIT; at++) {
        struct state_frame_view f;
        if (state_frame_at(v, STATE_FRAME_BIT | at, &f))
            touch_frame(&f);
    }
    touch_growth(v);
    struct state_held held;
    pos = 0;
    while (state_next_held(v, &pos, &held)) {
        if (held.n_holders > STATE_HOLDERS)
            abort();
        touch(held.local, strlen(held.local));
        for (unsigned i = 0; i < held.n_holders; i++)
            touch(held.holder[i].exe, strlen(held.holder[i].exe));
    }
    touch_string(state_head(v)->exe, sizeof state_head(v)->exe);
}

static uint32_t take_u32(const uint8_t **p, const uint8_t *end)
{
    uint32_t v = 0;
    if (end - *p >= 4) {
        v = (uint32_t)(*p)[0] | (uint32_t)(*p)[1] << 8 | (uint32_t)(*p)[2] << 16 | (uint32_t)(*p)[3] << 24;
        *p += 4;
    } else {
        *p = end;
    }
    return v;
}

static void header(uint8_t *base, uint32_t extents)
{
    struct state_header *h = (void *)base;
    memcpy(h->magic, STATE_MAGIC, 8);
    h->version = STATE_VERSION;
    h->byte_order = STATE_BYTE_ORDER;
    h->header_size = sizeof *h;
    h->slot_size = sizeof(struct state_slot);
    h->word_bits = 64;
    h->n_extents = extents;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *p = data, *end = data + size;
    if (size < 2)
        return 0;
    uint32_t extents = *p++ % 8, cut = *p++ * 512u;
    size_t whole = STATE_BODY_OFFSET + (size_t)extents * STATE_EXTENT_SIZE;
    uint8_t *base = calloc(1, whole);
    if (!base)
        return 0;
    header(base, extents);
    for (uint32_t i = 0; i < extents; i++) {
        uint32_t word = take_u32(&p, end);
        memcpy(base + STATE_TABLE_OFFSET + i * 4, &word, 4);
    }
    while (end - p > 5) {
        size_t at = take_u32(&p, end) % whole, n = *p++;
        n = n < (size_t)(end - p) ? n : (size_t)(end - p);
        n = n < whole - at ? n : whole - at;
        memcpy(base + at, p, n);
        p += n;
    }
    size_t left = whole - (cut < whole ? cut : 0);
    uint8_t *file = aligned_alloc(8, (left + 7) & ~(size_t)7); /* a block of its own size: the sanitizer sees a byte too many */
    if (file) {
        struct state_view v;
        memcpy(file, base, left);
        if (!state_open_view(&v, file, left))
            read_all(&v);
    }
    free(file);
    free(base);
    return 0;
}
