/* SPDX-License-Identifier: MIT */
/*
 * stacks.c: the stack of a site: raw addresses of a state file to named frames.
 *
 * Called by model.c. The record may be damaged, so each module number is looked up through
 * the decoder.
 */
#include "stacks.h"

#include <string.h>

#include "../../core/own_frames.h"
#include "generated.h"
#include "originals.h"
#include "sources.h"
#include "traced_stack.h"

/* The symbolizer's number for each frame's module; false when the frame has none (JIT code). */
static bool module_of(const struct loaded_file *l, struct symbolizer *sym, unsigned number, unsigned *module, uint64_t *bias)
{
    const struct state_module *m = state_module_at(&l->view, number);
    if (!m)
        return false;
    int pid = load_is_live(l) && !load_relaxed64(&m->unloaded_ns) ? (int)l->pid : 0;
    *module = symbolize_module(sym, m, l->root, load_unchanged_since(l), pid);
    *bias = m->bias;
    return true;
}

/* Frames of one stack lie in few modules, mostly in runs: remember the last one. */
struct last_module {
    unsigned number, module;
    uint64_t bias;
    bool known, valid;
};

static bool module_cached(const struct loaded_file *l, struct symbolizer *sym, unsigned number, struct last_module *last)
{
    if (!last->known || last->number != number) {
        last->known = true;
        last->number = number;
        last->valid = module_of(l, sym, number, &last->module, &last->bias);
    }
    return last->valid;
}

void stacks_want(const struct loaded_file *l, struct symbolizer *sym, state_ref ref)
{
    struct state_site_view site;
    struct last_module last = {0};
    if (!ref || !state_site_at(&l->view, ref, &site))
        return;
    for (unsigned i = 0; i < site.nframes; i++)
        if (module_cached(l, sym, site.modules[i], &last))
            symbolize_want(sym, last.module, site.pcs[i] - last.bias);
    generated_want(l, sym, &site);
}

/* A frame of a language runtime: what its record says. The writer may be alive, so it is copied. */
static void take_runtime_frame(struct arena *a, const struct loaded_file *l, struct frame *frame)
{
    char function[STATE_FUNCTION_MAX], file[STATE_FILE_MAX];
    struct state_frame_view f;
    if (!state_frame_at(&l->view, frame->pc, &f))
        return;
    state_string(function, sizeof function, f.function, f.function_size);
    state_string(file, sizeof file, f.file, f.file_size);
    frame->runtime = f.runtime;
    frame->symbol = arena_string(a, function);
    frame->file = file[0] ? arena_string(a, file) : NULL;
    frame->line = __atomic_load_n(&f.frame->line, __ATOMIC_RELAXED);
    frame->column = state_frame_column(f.frame);
    frame->line_of_function = __atomic_load_n(&f.frame->flags, __ATOMIC_RELAXED) & FRAME_LINE_OF_FUNCTION;
    frame->role = (uint8_t)state_frame_role(f.frame);
}

/* Between two stacks stands a record that is no frame: what follows is the other one. */
struct parts {
    bool other, begins;
    uint8_t role;
};

/* Puts FRAME into its part. False: it is no frame, but the place between two stacks. */
static bool take_role(struct parts *p, struct frame *frame)
{
    if (frame->role == FRAME_ROLE_OR) {
        p->other = p->begins = true;
        return false;
    }
    if (p->other && frame->role == FRAME_ROLE_STACK)
        frame->role = FRAME_ROLE_OR;
    frame->begins = p->begins || frame->role != p->role;
    p->begins = false;
    p->role = frame->role;
    return true;
}

static bool is_interpreter(const struct loaded_file *l, unsigned number)
{
    const struct state_module *m = state_module_at(&l->view, number);
    return m && m->interpreter;
}

const struct frame *stacks_frames(struct arena *a, const struct loaded_file *l, struct symbolizer *sym, state_ref ref, size_t *n)
{
    struct state_site_view site;
    *n = 0;
    if (!ref || !state_site_at(&l->view, ref, &site) || site.nframes == 0)
        return NULL;
    uint64_t pcs[STATE_MAX_FRAMES];
    uint16_t modules[STATE_MAX_FRAMES];
    unsigned nframes = site.nframes <= STATE_MAX_FRAMES ? site.nframes : STATE_MAX_FRAMES;
    /* the writer may be alive: both passes must see the same */
    memcpy(pcs, site.pcs, nframes * sizeof *pcs);
    memcpy(modules, site.modules, nframes * sizeof *modules);
    site.pcs = pcs;
    site.modules = modules;
    site.nframes = nframes;
    const char *generated[STATE_MAX_FRAMES];
    struct source_place originals[STATE_MAX_FRAMES];
    generated_names(l, sym, &site, generated);
    originals_of_site(l, sym, &site, originals);

    size_t total = 0;
    struct last_module last = {0};
    for (unsigned i = 0; i < nframes; i++) {
        unsigned lines = 1;
        if (module_cached(l, sym, modules[i], &last))
            symbolize_get(sym, last.module, pcs[i] - last.bias, &lines);
        total += lines;
    }
    struct parts parts = {0};
    struct frame *frames = arena_array(a, total, sizeof *frames);
    struct source_key *keys = arena_array(a, total, sizeof *keys);
    for (unsigned i = 0; i < nframes; i++) {
        struct frame frame = {.pc = pcs[i], .symbol = generated[i]};
        const struct symbol *symbols = NULL;
        unsigned lines = 1;
        if (module_cached(l, sym, modules[i], &last)) {
            frame.offset = pcs[i] - last.bias;
            frame.module = symbolize_path(sym, last.module);
            frame.build_id = symbolize_build_id(sym, last.module);
            symbols = symbolize_get(sym, last.module, frame.offset, &lines);
            frame.interpreter = is_interpreter(l, modules[i]);
        }
        take_runtime_frame(a, l, &frame);
        if (!take_role(&parts, &frame))
            continue;
        originals_put(&frame, &originals[i]);
        for (unsigned k = 0; k < lines && *n < total; k++) {
            frames[*n] = frame;
            if (symbols) {
                frames[*n].symbol = symbols[k].name;
                frames[*n].file = symbols[k].file;
                frames[*n].line = symbols[k].line;
                frames[*n].inlined = symbols[k].inlined;
                keys[*n] = (struct source_key){last.module, &symbols[k]};
            }
            frame.begins = false;
            ++*n;
        }
    }
    own_frames_settle(frames, *n);
    if (state_head(&l->view)->traced)
        traced_stack_mark(frames, *n, site.site->call);
    sources_put(l, sym, frames, *n, keys);
    if (state_head(&l->view)->traced)
        *n = traced_stack_settle(frames, *n);
    return frames;
}
