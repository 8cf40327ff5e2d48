/* SPDX-License-Identifier: MIT */
/*
 * model.h: from a state file to a struct report of lib/core/report.h: which of its sockets are
 * findings, with the names of their stacks.
 *
 * Of a live process: what has lasted for its grace (or min_age) and the kernel confirms now. Of one
 * that is gone: what the last look saw stuck, of any age, and the ends and errors that its calls
 * returned since.
 */
#ifndef SOCKLEAK_CLI_MODEL_MODEL_H
#define SOCKLEAK_CLI_MODEL_MODEL_H

#include "../symbolize/symbolize.h"
#include "types.h"

/* Fills M from the file; SYM explains its stacks and must outlive M. */
void model_build(struct model *m, const struct loaded_file *l, struct symbolizer *sym, const struct model_options *o);
/*
 * For model.c and merge.c: suppressions, sums, order and limits, once the groups have their frames.
 */
void model_finish(struct model *m, const struct model_options *o);
/*
 * Leaves no more than MAX groups in the report (0: all), and counts what it leaves out.
 * model_finish has done that for the options' max_leaks.
 */
void model_limit(struct model *m, unsigned max);
void model_free(struct model *m);

#endif
