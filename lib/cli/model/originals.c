/* SPDX-License-Identifier: MIT */
/*
 * originals.c: JavaScript frames with their places in the files that a person has written.
 *
 * Called by stacks.c, handlers.c and merge.c. A place is that of all sockets which it is shown for,
 * or it is not shown.
 */
#include "originals.h"

#include <string.h>

static bool same_place(const struct source_place *a, const struct source_place *b)
{
    return a->file && b->file && a->line == b->line && strcmp(a->file, b->file) == 0;
}

static bool find(const struct loaded_file *l, struct symbolizer *sym, const struct source_place *at, struct source_place *out)
{
    return symbolize_original(sym, l->root, load_unchanged_since(l), at, out);
}

struct source_place originals_of(const struct loaded_file *l, struct symbolizer *sym, const struct frame *f)
{
    const struct source_place at = {.file = f->file, .line = f->line, .column = f->column};
    struct source_place found;
    bool has = f->runtime == RUNTIME_JAVASCRIPT && f->file && find(l, sym, &at, &found);
    return has ? found : (struct source_place){.file = NULL};
}

void originals_put(struct frame *f, const struct source_place *place)
{
    if (!place->file)
        return;
    f->generated_file = f->file;
    f->generated_line = f->line;
    f->generated_column = f->column;
    f->file = place->file;
    f->line = place->line;
    f->column = place->column;
}

/* F has the place in the file that runs again. */
static void take_back(struct frame *f)
{
    f->file = f->generated_file;
    f->line = f->generated_line;
    f->column = f->generated_column;
    f->generated_file = NULL;
    f->generated_line = f->generated_column = 0;
}

/* ---- the sites of one name ----------------------------------------------------------------------- */

/* The frame of a runtime at index *I of SITE or behind it; *I moves there. False: there is none. */
static bool next_frame(const struct loaded_file *l, const struct state_site_view *site, unsigned *i, struct state_frame_view *out)
{
    for (; *i < site->nframes; ++*i)
        if (state_frame_at(&l->view, site->pcs[*i], out))
            return true;
    return false;
}

static bool place_of(const struct loaded_file *l, struct symbolizer *sym, const struct state_frame_view *f, struct source_place *out)
{
    char file[STATE_FILE_MAX];
    struct source_place at = {.file = file, .line = __atomic_load_n(&f->frame->line, __ATOMIC_RELAXED)};
    if (f->runtime != RUNTIME_JAVASCRIPT)
        return false;
    state_string(file, sizeof file, f->file, f->file_size);
    at.column = state_frame_column(f->frame);
    return find(l, sym, &at, out);
}

/* Keeps of PLACES, those of SITE, what is true of TWIN too. */
static void compare(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site,
                    const struct state_site_view *twin, struct source_place *places)
{
    struct state_frame_view f, g;
    for (unsigned i = 0, k = 0; next_frame(l, site, &i, &f); i++, k++) {
        bool more = next_frame(l, twin, &k, &g);
        struct source_place other = {.file = NULL};
        if (!places[i].file || (more && site->pcs[i] == twin->pcs[k]))
            continue;
        if (!more || !place_of(l, sym, &g, &other) || !same_place(&places[i], &other))
            places[i].file = NULL;
    }
}

void originals_of_site(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site, struct source_place *places)
{
    struct state_frame_view f;
    struct state_site_view twin;
    state_ref ref;
    bool any = false;
    memset(places, 0, site->nframes * sizeof *places);
    for (unsigned i = 0; next_frame(l, site, &i, &f); i++)
        any |= place_of(l, sym, &f, &places[i]);
    for (uint64_t pos = 0; any && state_next_site(&l->view, &pos, &ref, &twin);)
        if (twin.site != site->site && twin.site->siteid == site->site->siteid)
            compare(l, sym, site, &twin, places);
}

/* ---- the processes of one name ------------------------------------------------------------------- */

/* The frame in front of which I of the N have a runtime's. */
static const struct frame *nth(const struct frame *frames, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (frames[k].runtime != RUNTIME_NATIVE && i-- == 0)
            return &frames[k];
    return NULL;
}

static bool agree(const struct frame *f, const struct frame *other)
{
    const struct source_place a = {.file = f->file, .line = f->line},
                              b = {.file = other ? other->file : NULL, .line = other ? other->line : 0};
    return !f->generated_file || same_place(&a, &b);
}

const struct frame *originals_of_both(struct arena *arena, const struct frame *frames, size_t n, const struct frame *other, size_t n_other)
{
    struct frame *copy = NULL;
    for (size_t i = 0, k = 0; other && i < n; i++) {
        if (frames[i].runtime == RUNTIME_NATIVE || agree(&frames[i], nth(other, n_other, k++)))
            continue;
        if (!copy)
            copy = memcpy(arena_array(arena, n, sizeof *copy), frames, n * sizeof *copy);
        take_back(&copy[i]);
    }
    return copy ? copy : frames;
}
