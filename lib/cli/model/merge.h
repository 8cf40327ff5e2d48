/* SPDX-License-Identifier: MIT */
/*
 * merge.h: many processes as one report.
 */
#ifndef SOCKLEAK_CLI_MODEL_MERGE_H
#define SOCKLEAK_CLI_MODEL_MERGE_H

#include "types.h"

/*
 * One model over N others, which must outlive it: groups of equal kind and stack are put together,
 * each socket with its pid. PID, EXE: what it calls itself.
 */
void model_merge(struct model *m, const struct model *from, size_t n, uint32_t pid, const char *exe, const struct model_options *o);

#endif
