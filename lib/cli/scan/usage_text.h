/* SPDX-License-Identifier: MIT */
/*
 * usage_text.h: what one process uses up, for people.
 */
#ifndef SOCKLEAK_CLI_SCAN_USAGE_TEXT_H
#define SOCKLEAK_CLI_SCAN_USAGE_TEXT_H

#include "types.h"

/* V has a process id. */
void scan_print_usage(const struct scan_view *v);

#endif
