/* SPDX-License-Identifier: MIT */
/*
 * variants.c: the sockets of one site that came to different ends.
 *
 * Called by finding.c for each finding, and by group.c once for each site of a report. A variant's
 * name is a hash over build-ids and offsets, as a site's is, and as fixed.
 */
#include "variants.h"

#include <string.h>

#include "hash.h"
#include "own_frames.h"
#include "runtime_files.h"
#include "siteid.h"
#include "sort.h"

/* ---- the stacks of the ends ------------------------------------------------------------------ */

/* Not of the program: libc, a library of the system, the vDSO. */
static bool is_of_system(const char *path)
{
    return own_frames_is_inner_object(path) || own_frames_is_system_library(path) || path[0] == '[';
}

/* H with the frame of a language runtime added, if it is the program's own; *OWN counts these. */
static uint64_t add_runtime_frame(uint64_t h, const struct state_view *view, uint64_t pc, unsigned *own)
{
    char function[STATE_FUNCTION_MAX], file[STATE_FILE_MAX];
    struct state_frame_view f;
    if (!state_frame_at(view, pc, &f))
        return h;
    state_string(function, sizeof function, f.function, f.function_size);
    state_string(file, sizeof file, f.file, f.file_size);
    f.function = function;
    f.file = file;
    if (runtime_files_code(f.runtime, file, function) != RUNTIME_CODE_PROGRAM)
        return h;
    ++*own;
    return siteid_runtime_frame(h, &f);
}

static uint64_t hash_own(const struct state_view *view, state_ref ref)
{
    struct state_site_view site;
    uint64_t h = siteid_begin();
    unsigned own = 0, n = state_site_at(view, ref, &site) ? site.nframes : 0;
    bool mixed = false;
    for (unsigned i = 0; i < n; i++)
        mixed |= state_is_frame(site.pcs[i]);
    for (unsigned i = 0; i < n; i++) {
        if (mixed) {
            h = add_runtime_frame(h, view, site.pcs[i], &own);
            continue;
        }
        const struct state_module *m = state_module_at(view, site.modules[i]);
        if (!m || m->interpreter || is_of_system(m->path))
            continue;
        h = siteid_frame(h, m, site.pcs[i]);
        own++;
    }
    return own ? siteid_end(h) : 0;
}

/* The name of the program's own frames of the stack REF; 0: it has none. */
static uint64_t own_frames_of(const struct state_view *view, struct state_finder *find, state_ref ref)
{
    unsigned at = (unsigned)(hash_spread(ref) >> 32) % STATE_FINDER_STACKS;
    if (!ref)
        return 0;
    if (find->stacks[at].site != ref) {
        find->stacks[at].own = hash_own(view, ref);
        find->stacks[at].site = ref;
    }
    return find->stacks[at].own;
}

void variants_ends(struct finding *f, const struct state_view *view, struct state_finder *find)
{
    static const uint8_t events[VARIANT_ENDS] = {EVENT_NONE,      EVENT_LAST_RECEIVE, EVENT_LAST_SEND,
                                                 EVENT_EPOLL_DEL, EVENT_SHUTDOWN,     EVENT_DUP};
    memset(f->ends, 0, sizeof f->ends);
    if (f->kind == KIND_USE_AFTER_CLOSE) {
        f->ends[0] = own_frames_of(view, find, f->uses[0].site);
        f->ends[1] = own_frames_of(view, find, f->uses[EVENT_USED - EVENT_CLOSED].site);
        return;
    }
    if (f->told_eof || f->told_error)
        f->ends[0] = own_frames_of(view, find, f->told_site);
    for (unsigned end = 1; end < VARIANT_ENDS; end++)
        for (unsigned i = 0; i < f->n_events && !f->ends[end]; i++) {
            const struct finding_event *e = &f->events[i];
            /* an inferred DEL is the first of several */
            if (e->event == events[end] && !e->either && !(e->event == EVENT_EPOLL_DEL && e->inferred))
                f->ends[end] = own_frames_of(view, find, e->site);
        }
}

/* ---- which are one --------------------------------------------------------------------------- */

#define LIVES 32u /* of a site, told apart; what is rarer counts to the rest */

struct life {
    uint64_t ends[VARIANT_ENDS];
    uint64_t count, total; /* of these alone; with those that have not come as far */
    bool last;             /* no other one has come further */
};

