/* SPDX-License-Identifier: MIT */
/*
 * fleet.h: every process with a state file that may be read, live or dead, and its report.
 */
#ifndef SOCKLEAK_CLI_EXPORT_FLEET_H
#define SOCKLEAK_CLI_EXPORT_FLEET_H

#include <stdint.h>

#include "../model/model.h"
#include "../state/load_set.h"
#include "../state/settings.h"

struct fleet_member {
    const struct loaded_file *from;
    struct model model;
    char container[65]; /* "" outside of one */
};

/* What is kept between two looks: names, and which processes were asked for their own mapping. */
struct fleet_memory;
/* NULL: the suppressions that SOCKLEAK_OPTIONS names cannot be read, an error was printed. */
struct fleet_memory *fleet_memory_new(void);
void fleet_memory_free(struct fleet_memory *memory);

struct fleet {
    struct load_set set;
    struct fleet_member *members;
    size_t n;
    struct settings_rules own;
    struct arena arena;
    struct symbolizer *sym; /* of the memory */
};

/*
 * Finds and judges all of them. An agent whose last look is old is asked for a fresh one and gets a
 * moment to answer; no process is stopped. What cannot be read is left out: a process may end at any time.
 * THREADS: with the threads' names, and the calls that they are in, which take three files for each.
 */
void fleet_take(struct fleet *f, struct fleet_memory *memory, bool threads);
void fleet_free(struct fleet *f);

#endif
