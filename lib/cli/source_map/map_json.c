/* SPDX-License-Identifier: MIT */
/*
 * map_json.c: a source map, version 3, from its JSON.
 *
 * Called by source_maps.c. JSON is read by jansson, if the command was built with it. A part that is
 * not as it has to be makes all of the map unfit: its places would not be certain.
 */
#include "map_json.h"

#include <stdlib.h>
#include <string.h>

#include "source_url.h"

#ifndef SOCKLEAK_WITHOUT_JANSSON

#include <limits.h>

#include <jansson.h>

#define MAX_SECTIONS 100000u

struct reader {
    struct source_map *map;
    struct arena *arena;
    const char *from, *generated;
    uint32_t n_lines;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What a map says of the file that it is of is not another file. */
static bool is_of(const struct reader *r, const json_t *map)
{
    const char *file = json_string_value(json_object_get(map, "file"));
    return !file || !*file || strcmp(last_part(file), last_part(r->generated)) == 0;
}

static bool take_sources(struct reader *r, const json_t *map)
{
    const json_t *sources = json_object_get(map, "sources"), *root = json_object_get(map, "sourceRoot");
    struct source_map *m = r->map;
    char path[PATH_MAX];
    if (!json_is_array(sources) || (root && !json_is_string(root) && !json_is_null(root)))
        return false;
    for (size_t i = 0; i < json_array_size(sources); i++) {
        const json_t *source = json_array_get(sources, i);
        if (!json_is_string(source) && !json_is_null(source))
            return false;
        if (m->n_sources == m->cap_sources)
            m->sources = arena_grow(m->sources, m->cap_sources = m->cap_sources ? m->cap_sources * 2 : 64, sizeof *m->sources);
        bool named = json_is_string(source) && source_url_resolve(r->from, json_string_value(root), json_string_value(source),
                                                                  json_string_length(source), path, sizeof path);
        m->sources[m->n_sources++] = named ? arena_string(r->arena, path) : NULL;
    }
    return true;
}

static bool take_map(struct reader *r, const json_t *map, struct mappings_part part)
{
    const json_t *mappings = json_object_get(map, "mappings"), *version = json_object_get(map, "version");
    part.first_source = r->map->n_sources;
    if (!json_is_integer(version) || json_integer_value(version) != 3 || !json_is_string(mappings) || !is_of(r, map) ||
        !take_sources(r, map))
        return false;
    part.n_sources = r->map->n_sources - part.first_source;
    return mappings_add(&r->map->mappings, json_string_value(mappings), json_string_length(mappings), &part);
}

/* A line or column. False: it is none. */
static bool take_number(const json_t *offset, const char *key, uint32_t *n)
{
    const json_t *v = json_object_get(offset, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= INT32_MAX)
        return false;
    *n = (uint32_t)json_integer_value(v);
    return true;
}

/* An index map: maps of parts of the file, in its order. */
static bool take_sections(struct reader *r, const json_t *sections)
{
    size_t n = json_array_size(sections);
    struct mappings_part part = {.line = 0}, next = {.line = 0};
    if (!n || n > MAX_SECTIONS)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *section = json_array_get(sections, i), *following = json_object_get(json_array_get(sections, i + 1), "offset");
        if (i == 0) {
            const json_t *offset = json_object_get(section, "offset");
            if (!take_number(offset, "line", &next.line) || !take_number(offset, "column", &next.column))
                return false;
        }
        part.line = next.line;
        part.column = next.column;
        next = (struct mappings_part){.line = r->n_lines};
        if (i + 1 < n && (!take_number(following, "line", &next.line) || !take_number(following, "column", &next.column)))
            return false;
        part.end_line = next.line;
        part.end_column = next.column;
        if (!take_map(r, json_object_get(section, "map"), part))
            return false;
    }
    return true;
}

static const char *read_map(struct reader *r, const json_t *map)
{
    const json_t *sections = json_object_get(map, "sections"), *version = json_object_get(map, "version");
    if (!json_is_integer(version) || json_integer_value(version) != 3)
        return "its source map is not of version 3";
    if (!is_of(r, map))
        return "its source map is that of another file";
    bool good =
        sections ? json_is_array(sections) && take_sections(r, sections) : take_map(r, map, (struct mappings_part){.end_line = r->n_lines});
    return good ? NULL : "its source map is damaged, or of another build";
}

const char *map_json_read(struct source_map *m, struct arena *arena, const char *json, size_t n, const char *from, const char *generated,
                          uint32_t n_lines)
{
    struct reader r = {.map = m, .arena = arena, .from = from, .generated = generated, .n_lines = n_lines};
    *m = (struct source_map){0};
    /* bundlers call a module that is no file "\0name" */
    json_t *map = json_loadb(json, n, JSON_ALLOW_NUL, NULL);
    const char *why = json_is_object(map) ? read_map(&r, map) : "its source map is no JSON";
    json_decref(map);
    if (why)
        map_json_free(m);
    else
        mappings_settle(&m->mappings);
    return why;
}

#else

const char *map_json_read(struct source_map *m, struct arena *arena, const char *json, size_t n, const char *from, const char *generated,
                          uint32_t n_lines)
{
    (void)arena, (void)json, (void)n, (void)from, (void)generated, (void)n_lines;
    *m = (struct source_map){0};
    return "this sockleak was built without jansson, which reads source maps";
}

#endif

void map_json_free(struct source_map *m)
{
    free(m->sources);
    mappings_free(&m->mappings);
    *m = (struct source_map){0};
}
