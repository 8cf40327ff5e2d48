/* SPDX-License-Identifier: MIT */
/*
 * symbolizer_process.h: runs a program as a filter, unseen by the process it runs for.
 */
#ifndef SOCKLEAK_AGENT_HELPER_H
#define SOCKLEAK_AGENT_HELPER_H

#include <stdbool.h>
#include <stddef.h>

struct symbolizer_job {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *input;
    size_t input_size;
    char *output; /* room for OUTPUT_ROOM bytes */
    size_t output_room;
    size_t output_size; /* as read */
};

/* Runs it to its end, at most LIMIT_MS. True when it ended with status 0 and all it wrote had room. */
bool symbolizer_run(struct symbolizer_job *job, unsigned limit_ms);

#endif
