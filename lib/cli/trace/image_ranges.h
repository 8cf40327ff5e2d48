/* SPDX-License-Identifier: MIT */
/*
 * image_ranges.h: the ranges of code that an image has unwind tables for, one for each function.
 */
#ifndef SOCKLEAK_CLI_TRACE_IMAGE_RANGES_H
#define SOCKLEAK_CLI_TRACE_IMAGE_RANGES_H

#include "image.h"

/* Fills ranges and n_ranges, sorted. */
void image_ranges_read(struct image *i);

#endif
