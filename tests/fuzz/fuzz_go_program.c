/* SPDX-License-Identifier: MIT */
/*
 * fuzz_go_program.c: damaged ELF files through everything that a walk from outside reads in one:
 * its segments, functions and their code, and Go's tables.
 *
 * Built with -fsanitize=fuzzer,address,undefined; with -DFUZZ_STANDALONE it runs over the files
 * that are given to it. The process' memory is the file as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace/call_code.c"
#include "cli/trace/go_lines.c"
#include "cli/trace/go_program.c"
#include "cli/trace/go_tables.c"
#include "cli/trace/image.c"
#include "cli/trace/image_functions.c"
#include "cli/trace/image_ranges.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_image(void *arg, uint64_t at, void *to, size_t n) { return span_copy(image_at(arg, at), 0, to, n); }

static void ask_go(const struct go_tables *t)
{
    uint64_t first, end;
    if (!go_text_range(t, &first, &end))
        return;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t pc = t->text + first + (end - first) / 64 * i + i, frame;
        struct go_function f;
        struct go_line l[GO_INLINED];
        if (!go_function_at(t, pc, &f))
            continue;
        unsigned n = go_lines(t, &f, pc, l);
        if (n > GO_INLINED)
            abort();
        for (unsigned k = 0; k < n; k++)
            if (!*l[k].function || (l[k].file && strlen(l[k].file) > t->table.n))
                abort();
        if (go_frame_size(t, &f, pc, &frame) && frame > INT32_MAX)
            abort();
        go_function_is_wrapper(t, &f);
    }
}

static void ask_code(struct image *i)
{
    for (unsigned k = 0; k < 64; k++) {
        const struct image_segment *s = &i->segments[k % i->n_segments];
        uint64_t at = s->address + s->bytes.n / 64 * k + k, start = at, end = at;
        struct call_frame frame;
        if (image_function(i, at, &start, &end) && (at < start || at >= end))
            abort();
        image_symbol_name(i, at);
        call_before(i, at, start);
        call_frame_of(i, start, end, at, &frame);
        if (frame.is_exact && frame.least > frame.most)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image;
    struct go_program program;
    /* A copy of its own, so that the sanitizer sees a read beyond the end. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (image_open_bytes(&image, (struct span){copy, size}, 0x400000)) {
        if (go_program_open(&program, &image, read_image, &image)) {
            ask_go(&program.tables);
            go_program_close(&program);
        }
        if (image.n_segments)
            ask_code(&image);
        free(image.symbols);
        free(image.ranges);
    }
    free(copy);
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        static uint8_t data[1 << 20];
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        size_t n = fread(data, 1, sizeof data, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
    }
    return 0;
}
#endif
