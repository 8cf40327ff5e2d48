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
#include "../elf/symbol_tables.h"

#define ASK_DLSYM ((void *)1) /* defined there, but only dlsym can find the address */

struct next_search {
    struct next_symbol *names;
    size_t n, left;
    bool behind_us, hopeless;
};

static const Elf64_Dyn *dynamic_section(const struct dl_phdr_info *info)
{
    const Elf64_Dyn *d = NULL;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            d = (const Elf64_Dyn *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return d;
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
    if (!symbol_tables_read(&t, info->dlpi_addr, dynamic_section(info), &odd)) {
        s->hopeless |= odd;
        return odd;
    }
    for (size_t i = 0; i < s->n; i++) {
        const Elf64_Sym *there = s->names[i].found ? NULL : symbol_tables_find(&t, s->names[i].name, dynamic_hash(s->names[i].name));
        if (!there)
            continue;
        unsigned type = ELF64_ST_TYPE(there->st_info);
        s->names[i].found = type == STT_FUNC || type == STT_NOTYPE ? (void *)(uintptr_t)(t.bias + there->st_value) : ASK_DLSYM;
        s->left--;
    }
    return s->left == 0;
}

bool next_symbol_find(struct next_symbol *names, size_t n)
{
    struct next_search s = {.names = names, .n = n, .left = n, .hopeless = getenv("LD_AUDIT") != NULL};
    for (size_t i = 0; i < n; i++)
        names[i].found = NULL;
    if (!s.hopeless)
        dl_iterate_phdr(search_next_object, &s);
    bool complete = !s.hopeless && s.left < n;
    for (size_t i = 0; i < n; i++) {
        complete &= names[i].found != ASK_DLSYM;
        if (s.hopeless || names[i].found == ASK_DLSYM)
            names[i].found = NULL;
    }
    return complete;
}
