/* SPDX-License-Identifier: MIT */
/*
 * link_maps.c: the loader's list of objects, read without its lock.
 */
#include "link_maps.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../core/textstack.h"
#include "../../libc/libc.h"
#include "../base/peek.h"

#define MOST_OBJECTS 4096u
#define PATH_ROOM 512

void link_maps_each(link_map_call *call, void *arg)
{
    uintptr_t at = (uintptr_t)libc_first_object();
    for (unsigned i = 0; at && i < MOST_OBJECTS; i++) {
        struct link_map map;
        char path[PATH_ROOM] = "";
        if (!peek(at, &map, offsetof(struct link_map, l_prev)))
            return;
        peek_some((uintptr_t)map.l_name, path, sizeof path - 1);
        if (!call(arg, (const void *)at, &map, path))
            return;
        at = (uintptr_t)map.l_next;
    }
}

/* musl's loader and its C library are one file. */
static bool is_libc(const char *name)
{
    return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-", 5) == 0 || strncmp(name, "ld-musl", 7) == 0;
}

bool link_maps_is_libc(const char *path)
{
    const char *name = text_base_name(path);
    return is_libc(name) || strncmp(name, "ld-", 3) == 0;
}

static bool find_first(void *arg, const void *at, const struct link_map *map, const char *path)
{
    (void)at;
    *(bool *)arg = map->l_ld == _DYNAMIC;
    return map->l_ld != _DYNAMIC && !is_libc(text_base_name(path));
}

bool link_maps_are_before_libc(void)
{
    bool ours = false;
    link_maps_each(find_first, &ours);
    return ours;
}

struct name_search {
    const char *prefix;
    bool found;
};

static bool compare_name(void *arg, const void *at, const struct link_map *map, const char *path)
{
    struct name_search *s = arg;
    (void)at;
    (void)map;
    s->found = strncmp(text_base_name(path), s->prefix, strlen(s->prefix)) == 0;
    return !s->found;
}

bool link_maps_have(const char *prefix)
{
    struct name_search s = {prefix, false};
    link_maps_each(compare_name, &s);
    return s.found;
}
