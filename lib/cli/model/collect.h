/* SPDX-License-Identifier: MIT */
/*
 * collect.h: which sockets of a state file are findings.
 */
#ifndef SOCKLEAK_CLI_MODEL_COLLECT_H
#define SOCKLEAK_CLI_MODEL_COLLECT_H

#include "types.h"

/* Fills M's findings and counts from the file; M's clock (report.now_ns) is set already. */
void collect_findings(struct model *m, const struct loaded_file *l, const struct model_options *o);

#endif
