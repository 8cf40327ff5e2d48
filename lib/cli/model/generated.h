/* SPDX-License-Identifier: MIT */
/*
 * generated.h: names of the frames of a site that are in no module, code made at run time, by the
 * perf map of the process.
 */
#ifndef SOCKLEAK_CLI_MODEL_GENERATED_H
#define SOCKLEAK_CLI_MODEL_GENERATED_H

#include "../state/load.h"
#include "../symbolize/symbolize.h"

/* Announces such frames of SITE to the symbolizer, so that all are resolved in one pass. */
void generated_want(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site);
/*
 * Their names, one for each frame of SITE, NULL for all others. Stacks that differ in generated code
 * alone have one site id, and are counted together: a name is given where it is that of each.
 */
void generated_names(const struct loaded_file *l, struct symbolizer *sym, const struct state_site_view *site,
                     const char *names[STATE_MAX_FRAMES]);

#endif
