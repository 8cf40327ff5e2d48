/* SPDX-License-Identifier: MIT */
/*
 * originals.h: JavaScript frames with their places in the files that a person has written, by source
 * maps.
 */
#ifndef SOCKLEAK_CLI_MODEL_ORIGINALS_H
#define SOCKLEAK_CLI_MODEL_ORIGINALS_H

#include "../../core/report.h"
#include "../base/arena.h"
#include "../state/load.h"
#include "../symbolize/symbolize.h"

/* Gives F its original PLACE; nothing where that has no file. */
void originals_put(struct frame *f, const struct source_place *place);
/* The original place of F, in a file that the process of L runs; its file is NULL where it has none. */
struct source_place originals_of(const struct loaded_file *l, struct symbolizer *sym, const struct frame *f);
/*
 * What is known of the frames of a site's name, by their places in SITE: PLACES, site->nframes of them,
 * with file NULL where none is. A name does not have the columns, so that sites of one name may
 * have several places in a line that is a whole bundle: no place is known then.
 */
void originals_of_site(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site,
                       struct source_place *places);
/*
 * FRAMES, N of them, which shall stand for OTHER too, of the same name in another process: where the
 * two have other original places, one in ARENA that has them in the file that runs.
 */
const struct frame *originals_of_both(struct arena *arena, const struct frame *frames, size_t n, const struct frame *other, size_t n_other);

#endif
