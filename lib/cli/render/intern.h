/* SPDX-License-Identifier: MIT */
/*
 * intern.h: numbers for byte strings: equal ones have the same, from 0 in the order in which they
 * came.
 */
#ifndef SOCKLEAK_CLI_RENDER_INTERN_H
#define SOCKLEAK_CLI_RENDER_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/arena.h"

/* A zeroed one is empty. */
struct intern {
    struct intern_entry {
        const char *bytes; /* NUL-terminated copy */
        size_t len;
    } * entries;
    size_t n, cap;
    uint32_t *index; /* hash table; 0: empty, else a number and 1 */
    size_t n_index;
    struct arena arena;
};

/* *IS_NEW: it was not there. */
size_t intern(struct intern *t, const char *bytes, size_t len, bool *is_new);
void intern_free(struct intern *t);

#endif
