/* SPDX-License-Identifier: MIT */
/*
 * suppressions.h: a suppression line for each group of all models, each line once; or for one group.
 */
#ifndef SOCKLEAK_CLI_RENDER_SUPPRESSIONS_H
#define SOCKLEAK_CLI_RENDER_SUPPRESSIONS_H

#include "../../core/out.h"
#include "../model/types.h"

void suppressions_report(struct out *o, const struct model *models, size_t n);
/* The lines of G alone: one, or for a group without a stack one for each of its peers. */
void suppressions_of_group(struct out *o, const struct group *g);

#endif
