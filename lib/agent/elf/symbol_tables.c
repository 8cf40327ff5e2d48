/* SPDX-License-Identifier: MIT */
/*
 * symbol_tables.c: looks names up in an object's own hash table as the loader does.
 */
#include "symbol_tables.h"

#include <stddef.h>
#include <string.h>

#include "dynamic.h"

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

void *symbol_tables_loaders(const char *name)
{
    const ElfW(Ehdr) *e = (const void *)_r_debug.r_ldbase;
    struct symbol_tables t;
    bool odd;
    if (!e)
        return NULL;
    /* the loader is linked to address 0 */
    const ElfW(Phdr) *p = (const void *)((uintptr_t)e + e->e_phoff);
    for (unsigned i = 0; i < e->e_phnum; i++) {
        if (p[i].p_type != PT_DYNAMIC)
            continue;
        const Elf64_Dyn *section = (const void *)((uintptr_t)e + p[i].p_vaddr);
        if (!symbol_tables_read(&t, (uint64_t)(uintptr_t)e, section, &odd))
            return NULL;
        const Elf64_Sym *s = symbol_tables_find(&t, name, dynamic_hash(name));
        return s ? (void *)(uintptr_t)(t.bias + s->st_value) : NULL;
    }
    return NULL;
}
