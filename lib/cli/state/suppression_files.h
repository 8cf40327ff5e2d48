/* SPDX-License-Identifier: MIT */
/*
 * suppression_files.h: the suppressions files that the user named, as rules.
 */
#ifndef SOCKLEAK_CLI_STATE_SUPPRESSION_FILES_H
#define SOCKLEAK_CLI_STATE_SUPPRESSION_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "../../core/suppress.h"
#include "../base/arena.h"

/* In the order in which they were named. A zeroed one is empty; `paths` is the caller's to free. */
struct suppression_files {
    const char **paths;
    size_t n, cap;
};
/* PATH is kept, not copied. */
void suppression_files_add(struct suppression_files *files, const char *path);
/*
 * The rules of all FILES and the builtin ones into *RULES and *N, which live in A. False: it
 * printed an error.
 */
bool suppression_files_read(struct arena *a, const struct suppression_files *files, struct suppression **rules, size_t *n);

#endif
