/* SPDX-License-Identifier: MIT */
/*
 * go_program.h: finds Go's tables in the executable of a process.
 */
#ifndef SOCKLEAK_CLI_TRACE_GO_PROGRAM_H
#define SOCKLEAK_CLI_TRACE_GO_PROGRAM_H

#include "go_tables.h"
#include "image.h"
#include <sys/types.h>

struct go_program {
    struct go_tables tables;
    uint64_t address; /* of the table in the process; 0: the program is none of Go's */
    /* As goroutine.h has found them: in a thread's own storage, in m, in g; 0: not yet. */
    uint32_t place_of_g, word_of_g, word_of_entry;
    uint64_t last_g; /* the address of the last one that was read */
    void *copy;      /* of a table that the process has relocated; NULL: the file's serves */
};

/* Reads N bytes of the process that the image belongs to. */
typedef bool go_read(void *arg, uint64_t at, void *to, size_t n);

/* False: no tables of Go, or none that can be read. What was opened is valid as long as I is. */
bool go_program_open(struct go_program *g, const struct image *i, go_read *read, void *arg);
void go_program_close(struct go_program *g);

#endif
