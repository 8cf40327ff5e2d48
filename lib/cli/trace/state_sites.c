/* SPDX-License-Identifier: MIT */
/*
 * state_sites.c: interns stacks and the frames of Go in a state file.
 *
 * Called by the supervisor alone, for each call that it has stopped. A native frame is an address in
 * a module, which whoever reads the report gives its name; one that the walk has named itself is a
 * record of its own, with the part of the stack that it belongs to.
 */
#include "state_sites.h"

#include <string.h>

#include "../../core/hash.h"
#include "../../core/own_frames.h"
#include "../../core/siteid.h"
#include "state_modules.h"

/* What a site is made of. */
struct stack {
    unsigned n, call;
    uint64_t pcs[STATE_MAX_FRAMES];
    uint16_t modules[STATE_MAX_FRAMES];
};

/* ---- frames ---------------------------------------------------------------------------------- */

static bool is_same_frame(const struct state_frame *f, const struct walk_frame *w, unsigned role)
{
    const char *function = (const char *)(f + 1);
    return f->line == w->line && f->flags == FRAME_ROLE(role) && strncmp(function, w->function, STATE_FUNCTION_MAX - 1) == 0 &&
           strncmp(function + f->function_size, w->file ? w->file : "", STATE_FILE_MAX - 1) == 0;
}

/* Of a longer name the end is kept: the innermost function, the file itself. */
static const char *end_of(const char *text, size_t room)
{
    size_t n = strlen(text);
    return n < room ? text : text + (n + 1 - room);
}

/* The address that stands for the frame F in a stack. */
static uint64_t intern_frame(struct state_writer *w, const struct walk_frame *f, unsigned role)
{
    struct walk_frame cut = *f;
    cut.function = end_of(f->function, STATE_FUNCTION_MAX);
    cut.file = end_of(f->file ? f->file : "", STATE_FILE_MAX);
    size_t function = strlen(cut.function) + 1, file = strlen(cut.file) + 1, at = SIZE_MAX;
    uint64_t hash = hash_bytes(hash_bytes(HASH_START ^ role, cut.function, function), cut.file, file);
    hash = hash_mix(hash, f->line);
    struct state_index_entry *e;
    while ((e = state_index_next(&w->frames, hash, &at)) && e->ref)
        if (is_same_frame(state_writer_at(w, e->ref), &cut, role))
            return STATE_FRAME_BIT | e->ref;
    state_ref ref;
    uint32_t size = STATE_FRAME_SIZE(function + file);
    struct state_frame *r = e ? state_writer_alloc(w, EXTENT_FRAMES, size / STATE_REF_UNIT, &ref) : NULL;
    if (!r)
        return STATE_FRAME_BIT;
    r->size = (uint16_t)size;
    r->format = STATE_FRAME_FORMAT;
    r->runtime = RUNTIME_GO;
    r->line = f->line;
    r->flags = FRAME_ROLE(role);
    r->function_size = (uint16_t)function;
    r->file_size = (uint16_t)file;
    r->hash = hash;
    memcpy(r + 1, cut.function, function);
    memcpy((char *)(r + 1) + function, cut.file, file);
    atomic_store_explicit(&r->ready, 1, memory_order_release);
    state_index_put(&w->frames, e, hash, ref);
    return STATE_FRAME_BIT | ref;
}

/* ---- sites ----------------------------------------------------------------------------------- */

static uint64_t *pcs_of(struct state_site *s) { return (uint64_t *)(void *)(s + 1); }

static uint64_t hash_of(const struct stack *s)
{
    uint64_t h = hash_mix(HASH_START ^ s->n, s->call);
    for (unsigned i = 0; i < s->n; i++)
        h = hash_mix(h, s->pcs[i]);
    return h;
}

static bool is_mixed(const struct stack *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (state_is_frame(s->pcs[i]))
            return true;
    return false;
}

