/* SPDX-License-Identifier: MIT */
/*
 * ask_names.c: readable C++ names from the command, for a thread that may not call the program's
 * demangler.
 *
 * A line for each name goes in and comes out (lib/cli/report/for_agent.h).
 */
#include "ask_names.h"

#include <string.h>

#include "lines.h"
#include "symbolizer_process.h"

#define LIMIT_MS 2000
#define READABLE_ROOM 16u /* a readable name has at most so many times the length, or is left out */

static bool is_mangled(const struct frame *f) { return f->symbol && f->symbol[0] == '_' && f->symbol[1] == 'Z'; }

static size_t write_names(struct out *o, const struct frame *frames, size_t n)
{
    size_t asked = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_mangled(&frames[i]))
            continue;
        out_str(o, frames[i].symbol);
        out_char(o, '\n');
        asked++;
    }
    return asked;
}

static bool run_command(struct scratch **scratch, struct symbolizer_job *job, struct out *in)
{
    char command[600];
    if (in->lost || !lines_command(command, sizeof command))
        return false;
    char *argv[] = {command, (char *)(uintptr_t) "report", (char *)(uintptr_t) "--for-agent", (char *)(uintptr_t) "--names", NULL};
    char *envp[] = {(char *)(uintptr_t) "LC_ALL=C", NULL};
    job->path = command;
    job->argv = argv;
    job->envp = envp;
    job->input = in->buf;
    job->input_size = in->len;
    job->output_room = in->len * READABLE_ROOM + 1;
    job->output = scratch_get(scratch, job->output_room);
    return job->output && symbolizer_run(job, LIMIT_MS);
}

static void take_names(struct frame *frames, size_t n, char *text, const char *end)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_mangled(&frames[i]))
            continue;
        char *newline = memchr(text, '\n', (size_t)(end - text));
        if (!newline)
            return;
        *newline = 0;
        frames[i].symbol = text;
        text = newline + 1;
    }
}

void ask_names(struct scratch **scratch, struct frame *frames, size_t n)
{
    struct out in;
    struct symbolizer_job job = {0};
    scratch_out(&in);
    if (write_names(&in, frames, n) && run_command(scratch, &job, &in))
        take_names(frames, n, job.output, job.output + job.output_size);
    scratch_out_free(&in);
}
