/* SPDX-License-Identifier: MIT */
/*
 * sym_dwarf.h: from an address to its functions and lines, in one open module.
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_SYM_DWARF_H
#define SOCKLEAK_CLI_SYMBOLIZE_SYM_DWARF_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

struct sym_dwarf;
/* PATH: of the file; FILE: what of it a report shows, a part of PATH. Both or none are NULL. */
typedef void sym_emit(void *arg, const char *name, const char *path, const char *file, uint32_t line, bool inlined);
struct sym_dwarf *sym_dwarf_new(Dwfl_Module *module);
void sym_dwarf_free(struct sym_dwarf *d);
/*
 * The functions of ADDRESS (in the file's own addresses) go to EMIT, innermost first. At least one
 * call; its strings may be NULL and are valid during it. Names are as the compiler wrote them.
 */
void sym_dwarf_lookup(struct sym_dwarf *d, uint64_t address, sym_emit *emit, void *arg);

#endif
