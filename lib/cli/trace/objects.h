/* SPDX-License-Identifier: MIT */
/*
 * objects.h: the ELF objects that a process has mapped.
 *
 * An object is kept as long as a walker refers to it, and shared by the walkers of all processes
 * that have the same file at the same bias: a child of fork costs no second reading of its tables.
 * All calls come from one thread.
 */
#ifndef SOCKLEAK_CLI_TRACE_OBJECTS_H
#define SOCKLEAK_CLI_TRACE_OBJECTS_H

#include "go_program.h"
#include "image.h"
#include <sys/types.h>

struct unwind_tables;

struct object {
    struct object *next;
    unsigned references;
    uint64_t device, inode, changed_ns;
    struct image image;
    struct go_program go; /* go.address is 0: none of Go's */
    struct unwind_tables *unwind;
};

#define OBJECTS_MAX 512u

struct objects {
    unsigned n;
    struct object *list[OBJECTS_MAX]; /* the executable first, if it could be opened */
};

/*
 * Fills an empty O with what PID has mapped now. False: its maps cannot be read, or nothing was
 * opened.
 */
bool objects_read(struct objects *o, pid_t pid);
void objects_release(struct objects *o);
/* The object whose code ADDRESS lies in; NULL: none. */
struct object *objects_at(const struct objects *o, uint64_t address);

#endif
