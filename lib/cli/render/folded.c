/* SPDX-License-Identifier: MIT */
/*
 * folded.c: stacks on one line each, for flame graphs.
 *
 * Called by formats.c. The format has two separators: ';', which names therefore must not hold, and
 * the last blank of a line. Inlined calls carry flamegraph.pl's "_[i]".
 */
#include "folded.h"

#include <string.h>

#include "../../core/textstack.h"

static void put_name(struct out *o, const char *name)
{
    for (; *name; name++)
        out_char(o, *name == ';' ? ':' : *name == '\n' || *name == '\r' ? '?' : *name);
}

static void put_folded_frame(struct out *o, const struct frame *f)
{
    if (f->symbol && f->symbol[0]) {
        put_name(o, f->symbol);
    } else if (f->module) {
        put_name(o, text_base_name(f->module));
        out_str(o, "+0x");
        out_hex(o, f->offset, 1);
    } else {
        out_str(o, "0x");
        out_hex(o, f->pc, 1);
    }
    if (f->inlined)
        out_str(o, "_[i]");
}

void folded_report(struct out *o, const struct report *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct group *g = &r->groups[i];
        put_name(o, text_base_name(r->exe));
        if (g->n_frames == 0)
            out_str(o, ";[no stack]");
        for (size_t k = g->n_frames; k-- > 0;) {
            out_char(o, ';');
            put_folded_frame(o, &g->frames[k]);
        }
        out_fmt(o, ";[%s] %llu\n", kind_name(g->kind), (unsigned long long)g->count);
    }
}
