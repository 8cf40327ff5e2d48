/* SPDX-License-Identifier: MIT */
/*
 * symbol_tables.c: looks names up in an object's own hash table as the loader does.
 */
#include "symbol_tables.h"

#include <stddef.h>
#include <string.h>

#include "dynamic.h"
#include "link_maps.h"

bool symbol_tables_read(struct symbol_tables *t, uint64_t bias, const Elf64_Dyn *section, bool *odd)
{
    bool old_hash = false;
    *t = (struct symbol_tables){.bias = bias};
    for (const Elf64_Dyn *d = section; d && d->d_tag != DT_NULL; d++) {
        uintptr_t at = (uintptr_t)dynamic_address(bias, d->d_un.d_ptr);
        switch (d->d_tag) {
        case DT_SYMTAB:
            t->symbols = (const Elf64_Sym *)at;
            break;
        case DT_STRTAB:
            t->names = (const char *)at;
            break;
        case DT_GNU_HASH:
            t->hash = (const uint32_t *)at;
            break;
        case DT_VERSYM:
            t->versions = (const uint16_t *)at;
            break;
        case DT_HASH:
            old_hash = true;
            break;
        default:
            break;
        }
    }
    *odd = old_hash && !t->hash;
    return t->symbols && t->names && t->hash && t->hash[0];
}

const Elf64_Sym *symbol_tables_find(const struct symbol_tables *t, const char *name, uint32_t hash)
{
    const uint32_t *h = t->hash;
    uint32_t buckets = h[0], first = h[1], bloom = h[2];
    const uint32_t *bucket = h + 4 + 2 * (size_t)bloom, *chain = bucket + buckets;
    uint64_t word;
    memcpy(&word, h + 4 + 2 * (size_t)(hash / 64 & (bloom - 1)), sizeof word);
    if (!(word >> (hash % 64) & word >> ((hash >> h[3]) % 64) & 1))
        return NULL;
    uint32_t i = bucket[hash % buckets];
    if (i < first)
        return NULL;
    for (;; i++) {
        uint32_t there = chain[i - first];
        const Elf64_Sym *s = &t->symbols[i];
        if ((there | 1) == (hash | 1) && s->st_shndx != SHN_UNDEF && s->st_value && !(t->versions && t->versions[i] & 0x8000) &&
            strcmp(t->names + s->st_name, name) == 0)
            return s;
        if (there & 1)
            return NULL;
    }
}

struct libc_search {
    const char *name;
    void *found;
};

static bool search_part(void *arg, const void *at, const struct link_map *map, const char *path)
{
    struct libc_search *s = arg;
    struct symbol_tables t;
    bool odd;
    (void)at;
    if (!link_maps_is_libc(path) || !symbol_tables_read(&t, map->l_addr, map->l_ld, &odd))
        return true;
    const Elf64_Sym *there = symbol_tables_find(&t, s->name, dynamic_hash(s->name));
    if (there)
        s->found = (void *)(uintptr_t)(t.bias + there->st_value);
    return !there;
}

void *symbol_tables_libcs(const char *name)
{
    struct libc_search s = {name, NULL};
    link_maps_each(search_part, &s);
    return s.found;
}
