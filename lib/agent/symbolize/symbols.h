/* SPDX-License-Identifier: MIT */
/*
 * symbols.h: the functions that hold a sorted set of addresses, found in one pass over a symbol
 * table.
 *
 * Reads through struct elf and changes nothing but the caller's arrays; no allocation.
 * Async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_SYMBOLS_H
#define SOCKLEAK_AGENT_SYMBOLS_H

#include "../elf/elf.h"

#define SYMBOL_ALIASES 6u
#define SYMBOL_MAX_NAME 4096u

struct symbol_pick {
    uint64_t value, size;
    /* of symbols that share the place: offsets in the string table */
    uint32_t names[SYMBOL_ALIASES];
    uint16_t section;
    uint8_t count; /* of NAMES; 0: none found */
    uint8_t rank;  /* 0 visible to other objects, 1 local */
};

struct symbol_target {
    uint64_t addr;    /* as in the file: address in memory - bias */
    const char *name; /* the caller's; a target that has a name is skipped */
    /* the function with addr in [value, value + size) that begins last */
    struct symbol_pick holds;
    /* the function that begins last at or before addr, whatever its size */
    struct symbol_pick before;
};

/*
 * Fills `holds` and `before` of the N TARGETS (ascending addr, no two equal) that have no name yet
 * from the table in section TABLE of E. SCRATCH: at least 4 KiB for reading, the larger the fewer
 * system calls. The work is bounded, whatever the file holds.
 */
void symbols_find(struct elf *e, const Elf64_Shdr *table, struct symbol_target *targets, size_t n, void *scratch, size_t scratch_size);
/*
 * Writes the name of T's function to NAME, NUL-terminated; returns its length, 0 when there is
 * none. A function without a size is taken only from a .symtab, when nothing else begins between it
 * and the address and both lie in one section; a gap behind a function with a size has no name. Of
 * aliases: the one with the fewest leading underscores, then the shortest. A version
 * ("@GLIBC_2.34") is cut off.
 */
size_t symbols_name(struct elf *e, const Elf64_Shdr *table, const struct symbol_target *t, char name[SYMBOL_MAX_NAME]);

#endif
