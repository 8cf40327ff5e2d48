/* SPDX-License-Identifier: MIT */
/*
 * map_json.h: a source map, version 3, from its JSON (ECMA-426). The text may be anything.
 */
#ifndef SOCKLEAK_CLI_SOURCE_MAP_MAP_JSON_H
#define SOCKLEAK_CLI_SOURCE_MAP_MAP_JSON_H

#include "../base/arena.h"
#include "mappings.h"

/* A zeroed one is empty. */
struct source_map {
    char **sources; /* absolute paths, or URLs of other schemes; NULL: it has no name */
    uint32_t n_sources, cap_sources;
    struct mappings mappings;
};

/*
 * Reads JSON, N bytes, which lie in the file FROM (of a data: URL the generated file), and are the
 * map of the file GENERATED, which has N_LINES lines. NULL, or a sentence why it is no such, and M
 * is empty. Names are put into ARENA.
 */
const char *map_json_read(struct source_map *m, struct arena *arena, const char *json, size_t n, const char *from, const char *generated,
                          uint32_t n_lines);
void map_json_free(struct source_map *m);

#endif
