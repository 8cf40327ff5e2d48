/* SPDX-License-Identifier: MIT */
/*
 * state_files.c: state files as one side of a comparison.
 *
 * Called by load.c.
 */
#include "state_files.h"

#include "../../core/group_told.h"
#include "../../core/textstack.h"
#include "../model/model.h"
#include "../state/settings.h"

/* The strings outlive the model in SIDE's arena. */
static void copy_frames(struct diff_side *side, struct diff_site *s, const struct frame *from, size_t n)
{
    struct frame *frames = arena_array(&side->arena, n, sizeof *frames);
    for (size_t i = 0; i < n; i++) {
        const struct frame *f = &from[i];
        frames[i] = (struct frame){.pc = f->pc,
                                   .offset = f->offset,
                                   .module = arena_string(&side->arena, f->module),
                                   .build_id = arena_string(&side->arena, f->build_id),
                                   .symbol = arena_string(&side->arena, f->symbol),
                                   .file = arena_string(&side->arena, f->file),
                                   .line = f->line,
                                   .runtime = f->runtime,
                                   .inlined = f->inlined};
    }
    s->frames = frames;
    s->n_frames = n;
}

static void add_group(struct diff_side *side, const struct report *r, const struct group *g, unsigned process)
{
    struct diff_site s = {.id = g->siteid,
                          .of_eof = g->of_eof,
                          .exe = arena_string(&side->arena, text_base_name(r->exe)),
                          .count = g->count,
                          .opened = g->opened,
                          .closed = g->closed,
                          .process = process};
    const struct told *told = g->of_eof ? group_commonest(g) : NULL;
    s.by_kind[g->kind] = g->count;
    if (g->of_eof)
        copy_frames(side, &s, told ? told->frames : NULL, told ? told->n_frames : 0);
    else
        copy_frames(side, &s, g->frames, g->n_frames);
    side_add(side, &s);
}

static void add_process(struct diff_side *side, const struct loaded_file *l, struct symbolizer *const sym[2], uint32_t kinds,
                        struct settings_rules *own, unsigned process)
{
    struct options chosen;
    struct model_options o = {.kinds = kinds, .reason = -1, .no_watched = true, .no_handlers = true};
    struct model m;
    options_default(&chosen);
    settings_program(&chosen, l);
    settings_environment(&chosen);
    o.own = settings_rules_of(own, l, &o.n_own);
    model_build(&m, l, sym[chosen.symbolize], &o);
    for (size_t i = 0; i < m.report.n_groups; i++)
        add_group(side, &m.report, &m.report.groups[i], process);
    model_free(&m);
}

void state_files_add(struct diff_side *side, struct load_set *set, const struct symbolize_options *symbols, uint32_t kinds, unsigned first)
{
    struct symbolizer *sym[2] = {symbolizer_new(&(struct symbolize_options){.names = false}), symbolizer_new(symbols)};
    struct settings_rules own = {0};
    load_set_refresh(set, 1000);
    for (size_t i = 0; i < set->n; i++)
        add_process(side, &set->items[i], sym, kinds, &own, first + (unsigned)i);
    settings_rules_free(&own);
    symbolizer_free(sym[0]);
    symbolizer_free(sym[1]);
}
