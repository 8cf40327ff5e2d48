/* SPDX-License-Identifier: MIT */
/*
 * print.h: one scan as a table for people.
 */
#ifndef SOCKLEAK_CLI_SCAN_PRINT_H
#define SOCKLEAK_CLI_SCAN_PRINT_H

#include "types.h"

void scan_print_text(const struct scan_view *v);

#endif
