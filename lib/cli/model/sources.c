/* SPDX-License-Identifier: MIT */
/*
 * sources.c: the source line of the frame that stands for the program in a stack.
 *
 * Called by stacks.c and handlers.c. Native code was compiled from a file that is not newer than its
 * own. A runtime has read its files itself, so a file that was written since its process began may
 * not be what runs; nor is one that was written since the file was made that a source map names.
 */
#include "sources.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../core/program_frame.h"

/* When the generated file of F was written, or NEWEST if that is earlier. */
static uint64_t before_generated(const struct frame *f, const char *root, uint64_t newest)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", root ? root : "", f->generated_file);
    if (stat(path, &st) != 0)
        return 0;
    uint64_t written = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    return written < newest ? written : newest;
}

static const char *of_runtime(const struct loaded_file *l, struct symbolizer *sym, const struct frame *f)
{
    char cwd[64];
    const char *started_in = symbolize_started_in(sym);
    uint64_t newest = load_unchanged_since(l);
    if (!f->file || f->line_of_function || !newest)
        return NULL;
    struct source_wanted w = {.root = l->root, .path = f->file, .line = f->line, .newest_ns = newest, .owner = l->owner};
    if (f->generated_file)
        w.newest_ns = before_generated(f, l->root, newest);
    if (f->file[0] != '/') {
        snprintf(cwd, sizeof cwd, "/proc/%d/cwd", (int)l->pid);
        w.root = load_is_live(l) ? cwd : started_in;
        if (!w.root || strstr(f->file, ".."))
            return NULL;
    }
    return symbolize_source_at(sym, &w);
}

void sources_put(const struct loaded_file *l, struct symbolizer *sym, struct frame *frames, size_t n, const struct source_key *keys)
{
    const struct frame *own = program_frame_first(frames, n);
    if (!own)
        return;
    struct frame *f = &frames[own - frames];
    if (f->runtime != RUNTIME_NATIVE)
        f->source = of_runtime(l, sym, f);
    else if (keys && keys[own - frames].symbol)
        f->source = symbolize_source(sym, keys[own - frames].module, keys[own - frames].symbol);
}