static int compare_ends(const uint64_t *a, const uint64_t *b)
{
    for (unsigned i = 0; i < VARIANT_ENDS; i++)
        ORDER(a[i], b[i]);
    return 0;
}

static int by_ends(const void *a, const void *b)
{
    return compare_ends(((const struct finding *)a)->ends, ((const struct finding *)b)->ends);
}

static int by_variant(const void *pa, const void *pb)
{
    const struct finding *a = pa, *b = pb;
    ORDER(a->variant, b->variant);
    return 0;
}

/* The commonest of those that no other one contains first. */
static int by_total(const void *pa, const void *pb)
{
    const struct life *a = pa, *b = pb;
    ORDER(b->last, a->last);
    ORDER(b->total, a->total);
    return compare_ends(a->ends, b->ends);
}

/* All that is known of A is so of B, too. */
static bool is_within(const uint64_t *a, const uint64_t *b)
{
    for (unsigned i = 0; i < VARIANT_ENDS; i++)
        if (a[i] && a[i] != b[i])
            return false;
    return true;
}

static uint32_t name_of(const uint64_t *ends)
{
    uint64_t h = siteid_begin();
    for (unsigned i = 0; i < VARIANT_ENDS; i++)
        for (unsigned shift = 0; shift < 64; shift += 8)
            h = hash_byte(h, (unsigned char)(ends[i] >> shift));
    h = siteid_end(h);
    return (uint32_t)(h >> 32) ? (uint32_t)(h >> 32) : 1;
}

/* The lives of the N findings F, which are sorted by them: returns how many. */
static unsigned find_lives(struct life *lives, const struct finding *f, size_t n)
{
    unsigned n_lives = 0;
    for (size_t i = 0, end; i < n; i = end) {
        unsigned at = n_lives;
        for (end = i + 1; end < n && by_ends(&f[i], &f[end]) == 0;)
            end++;
        if (n_lives == LIVES) {
            at = 0;
            for (unsigned k = 1; k < LIVES; k++)
                at = lives[k].count < lives[at].count ? k : at;
            if (lives[at].count >= end - i)
                continue;
        } else {
            n_lives++;
        }
        memcpy(lives[at].ends, f[i].ends, sizeof lives[at].ends);
        lives[at].count = lives[at].total = end - i;
        lives[at].last = true;
    }
    return n_lives;
}

/* Each that another one contains counts to the commonest of these. Returns how many are left. */
static unsigned add_up(struct life *lives, unsigned n)
{
    unsigned left = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < n && lives[i].last; k++)
            lives[i].last = k == i || !is_within(lives[i].ends, lives[k].ends);
    for (unsigned i = 0; i < n; i++) {
        struct life *most = NULL;
        left += lives[i].last;
        for (unsigned k = 0; k < n && !lives[i].last; k++)
            if (lives[k].last && is_within(lives[i].ends, lives[k].ends) &&
                (!most || lives[k].count > most->count || (lives[k].count == most->count && compare_ends(lives[k].ends, most->ends) < 0)))
                most = &lives[k];
        if (most)
            most->total += lives[i].count;
    }
    return left;
}

static bool differ(const struct finding *f, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (by_ends(&f[0], &f[i]) != 0)
            return true;
    return false;
}

unsigned variants_assign(struct finding *f, size_t n)
{
    struct life lives[LIVES];
    for (size_t i = 0; i < n; i++)
        f[i].variant = 0;
    if (!f->siteid || f->kind == KIND_OPEN || !differ(f, n))
        return 1;
    heap_sort(f, n, sizeof *f, by_ends);
    unsigned n_lives = find_lives(lives, f, n), left = add_up(lives, n_lives), groups = 0;
    if (left < 2)
        return 1;
    heap_sort(lives, n_lives, sizeof *lives, by_total);
    unsigned shown = left <= VARIANTS_SHOWN ? left : VARIANTS_SHOWN - 1;
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < shown && !f[i].variant; k++)
            if (is_within(f[i].ends, lives[k].ends))
                f[i].variant = name_of(lives[k].ends);
    heap_sort(f, n, sizeof *f, by_variant);
    for (size_t i = 0; i < n; i++)
        groups += i == 0 || f[i].variant != f[i - 1].variant;
    return groups;
}
