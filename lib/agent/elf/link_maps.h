/* SPDX-License-Identifier: MIT */
/*
 * link_maps.h: the loader's list of objects, read without its lock, which a thread may hold that
 * waits for this one.
 *
 * It is copied by the kernel (base/peek.h), so what another thread unloads meanwhile is no fault.
 * An entry may then be wrong: who uses more of it than its name must ask the loader (elf/object.h).
 * Async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_LINK_MAPS_H
#define SOCKLEAK_AGENT_LINK_MAPS_H

#include <link.h>
#include <stdbool.h>

/* MAP: a copy of what is at AT, but for l_prev. PATH: as the loader has it. False: enough. */
typedef bool link_map_call(void *arg, const void *at, const struct link_map *map, const char *path);
/* Calls CALL for each object of the program's namespace, in the order of the search for symbols. */
void link_maps_each(link_map_call *call, void *arg);
/* A preloaded object comes before the C library, and symbols are found here first. */
bool link_maps_are_before_libc(void);
/* PATH is the C library's, or its loader's. */
bool link_maps_is_libc(const char *path);
/* An object whose file's name begins with PREFIX. */
bool link_maps_have(const char *prefix);

#endif
