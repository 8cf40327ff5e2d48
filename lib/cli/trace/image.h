/* SPDX-License-Identifier: MIT */
/*
 * image.h: an ELF file that a process has mapped: its segments, its sections by name, the functions
 * that its unwind table and its symbols know.
 *
 * The file is mapped here too, and not trusted: every read stays within it. Addresses are those of
 * the process: the file's own plus the bias.
 */
#ifndef SOCKLEAK_CLI_TRACE_IMAGE_H
#define SOCKLEAK_CLI_TRACE_IMAGE_H

#include "span.h"

#define IMAGE_SEGMENTS 24u

struct image_segment {
    uint64_t address, in_memory; /* bytes in memory */
    struct span bytes;           /* what of it is in the file */
    bool write, execute;
};

/* Both sorted by what they begin with (core/sort.h). */
struct image_range {
    uint64_t start, end;
};

struct image_symbol {
    uint64_t address, size;
    uint32_t name; /* offset in the table of names */
};

struct image {
    struct span file;
    uint64_t bias;
    bool is_relocated; /* it was linked for any address (ET_DYN) */
    unsigned n_segments;
    struct image_segment segments[IMAGE_SEGMENTS];
    uint64_t tls_size;
    bool has_go_note, has_sections;
    uint64_t frame_index; /* address of .eh_frame_hdr; 0: none */
    /* Functions by unwind table and by symbol, sorted, once image_function has been asked. */
    struct image_range *ranges;
    size_t n_ranges;
    struct image_symbol *symbols;
    size_t n_symbols;
    struct span symbol_names;
    bool has_ranges, has_symbols;
};

/*
 * Maps the file behind FD, whose first byte a process has at MAPPED. FD is not kept. False: no ELF
 * file of x86-64, or no memory.
 */
bool image_open(struct image *i, int fd, uint64_t mapped);
/* The same for bytes that somebody else keeps; image_close does not touch them. */
bool image_open_bytes(struct image *i, struct span file, uint64_t mapped);
void image_close(struct image *i);

/* The file's bytes from ADDRESS to the end of its segment; empty when it has none. */
struct span image_at(const struct image *i, uint64_t address);
/* ADDRESS is in code of the image. */
bool image_is_code(const struct image *i, uint64_t address);
/* The first section called NAME: its bytes, and its address in the process. */
bool image_section(const struct image *i, const char *name, struct span *bytes, uint64_t *address);
/*
 * Where the function begins and ends that ADDRESS lies in: by the unwind table, else by the
 * symbols. False: nobody knows.
 */
bool image_function(struct image *i, uint64_t address, uint64_t *start, uint64_t *end);
/* The name of the symbol that ADDRESS lies in; NULL: none. */
const char *image_symbol_name(struct image *i, uint64_t address);

#endif
