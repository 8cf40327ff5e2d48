/* SPDX-License-Identifier: MIT */
/*
 * mappings.h: the places of a generated file with their places in the original ones. Lines and
 * columns count from 0. Pure but for memory; the text may be anything.
 */
#ifndef SOCKLEAK_CLI_SOURCE_MAP_MAPPINGS_H
#define SOCKLEAK_CLI_SOURCE_MAP_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAPPING_NO_SOURCE UINT32_MAX /* of code that no original file has */
#define MAPPINGS_NO_COLUMN UINT32_MAX
#define MAPPINGS_MAX (8u << 20)

struct mapping {
    uint32_t line, column; /* from here on, until the next one */
    uint32_t source, original_line, original_column;
};

/* A zeroed one is empty. */
struct mappings {
    struct mapping *items;
    size_t n, cap;
};

/* What a text of mappings is about: a whole file, or a section of an index map. */
struct mappings_part {
    uint32_t line, column; /* where it begins */
    /* it must end before this place */
    uint32_t end_line, end_column;
    uint32_t first_source, n_sources;
};

/* Adds those of TEXT, N bytes. False: it is damaged, there are too many, or one is out of PART. */
bool mappings_add(struct mappings *m, const char *text, size_t n, const struct mappings_part *part);
/* Call it once, when all are added. */
void mappings_settle(struct mappings *m);
/*
 * The mapping of a place. NULL: there is none on its LINE, it has no source, or there are several
 * with different original lines; so it may be with MAPPINGS_NO_COLUMN where the line has more than
 * one.
 */
const struct mapping *mappings_find(const struct mappings *m, uint32_t line, uint32_t column);
void mappings_free(struct mappings *m);

#endif
