/* SPDX-License-Identifier: MIT */
/*
 * symbolizer_process.h: runs a program as a filter, unnoticed by the process that it runs for.
 */
#ifndef SOCKLEAK_AGENT_SYMBOLIZER_PROCESS_H
#define SOCKLEAK_AGENT_SYMBOLIZER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

struct symbolizer_job {
    const char *path;
    char *const *argv;
    char *const *envp;
    const char *input;
    size_t input_size;
    char *output; /* the caller's, of output_room bytes */
    size_t output_room;
    size_t output_size; /* bytes that were read */
};

/*
 * Runs it to its end, LIMIT_MS at most. True when it ended with status 0 and its whole output had
 * room. Blocks the calling thread's signals meanwhile; errno is kept.
 */
bool symbolizer_run(struct symbolizer_job *job, unsigned limit_ms);

#endif
