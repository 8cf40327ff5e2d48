/* SPDX-License-Identifier: MIT */
/*
 * elf_symbol.c: symbols of another process' objects, looked up by hash in its own memory.
 *
 * A handful of small reads for each name; no table is copied. Loops are bounded, so that a broken
 * table gives "not found".
 */
#include "elf_symbol.h"

#include <elf.h>
#include <string.h>

#include "memory.h"

/*
 * The loader has turned most of these into addresses already, but not in objects whose dynamic
 * section it could not write.
 */
static uint64_t absolute(const struct remote_module *m, uint64_t value) { return value < m->bias ? value + m->bias : value; }

static bool read_dynamic(const struct remote *r, struct remote_module *m)
{
    Elf64_Ehdr eh;
    if (!memory_read(r, m->start, &eh, sizeof(eh)))
        return false;
    uint64_t at = 0;
    for (unsigned i = 0; i < eh.e_phnum && i < 64 && !at; i++) {
        Elf64_Phdr ph;
        if (!memory_read(r, m->start + eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
            return false;
        if (ph.p_type == PT_DYNAMIC)
            at = m->bias + ph.p_vaddr;
    }
    for (unsigned i = 0; at && i < 512; i++) {
        Elf64_Dyn d;
        if (!memory_read(r, at + i * sizeof(d), &d, sizeof(d)))
            return false;
        switch (d.d_tag) {
        case DT_NULL:
            at = 0;
            break;
        case DT_SYMTAB:
            m->symtab = absolute(m, d.d_un.d_ptr);
            break;
        case DT_STRTAB:
            m->strtab = absolute(m, d.d_un.d_ptr);
            break;
        case DT_STRSZ:
            m->strsz = d.d_un.d_val;
            break;
        case DT_GNU_HASH:
            m->gnu_hash = absolute(m, d.d_un.d_ptr);
            break;
        case DT_HASH:
            m->hash = absolute(m, d.d_un.d_ptr);
            break;
        case DT_VERSYM:
            m->versym = absolute(m, d.d_un.d_ptr);
            break;
        }
    }
    m->has_tables = m->symtab && m->strtab && (m->gnu_hash || m->hash);
    return m->has_tables;
}

static bool is_symbol(const struct remote *r, const struct remote_module *m, uint32_t index, const char *name, Elf64_Sym *sym)
{
    char there[128];
    size_t len = strlen(name) + 1;
    if (!memory_read(r, m->symtab + (uint64_t)index * sizeof(*sym), sym, sizeof(*sym)))
        return false;
    if (sym->st_shndx == SHN_UNDEF || !sym->st_value || sym->st_name >= m->strsz || len > sizeof(there))
        return false;
    if (!memory_read(r, m->strtab + sym->st_name, there, len) || memcmp(there, name, len) != 0)
        return false;
    uint16_t version = 1;
    if (m->versym)
        memory_read(r, m->versym + index * 2ull, &version, sizeof(version));
    return !(version & 0x8000); /* hidden: an old version, kept for old programs */
}

static bool find_by_gnu_hash(const struct remote *r, const struct remote_module *m, const char *name, Elf64_Sym *sym)
{
    uint32_t h = 5381, head[4]; /* buckets, first symbol, bloom words, bloom shift */
    for (const char *p = name; *p; p++)
        h = h * 33 + (unsigned char)*p;
    if (!memory_read(r, m->gnu_hash, head, sizeof(head)) || !head[0] || !head[2])
        return false;
    uint64_t bloom;
    if (!memory_read(r, m->gnu_hash + 16 + 8ull * (h / 64 % head[2]), &bloom, sizeof(bloom)))
        return false;
    if (!(bloom >> (h % 64) & bloom >> ((h >> (head[3] & 31)) % 64) & 1))
        return false;
    uint64_t buckets = m->gnu_hash + 16 + 8ull * head[2], chains = buckets + 4ull * head[0];
    uint32_t i, value;
    if (!memory_read(r, buckets + 4ull * (h % head[0]), &i, sizeof(i)) || i < head[1])
        return false;
    for (unsigned n = 0; n < 100000; n++, i++) {
        if (!memory_read(r, chains + 4ull * (i - head[1]), &value, sizeof(value)))
            return false;
        if ((value | 1) == (h | 1) && is_symbol(r, m, i, name, sym))
            return true;
        if (value & 1)
            return false;
    }
    return false;
}

static bool find_by_sysv_hash(const struct remote *r, const struct remote_module *m, const char *name, Elf64_Sym *sym)
{
    uint32_t h = 0, head[2], i;
    for (const char *p = name; *p; p++) {
        h = (h << 4) + (unsigned char)*p;
        h ^= (h & 0xf0000000) >> 24;
        h &= 0x0fffffff;
    }
    if (!memory_read(r, m->hash, head, sizeof(head)) || !head[0])
        return false;
    if (!memory_read(r, m->hash + 8 + 4ull * (h % head[0]), &i, sizeof(i)))
        return false;
    for (unsigned n = 0; i && i < head[1] && n < 100000; n++) {
        if (is_symbol(r, m, i, name, sym))
            return true;
        if (!memory_read(r, m->hash + 8 + 4ull * head[0] + 4ull * i, &i, sizeof(i)))
            return false;
    }
    return false;
}

bool elf_symbol(const struct remote *r, struct remote_module *m, const char *name, uint64_t *addr, uint64_t *size)
{
    Elf64_Sym sym;
    if (!m || (!m->has_tables && !read_dynamic(r, m)))
        return false;
    if (!(m->gnu_hash ? find_by_gnu_hash(r, m, name, &sym) : find_by_sysv_hash(r, m, name, &sym)))
        return false;
    *addr = m->bias + sym.st_value;
    if (size)
        *size = sym.st_size;
    return true;
}
