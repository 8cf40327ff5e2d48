/* SPDX-License-Identifier: MIT */
/*
 * json.h: one scan as JSON Lines.
 */
#ifndef SOCKLEAK_CLI_SCAN_JSON_H
#define SOCKLEAK_CLI_SCAN_JSON_H

#include "types.h"

void scan_print_json(const struct scan_view *v);

#endif
