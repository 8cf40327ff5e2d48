/* SPDX-License-Identifier: MIT */
/*
 * source_maps.h: from a place in a JavaScript file that a tool has written (TypeScript, a bundler)
 * to the place in the file that a person has.
 *
 * A file ends with the name of its source map, or with the map itself. An answer is given only if
 * it is certain: the file has not changed since the process began, and the map fits it. A map, the
 * file and their names may be anything; all is read as far as sense can be made of it, once.
 */
#ifndef SOCKLEAK_CLI_SOURCE_MAP_SOURCE_MAPS_H
#define SOCKLEAK_CLI_SOURCE_MAP_SOURCE_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct source_maps;

struct source_place {
    const char *file; /* as long as the struct source_maps */
    uint32_t line, column;
};

/* SYSROOT: look for every file below this directory; NULL: as named. */
struct source_maps *source_maps_new(const char *sysroot);
void source_maps_free(struct source_maps *s);

/*
 * The original place of AT, whose lines and columns count from 1 (column 0: not known). ROOT:
 * "/proc/PID/root" of a live process in another mount namespace, else "". UNCHANGED_SINCE:
 * CLOCK_REALTIME ns: file and map are used only if they were last changed before. False: it has none.
 */
bool source_maps_find(struct source_maps *s, const char *root, uint64_t unchanged_since, const struct source_place *at,
                      struct source_place *out);

/* One sentence for each file whose map was asked for and cannot be used; not where there is none. */
void source_maps_troubles(const struct source_maps *s, void (*say)(void *arg, const char *line), void *arg);

#endif
