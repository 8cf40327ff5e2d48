/* SPDX-License-Identifier: MIT */
/*
 * next_symbol.c: looks up names in the objects that come after this library in the loader's order.
 *
 * Called by real.c before anything else, so it may use nothing that needs the originals. The tables
 * are trusted as the loader trusts them: it has just bound this library's own calls through them.
 */
#include "next_symbol.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../elf/dynamic.h"

#define ASK_DLSYM ((void *)1) /* defined there, but only dlsym can find the address */

struct symbol_tables {
    uint64_t bias;
    const Elf64_Sym *symbols;
    const char *names;
    const uint32_t *hash;
    const uint16_t *versions; /* NULL: none */
};

struct next_search {
    struct next_symbol *names;
    size_t n, left;
    bool behind_us, hopeless;
};

/*
 * Fills T. False: the object defines nothing that can be found here. *ODD: only dlsym can read its
 * hash table.
 */
static bool read_symbol_tables(const struct dl_phdr_info *info, struct symbol_tables *t, bool *odd)
{
    const Elf64_Dyn *d = NULL;
    bool old_hash = false;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            d = (const Elf64_Dyn *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    *t = (struct symbol_tables){.bias = info->dlpi_addr};
    for (; d && d->d_tag != DT_NULL; d++) {
        uintptr_t at = (uintptr_t)dynamic_address(t->bias, d->d_un.d_ptr);
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

static const Elf64_Sym *lookup_symbol(const struct symbol_tables *t, const char *name, uint32_t hash)
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

static int search_next_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct next_search *s = arg;
    struct symbol_tables t;
    bool odd;
    (void)size;
    if (!s->behind_us) {
        s->behind_us = dynamic_is_ours(info);
        return 0;
    }
    if (!read_symbol_tables(info, &t, &odd)) {
        s->hopeless |= odd;
        return odd;
    }
    for (size_t i = 0; i < s->n; i++) {
        const Elf64_Sym *there = s->names[i].found ? NULL : lookup_symbol(&t, s->names[i].name, dynamic_hash(s->names[i].name));
        if (!there)
            continue;
        unsigned type = ELF64_ST_TYPE(there->st_info);
        s->names[i].found = type == STT_FUNC || type == STT_NOTYPE ? (void *)(uintptr_t)(t.bias + there->st_value) : ASK_DLSYM;
        s->left--;
    }
    return s->left == 0;
}

void next_symbol_find(struct next_symbol *names, size_t n)
{
    struct next_search s = {.names = names, .n = n, .left = n, .hopeless = getenv("LD_AUDIT") != NULL};
    for (size_t i = 0; i < n; i++)
        names[i].found = NULL;
    if (!s.hopeless)
        dl_iterate_phdr(search_next_object, &s);
    for (size_t i = 0; i < n; i++)
        if (s.hopeless || names[i].found == ASK_DLSYM)
            names[i].found = NULL;
}
