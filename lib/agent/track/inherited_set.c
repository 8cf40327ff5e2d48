/* SPDX-License-Identifier: MIT */
/*
 * inherited_set.c: which descriptors a child of fork got from its parent: a bit for each.
 *
 * Filled and cleared by process/inherit.c on the child's first thread; read at every event of a
 * child without a table.
 */
#include "inherited_set.h"

#include <stddef.h>
#include <stdint.h>

#include "../base/pages.h"

static uint64_t *_Atomic present;
static size_t present_size;
static _Atomic int highest_fd = -1;

bool inherited_set_make(int up_to)
{
    inherited_set_clear();
    if (present)
        pages_free(present, present_size);
    size_t size = (size_t)up_to / 8 + 8;
    present = up_to >= 0 ? pages_alloc(size) : NULL;
    if (!present)
        return false;
    present_size = size;
    highest_fd = up_to;
    return true;
}

void inherited_set_add(int fd)
{
    if (fd >= 0 && fd <= highest_fd)
        present[fd / 64] |= 1ull << fd % 64;
}

/* The memory stays: the watcher clears the set, and the program's threads may be reading it. */
void inherited_set_clear(void) { highest_fd = -1; }

bool inherited_set_has(int fd) { return fd >= 0 && fd <= highest_fd && present && (present[fd / 64] >> fd % 64 & 1); }
