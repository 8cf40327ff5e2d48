/* SPDX-License-Identifier: MIT */
/*
 * suppressions.h: a suppression line for each group of all models, each line once.
 */
#ifndef SOCKLEAK_CLI_RENDER_SUPPRESSIONS_H
#define SOCKLEAK_CLI_RENDER_SUPPRESSIONS_H

#include "../../core/out.h"
#include "../model/types.h"

void suppressions_report(struct out *o, const struct model *models, size_t n);

#endif
