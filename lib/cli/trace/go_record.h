/* SPDX-License-Identifier: MIT */
/*
 * go_record.h: the fields of a function's record in Go's table.
 *
 * Go's struct _func: the entry, of 32 or (1.16) 64 bits, then words of 32 bits; since 1.20 with the
 * function's first line; its last byte is the number of funcdata. Behind it follow the lists of
 * values by address (pcdata), as words, then the funcdata: words counted from gofunc, or addresses.
 */
#ifndef SOCKLEAK_CLI_TRACE_GO_RECORD_H
#define SOCKLEAK_CLI_TRACE_GO_RECORD_H

#include "span.h"

enum go_format { GO_NONE = 0, GO_116, GO_118, GO_120 };

/* Words behind the entry. */
enum go_word_of_record { RECORD_NAME = 0, RECORD_FRAME = 3, RECORD_FILE = 4, RECORD_LINE = 5, RECORD_LISTS = 6, RECORD_UNIT = 7 };

static inline uint64_t record_entry_size(enum go_format format) { return format == GO_116 ? 8 : 4; }
static inline uint64_t record_size(enum go_format format) { return record_entry_size(format) + (format == GO_120 ? 40 : 36); }

/* A word of the record at AT, which lies within the table. */
static inline uint32_t record_word(struct span table, enum go_format format, uint64_t at, enum go_word_of_record word)
{
    uint32_t v = 0;
    span_u32(table, at + record_entry_size(format) + 4u * word, &v);
    return v;
}

#endif
