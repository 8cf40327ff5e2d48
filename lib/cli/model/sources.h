/* SPDX-License-Identifier: MIT */
/*
 * sources.h: the source line of the frame that stands for the program in a stack.
 */
#ifndef SOCKLEAK_CLI_MODEL_SOURCES_H
#define SOCKLEAK_CLI_MODEL_SOURCES_H

#include "../../core/report.h"
#include "../state/load.h"
#include "../symbolize/symbolize.h"

/* Of one native frame: what the symbolizer said of it. */
struct source_key {
    unsigned module;
    const struct symbol *symbol; /* NULL: nothing */
};

/*
 * Gives the first of the N FRAMES that is of the program's own code its line of source, if that is
 * known. KEYS: one for each frame; NULL: all are of a runtime.
 */
void sources_put(const struct loaded_file *l, struct symbolizer *sym, struct frame *frames, size_t n, const struct source_key *keys);

#endif
