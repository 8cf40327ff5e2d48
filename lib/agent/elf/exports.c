/* SPDX-License-Identifier: MIT */
/*
 * exports.c: looks a name up among those that one loaded object exports.
 *
 * Called when a stack meets an object for the first time, on the program's thread. Most objects do
 * not have the name, which one word of the table's bloom filter says.
 */
#include "exports.h"

#include <link.h>
#include <stddef.h>
#include <string.h>

#include "../../libc/libc.h"
#include "../base/peek.h"
#include "../base/readable.h"
#include "dynamic.h"
#include "link_maps.h"

#define MAX_ENTRIES 512u
#define MAX_CHAIN 4096u

/* Copies N bytes at A, which must lie in the object. */
static bool take(struct exports *e, uint64_t a, void *to, size_t n)
{
    const uint64_t mask = PAGE_BYTES - 1;
    if (a < e->start || a >= e->end || e->end - a < n)
        return false;
    for (uint64_t page = a & ~mask; page < a + n; page += PAGE_BYTES) {
        if (page != e->seen_page && !readable(page))
            return false;
        e->seen_page = page;
    }
    memcpy(to, (const void *)(uintptr_t)a, n);
    return true;
}

bool exports_of(struct exports *e, const struct object *o)
{
    struct link_map map = {0};
    /* of an object that another thread unloads meanwhile even that may be gone */
    (void)peek((uintptr_t)o->key[0], &map, offsetof(struct link_map, l_next));
    uint64_t at = (uint64_t)(uintptr_t)map.l_ld, hash = 0;
    *e = (struct exports){.start = o->start, .end = o->end, .bias = o->bias};
    for (unsigned i = 0; at && i < MAX_ENTRIES; i++) {
        Elf64_Dyn d;
        if (!take(e, at + i * sizeof d, &d, sizeof d) || d.d_tag == DT_NULL)
            break;
        uint64_t address = dynamic_address(e->bias, d.d_un.d_ptr);
        if (d.d_tag == DT_GNU_HASH)
            hash = address;
        else if (d.d_tag == DT_SYMTAB)
            e->symbols = address;
        else if (d.d_tag == DT_STRTAB)
            e->names = address;
        else if (d.d_tag == DT_STRSZ)
            e->names_size = d.d_un.d_val;
    }
    uint32_t head[4];
    if (!hash || !e->symbols || !e->names || !take(e, hash, head, sizeof head) || !head[0] || !head[2])
        return false;
    e->buckets = head[0];
    e->first = head[1];
    e->bloom = head[2];
    e->shift = head[3] & 31;
    e->hash = hash + sizeof head;
    return true;
}

static bool is_named(struct exports *e, const Elf64_Sym *s, const char *name)
{
    char there[128];
    size_t n = strlen(name) + 1;
    unsigned bind = ELF64_ST_BIND(s->st_info);
    return n <= sizeof there && s->st_shndx != SHN_UNDEF && s->st_value && (bind == STB_GLOBAL || bind == STB_WEAK) &&
           s->st_name < e->names_size && e->names_size - s->st_name >= n && take(e, e->names + s->st_name, there, n) &&
           memcmp(there, name, n) == 0;
}

uint64_t exports_find(struct exports *e, const char *name, uint64_t *size)
{
    uint32_t hash = dynamic_hash(name), i, link;
    uint64_t word, buckets = e->hash + 8 * (uint64_t)e->bloom, chains = buckets + 4 * (uint64_t)e->buckets;
    if (!take(e, e->hash + 8 * (uint64_t)(hash / 64 % e->bloom), &word, sizeof word) ||
        !(word >> (hash % 64) & word >> ((hash >> e->shift) % 64) & 1) ||
        !take(e, buckets + 4 * (uint64_t)(hash % e->buckets), &i, sizeof i) || i < e->first)
        return 0;
    for (unsigned n = 0; n < MAX_CHAIN; n++, i++) {
        Elf64_Sym s;
        if (!take(e, chains + 4 * (uint64_t)(i - e->first), &link, sizeof link))
            return 0;
        if ((link | 1) == (hash | 1) && take(e, e->symbols + i * sizeof s, &s, sizeof s) && is_named(e, &s, name)) {
            if (size)
                *size = s.st_size;
            return e->bias + s.st_value;
        }
        if (link & 1)
            return 0;
    }
    return 0;
}

struct name_search {
    const char *name;
    uint64_t found;
};

static bool search_listed(void *arg, const void *at, const struct link_map *map, const char *path)
{
    struct name_search *s = arg;
    struct object o;
    struct exports e;
    (void)path;
    if (map->l_ld != _DYNAMIC && object_at((uintptr_t)map->l_ld, &o) && o.key[0] == at && exports_of(&e, &o))
        s->found = exports_find(&e, s->name, NULL);
    return !s->found;
}

void *exports_find_anywhere(const char *name)
{
    struct name_search s = {name, 0};
    link_maps_each(search_listed, &s);
    return (void *)(uintptr_t)s.found;
}