/* The stable name: as the agent makes it, with the part of the stack that a named frame belongs to. */
static uint64_t name_of(const struct state_writer *w, const struct stack *s)
{
    struct state_view view = state_writer_view(w);
    uint64_t id = siteid_begin();
    bool mixed = is_mixed(s);
    for (unsigned i = 0; i < s->n; i++) {
        struct state_frame_view f;
        const struct state_module *m = s->modules[i] == STATE_NO_MODULE ? NULL : state_modules_at(w, s->modules[i]);
        if (state_frame_at(&view, s->pcs[i], &f)) {
            if (state_frame_role(f.frame))
                id = hash_byte(id, (unsigned char)state_frame_role(f.frame));
            id = siteid_runtime_frame(id, &f);
        } else if (!mixed || !m || !own_frames_is_inner_object(m->path)) {
            id = siteid_frame(id, m, s->pcs[i]);
        }
    }
    return siteid_end(id);
}

static state_ref intern(struct state_writer *w, const struct stack *s)
{
    uint64_t hash = hash_of(s);
    size_t at = SIZE_MAX;
    struct state_index_entry *e;
    state_ref ref;
    while ((e = state_index_next(&w->sites, hash, &at)) && e->ref) {
        struct state_site *known = state_writer_at(w, e->ref);
        if (known->nframes == s->n && known->call == s->call && memcmp(pcs_of(known), s->pcs, s->n * sizeof *s->pcs) == 0)
            return e->ref;
    }
    struct state_site *r = e ? state_writer_alloc(w, EXTENT_SITES, STATE_SITE_SIZE(s->n) / STATE_REF_UNIT, &ref) : NULL;
    if (!r) {
        atomic_fetch_add(&w->head->dropped[DROP_SITE_FULL], 1);
        return 0;
    }
    r->nframes = (uint8_t)s->n;
    r->hash = hash;
    r->call = (uint8_t)s->call;
    memcpy(pcs_of(r), s->pcs, s->n * sizeof *s->pcs);
    memcpy(pcs_of(r) + s->n, s->modules, s->n * sizeof *s->modules);
    r->siteid = name_of(w, s);
    atomic_store_explicit(&r->size, STATE_SITE_SIZE(s->n), memory_order_release);
    atomic_store_explicit(&r->ready, 1, memory_order_release);
    state_index_put(&w->sites, e, hash, ref);
    return ref;
}

/* How many frames of the stack itself stay where MAX_FRAMES are kept: who created it and who waits goes first. */
static unsigned own_kept(const struct walk *walk, unsigned max_frames)
{
    unsigned own = 0;
    while (own < walk->n && walk->frames[own].role == ROLE_STACK)
        own++;
    unsigned others = walk->n - own;
    if (walk->n <= max_frames)
        return own;
    return others + 1 < max_frames ? max_frames - others : 1;
}

state_ref state_sites_intern(struct state_writer *w, pid_t pid, const struct walk *walk, unsigned call, unsigned max_frames)
{
    struct stack s = {.call = call};
    struct state_known *known = &w->known[(walk->known * CALL_COUNT + call) % STATE_KNOWN_WALKS];
    if (walk->known && known->walk == walk->known && known->call == call)
        return known->site;
    if (max_frames > STATE_MAX_FRAMES)
        max_frames = STATE_MAX_FRAMES;
    if (!walk->n || !max_frames)
        return 0;
    unsigned own = own_kept(walk, max_frames);
    for (unsigned i = 0; i < walk->n && s.n < max_frames; i++) {
        const struct walk_frame *f = &walk->frames[i];
        if (f->role == ROLE_STACK && i >= own)
            continue;
        bool named = f->function != NULL;
        s.pcs[s.n] = named ? intern_frame(w, f, f->role) : f->pc;
        s.modules[s.n++] = (uint16_t)(named ? STATE_NO_MODULE : state_modules_of(w, pid, f->pc - 1));
    }
    state_ref ref = intern(w, &s);
    if (ref && walk->known)
        *known = (struct state_known){walk->known, call, ref};
    return ref;
}

static void append(struct stack *to, const struct state_site_view *v)
{
    for (unsigned i = 0; i < v->nframes && to->n < STATE_MAX_FRAMES; i++) {
        to->pcs[to->n] = v->pcs[i];
        to->modules[to->n++] = v->modules[i];
    }
}

