/* SPDX-License-Identifier: MIT */
/*
 * dynamic.h: the dynamic section of a loaded object in this process' memory: relocations, symbols,
 * names, and the range that is read-only after relocation.
 *
 * For inject/, inside a dl_iterate_phdr callback, so the object cannot be unmapped meanwhile.
 * Nothing in the object is trusted: every table must lie in one of its own loaded, readable
 * segments, and its pages are probed before they are read. No allocation, no lock; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_DYNAMIC_H
#define SOCKLEAK_AGENT_DYNAMIC_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dynamic {
    uint64_t bias;
    const struct dl_phdr_info *info;
    const Elf64_Sym *symbols;
    uint64_t n_symbols; /* an upper bound: what fits before the names or the end of the segment */
    const char *names;
    uint64_t names_size;
    const uint32_t *gnu_hash, *sysv_hash;
    uint64_t gnu_hash_room, sysv_hash_room; /* in words of 4 bytes */
    /* NULL, or one for each symbol, of which the first versions_room may be read */
    const uint16_t *versions;
    uint64_t versions_room;
    struct {
        const Elf64_Rela *at;
        size_t n;
    } relocations[2];                /* [0]: of calls (lazy ones too); [1]: of data */
    uint64_t relro_start, relro_end; /* whole pages; both equal: there is no such range */
};

/*
 * Fills D from INFO. False: INFO has no dynamic section, or one that makes no sense (then *BROKEN
 * is true).
 */
bool dynamic_read(struct dynamic *d, const struct dl_phdr_info *info, bool *broken);
/* The name of symbol INDEX, NUL-terminated within the table; NULL when it has none. */
const char *dynamic_name(const struct dynamic *d, uint32_t index);
/*
 * The address of the default version of a defined function NAME, whose hash is dynamic_hash(NAME);
 * NULL: D defines none.
 */
void *dynamic_lookup(const struct dynamic *d, const char *name, uint32_t hash);
uint32_t dynamic_hash(const char *name);
/*
 * Turns a dynamic section's entry into an address. The loader has added the bias already, except
 * where that section is read-only.
 */
static inline uint64_t dynamic_address(uint64_t bias, uint64_t value) { return value < bias ? value + bias : value; }
/* True when INFO is the object that holds this library's code. */
bool dynamic_is_ours(const struct dl_phdr_info *info);
/* True when ADDR lies in a segment of the object that has all of these PF_* FLAGS. */
bool dynamic_holds(const struct dynamic *d, uint64_t addr, uint32_t flags);

#endif
