/* SPDX-License-Identifier: MIT */
/*
 * arena.h: memory that lives as long as one report: taken in order, freed together.
 *
 * A zeroed struct arena is an empty one. When memory runs out the command ends with one line and
 * status 1, since a partial report would be wrong.
 */
#ifndef SOCKLEAK_CLI_BASE_ARENA_H
#define SOCKLEAK_CLI_BASE_ARENA_H

#include <stddef.h>

struct arena {
    void *chunks;
    size_t used, size; /* of the newest chunk */
};

/* N zeroed bytes, aligned for any type. Never NULL. */
void *arena_take(struct arena *a, size_t n);
/* COUNT zeroed items of SIZE bytes; COUNT * SIZE that overflows ends like memory that ran out. */
void *arena_array(struct arena *a, size_t count, size_t size);
/*
 * P, which came from malloc or is NULL, with room for COUNT items of SIZE bytes; the caller frees
 * it.
 */
void *arena_grow(void *p, size_t count, size_t size);
char *arena_string(struct arena *a, const char *s);          /* NULL gives NULL */
char *arena_bytes(struct arena *a, const char *s, size_t n); /* NUL-terminated copy */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);

#endif