state_ref state_sites_either(struct state_writer *w, const state_ref *sites, unsigned n)
{
    struct state_view view = state_writer_view(w);
    static const struct walk_frame between = {.function = "", .file = ""};
    struct stack s = {0};
    for (unsigned i = 0; i < n; i++) {
        struct state_site_view v;
        if (!state_site_at(&view, sites[i], &v) || s.n + 1 + v.nframes > STATE_MAX_FRAMES)
            return 0;
        if (i) {
            s.pcs[s.n] = intern_frame(w, &between, FRAME_ROLE_OR);
            s.modules[s.n++] = STATE_NO_MODULE;
        }
        s.call = v.site->call;
        append(&s, &v);
    }
    return s.n ? intern(w, &s) : 0;
}

state_ref state_sites_copy(struct state_writer *w, const struct state_writer *from, state_ref ref)
{
    struct state_view view = state_writer_view(from);
    struct state_site_view v;
    struct stack s = {0};
    if (!ref || !state_site_at(&view, ref, &v))
        return 0;
    append(&s, &v);
    s.call = v.site->call;
    for (unsigned i = 0; i < s.n; i++) {
        struct state_frame_view f;
        const struct state_module *m = s.modules[i] == STATE_NO_MODULE ? NULL : state_modules_at(from, s.modules[i]);
        if (state_frame_at(&view, s.pcs[i], &f))
            s.pcs[i] = intern_frame(w, &(struct walk_frame){.function = f.function, .file = f.file, .line = f.frame->line},
                                    state_frame_role(f.frame));
        s.modules[i] = (uint16_t)(m ? state_modules_copy(w, m) : STATE_NO_MODULE);
    }
    return intern(w, &s);
}

/* Does the frame at PC belong to a part behind the stack itself? */
static unsigned role_at(const struct state_view *view, uint64_t pc)
{
    struct state_frame_view f;
    return state_frame_at(view, pc, &f) ? state_frame_role(f.frame) : FRAME_ROLE_STACK;
}

static bool has_waiter(const struct walk *walk)
{
    for (uint32_t i = 0; i < walk->n; i++)
        if (walk->frames[i].role == ROLE_WAITED_FOR_BY)
            return true;
    return false;
}

state_ref state_sites_with_waiter(struct state_writer *w, state_ref ref, const struct walk *walk, unsigned max_frames)
{
    struct state_view view = state_writer_view(w);
    struct state_site_view v;
    struct stack s = {0};
    if (!has_waiter(walk) || !state_site_at(&view, ref, &v))
        return ref;
    s.call = v.site->call;
    append(&s, &v);
    for (unsigned i = 0; i < s.n; i++)
        if (role_at(&view, s.pcs[i]) == FRAME_ROLE_WAITED_FOR_BY)
            return ref;
    while (s.n && role_at(&view, s.pcs[s.n - 1]) == FRAME_ROLE_CREATED_BY)
        s.n--;
    unsigned others = 0, room = max_frames < STATE_MAX_FRAMES ? max_frames : STATE_MAX_FRAMES;
    for (uint32_t i = 0; i < walk->n; i++)
        others += walk->frames[i].role != ROLE_STACK && walk->frames[i].function;
    if (s.n + others > room)
        s.n = others + 1 < room ? room - others : 1;
    for (uint32_t i = 0; i < walk->n && s.n < room; i++) {
        const struct walk_frame *f = &walk->frames[i];
        if (f->role == ROLE_STACK || !f->function)
            continue;
        s.pcs[s.n] = intern_frame(w, f, f->role);
        s.modules[s.n++] = STATE_NO_MODULE;
    }
    return intern(w, &s);
}

void state_sites_opened(struct state_writer *w, state_ref ref, uint64_t n)
{
    struct state_site *s = state_writer_at(w, ref);
    atomic_fetch_add(s ? &s->opened : &w->head->sockets_opened, n);
}

void state_sites_closed(struct state_writer *w, state_ref ref)
{
    struct state_site *s = state_writer_at(w, ref);
    atomic_fetch_add(s ? &s->closed : &w->head->sockets_closed, 1);
}

void state_sites_moved(struct state_writer *w, state_ref from, state_ref to)
{
    struct state_site *s = state_writer_at(w, from);
    if (s && atomic_load(&s->opened))
        atomic_fetch_sub(&s->opened, 1);
    state_sites_opened(w, to, 1);
}
