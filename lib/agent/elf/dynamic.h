/* SPDX-License-Identifier: MIT */
/*
 * dynamic.h: the dynamic section of a loaded object as it lies in this process' memory: relocations, symbols, names, the range that is
 * read-only after relocation.
 *
 * For redirect.c, inside a dl_iterate_phdr callback: the object cannot go away meanwhile. Nothing that the object says is trusted: every
 * table must lie in one of its own loaded, readable segments, and its pages are probed before they are read. No allocation, no lock, errno
 * is kept.
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
    uint64_t n_symbols; /* an upper bound: what fits between the table and the end of its segment, or the names */
    const char *names;
    uint64_t names_size;
    const uint32_t *gnu_hash, *sysv_hash;
    uint64_t gnu_hash_room, sysv_hash_room; /* in words */
    const uint16_t *versions;               /* NULL, or n_symbols of them can be read up to versions_room */
    uint64_t versions_room;
    struct {
        const Elf64_Rela *at;
        size_t n;
    } relocations[2];                /* of calls (lazy ones among them), and of data */
    uint64_t relro_start, relro_end; /* whole pages; equal: none */
};

/* False: INFO has no dynamic section, or one that makes no sense (*BROKEN). */
bool dynamic_read(struct dynamic *d, const struct dl_phdr_info *info, bool *broken);
/* The name of symbol INDEX, NUL-terminated within the table; NULL when there is none. */
const char *dynamic_name(const struct dynamic *d, uint32_t index);
/* The default version of a defined function NAME with hash dynamic_hash(NAME): its address, NULL. */
void *dynamic_lookup(const struct dynamic *d, const char *name, uint32_t hash);
uint32_t dynamic_hash(const char *name);
/* An address in a dynamic section: the loader has added the bias already, but not where that section is read-only. */
static inline uint64_t dynamic_address(uint64_t bias, uint64_t value) { return value < bias ? value + bias : value; }
/* INFO is the object that holds this library's code. */
bool dynamic_is_ours(const struct dl_phdr_info *info);
/* ADDR lies in a segment of the object that has these PF_* flags. */
bool dynamic_holds(const struct dynamic *d, uint64_t addr, uint32_t flags);

#endif
