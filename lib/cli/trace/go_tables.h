/* SPDX-License-Identifier: MIT */
/*
 * go_tables.h: Go's table of functions, .gopclntab: which function an address lies in, how large
 * its frame is there, its source lines and the functions that were inlined into it.
 *
 * Pure: reads bytes that it is given, and trusts none of them. The formats of Go 1.16 and 1.17, of
 * 1.18 and 1.19, and of 1.20 and later, for 64-bit little-endian processors.
 */
#ifndef SOCKLEAK_CLI_TRACE_GO_TABLES_H
#define SOCKLEAK_CLI_TRACE_GO_TABLES_H

#include "go_record.h"

#define GO_HEADER 72u /* bytes of the longest header */
#define GO_SEGMENTS 24u
#define GO_INLINED 32u /* functions at one address, with those that are inlined */

/* A piece of the executable's read-only data, by its address in the process. */
struct go_segment {
    uint64_t address;
    struct span bytes;
};

struct go_tables {
    enum go_format format;
    struct span table;    /* from the header on */
    uint64_t text;        /* the address that functions are counted from; 0: moduledata has it */
    uint64_t inline_base; /* "gofunc", that inlining trees are counted from; 0: not known */
    uint32_t quantum;     /* the unit of code addresses */
    uint32_t nfunc;
    uint8_t wrapper_id;                              /* of functions that the compiler generated to call others; 0: not known */
    uint64_t names, units, files, values, functions; /* parts of the table, by offset */
    struct go_segment segments[GO_SEGMENTS];
    unsigned n_segments;
};

struct go_function {
    uint64_t entry, end;
    uint64_t record; /* offset in the table */
};

struct go_line {
    const char *function, *file; /* within the table; file is NULL when it is not known */
    uint32_t line;               /* 0: not known */
};

/* The format that the bytes at the beginning of HEADER are of; GO_NONE: no header. */
enum go_format go_header_format(struct span header);
/*
 * Reads the header. TABLE: the bytes of the whole table, which stay where they are; HEADER: its
 * first GO_HEADER bytes as the process has them, where a position-independent program has its
 * text's address. For GO_116 every address in TABLE must be the process' own. False: no such table.
 */
bool go_tables_open(struct go_tables *t, struct span table, struct span header);
/* A piece of read-only data, in which inlining trees may lie. */
void go_tables_segment(struct go_tables *t, uint64_t address, struct span bytes);
/* Finds the number that this version gives wrappers. */
void go_tables_find_wrappers(struct go_tables *t);
/* True: BASE is what inlining trees are counted from, by many of them. */
bool go_tables_try_inline_base(const struct go_tables *t, uint64_t base);

/* True: F only calls another function, for the compiler: a method's wrapper, a go statement's. */
bool go_function_is_wrapper(const struct go_tables *t, const struct go_function *f);

/* The first and last address of functions, counted from text. False: the table is damaged. */
bool go_text_range(const struct go_tables *t, uint64_t *first, uint64_t *end);
/* The function that PC lies in. */
bool go_function_at(const struct go_tables *t, uint64_t pc, struct go_function *f);
/* Its name, as the linker wrote it; NULL: the table is damaged. */
const char *go_function_name(const struct go_tables *t, const struct go_function *f);
/* True: FUNCTION is NAME, with or without the mark of Go's older calling convention. */
bool go_name_is(const char *function, const char *name);
/*
 * The value that LIST, an offset among the table's values, has for PC, which lies in F. For frame
 * size, file, line and inlined call there is a list each.
 */
bool go_value_at(const struct go_tables *t, const struct go_function *f, uint32_t list, uint64_t pc, int32_t *value);
/* Bytes between the stack pointer at PC and the return address of the frame. */
bool go_frame_size(const struct go_tables *t, const struct go_function *f, uint64_t pc, uint64_t *size);
/*
 * The functions at PC, those inlined first and F itself last; the number of them, at most
 * GO_INLINED. 0: the table is damaged. PC is within the instruction that is asked for, not behind
 * it.
 */
unsigned go_lines(const struct go_tables *t, const struct go_function *f, uint64_t pc, struct go_line *out);

#endif
