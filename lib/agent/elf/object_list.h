/* SPDX-License-Identifier: MIT */
/*
 * object_list.h: which loaded object holds an address, where the C library does not say so without
 * a lock (glibc before 2.35): a table of our own of the loader's list.
 *
 * Before each answer the kernel copies what the loader has in its list (base/peek.h), and the table
 * is made anew where that is not what it was made from. So a dlopen and a dlclose need not be seen,
 * and memory that another thread unmaps meanwhile is no fault. Objects of other namespaces
 * (dlmopen) are not in that list. No lock, no allocation; async-signal-safe; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_OBJECT_LIST_H
#define SOCKLEAK_AGENT_OBJECT_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "segments.h"

struct listed_object {
    struct segments range;
    uint64_t bias, eh_frame_hdr; /* the header of its unwind tables; 0: it has none */
    const char *name;            /* the loader's */
    const void *map;             /* the loader's entry */
};

/* Fills O with the object that holds ADDR; false: no object does. */
bool object_list_at(uint64_t addr, struct listed_object *o);
/*
 * A dlclose has ended: the table is made anew, even if the list looks the same. For another object
 * may have come to the same place, and be listed in the same memory.
 */
void object_list_forget(void);
/* In a forked child, which does not have the thread that was writing the table. */
void object_list_forked_child(void);

#endif
