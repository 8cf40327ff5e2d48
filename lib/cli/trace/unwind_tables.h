/* SPDX-License-Identifier: MIT */
/*
 * unwind_tables.h: the unwind tables of an ELF file (.eh_frame, .debug_frame), read by elfutils.
 */
#ifndef SOCKLEAK_CLI_TRACE_UNWIND_TABLES_H
#define SOCKLEAK_CLI_TRACE_UNWIND_TABLES_H

#include <elfutils/libdw.h>

#include "image.h"

struct unwind_tables;
/* The image must outlive it. NULL: no memory. */
struct unwind_tables *unwind_tables_open(const struct image *i);
void unwind_tables_free(struct unwind_tables *t);
/* The rules for the code at PC, an address of the process, for free(3); NULL: there are none. */
Dwarf_Frame *unwind_tables_at(struct unwind_tables *t, uint64_t pc);

#endif
