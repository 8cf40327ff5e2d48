/* SPDX-License-Identifier: MIT */
/*
 * dynamic.c: reads the dynamic section of a loaded object, with every bound checked.
 *
 * Called under the loader's list lock, by the watcher or by the thread that runs the attach call.
 * The number of symbols is not stated anywhere: the hash table covers the defined ones only, and is
 * empty in an object that defines nothing. So the bound used here is where the symbol table must
 * end at the latest.
 */
#include "dynamic.h"

#include <signal.h>
#include <string.h>

#include "../base/pages.h"
#include "../base/sys.h"

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

#define MAX_DYNAMIC 512u
#define MAX_CHAIN 100000u

/*
 * The number of bytes from ADDR to the end of the segment that holds it and has these PF_* FLAGS;
 * 0: no segment does.
 */
static uint64_t segment_room(const struct dl_phdr_info *info, uint64_t addr, uint32_t flags)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const Elf64_Phdr *p = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_LOAD && (p->p_flags & flags) == flags && addr - start < p->p_memsz)
            return p->p_memsz - (addr - start);
    }
    return 0;
}

bool dynamic_is_ours(const struct dl_phdr_info *info) { return segment_room(info, (uint64_t)(uintptr_t)__ehdr_start, 0) > 0; }

bool dynamic_holds(const struct dynamic *d, uint64_t addr, uint32_t flags) { return segment_room(d->info, addr, flags) > 0; }

/*
 * Asks the kernel to read each page: it answers EFAULT where we would get a fault. With this
 * invalid `how` it refuses the call before it uses what it has read.
 */
static bool pages_readable(uint64_t at, uint64_t size)
{
    for (uint64_t p = at & ~(uint64_t)(PAGE_BYTES - 1); p < at + size; p += PAGE_BYTES)
        if (SYS4(SYS_rt_sigprocmask, ~0, p, NULL, 8) == -EFAULT)
            return false;
    return true;
}

static bool take_relocations(struct dynamic *d, unsigned which, uint64_t at, uint64_t size)
{
    if (!size)
        return true;
    if (at % 8 || segment_room(d->info, at, PF_R) < size || !pages_readable(at, size))
        return false;
    d->relocations[which].at = (const Elf64_Rela *)at;
    d->relocations[which].n = size / sizeof(Elf64_Rela);
    return true;
}

static bool take_symbols(struct dynamic *d, uint64_t symbols, uint64_t names, uint64_t names_size)
{
    uint64_t room = segment_room(d->info, symbols, PF_R);
    if (symbols % 8 || !room || !names_size || segment_room(d->info, names, PF_R) < names_size)
        return false;
    if (names > symbols && names - symbols < room)
        room = names - symbols;
    d->n_symbols = room / sizeof(Elf64_Sym);
    d->symbols = (const Elf64_Sym *)symbols;
    d->names = (const char *)names;
    d->names_size = names_size;
    return pages_readable(symbols, room) && pages_readable(names, names_size) && d->names[names_size - 1] == '\0';
}

static const uint32_t *take_table(const struct dynamic *d, uint64_t at, unsigned unit, uint64_t *room)
{
    *room = at % unit ? 0 : segment_room(d->info, at, PF_R) / unit;
    return *room >= 4 && pages_readable(at, 16) ? (const uint32_t *)at : NULL;
}

/*
 * True when the part before the chains fits: number of buckets, first symbol, number of bloom
 * words, bloom shift, the bloom filter, the buckets.
 */
static bool gnu_hash_fits(const struct dynamic *d)
{
    const uint32_t *t = d->gnu_hash;
    uint64_t size = 4 + 2 * (uint64_t)t[2] + t[0];
    return t[0] && t[2] && size < d->gnu_hash_room && pages_readable((uint64_t)t, size * 4);
}

bool dynamic_read(struct dynamic *d, const struct dl_phdr_info *info, bool *broken)
{
    const Elf64_Phdr *section = NULL;
    memset(d, 0, sizeof *d);
    d->info = info;
    d->bias = info->dlpi_addr;
    *broken = false;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const Elf64_Phdr *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_DYNAMIC)
            section = p;
        if (p->p_type == PT_GNU_RELRO) { /* rounded as the loader rounds it */
            d->relro_start = (d->bias + p->p_vaddr) & ~(uint64_t)(PAGE_BYTES - 1);
            d->relro_end = (d->bias + p->p_vaddr + p->p_memsz) & ~(uint64_t)(PAGE_BYTES - 1);
        }
    }
    if (!section)
        return false;
    *broken = true;
    uint64_t at = d->bias + section->p_vaddr, size = section->p_memsz;
    if (at % 8 || segment_room(info, at, PF_R) < size || !pages_readable(at, size))
        return false;

    uint64_t v[DT_NUM] = {0}, gnu_hash = 0, versions = 0;
    for (unsigned i = 0; i < MAX_DYNAMIC && (i + 1) * sizeof(Elf64_Dyn) <= size; i++) {
        const Elf64_Dyn *e = (const Elf64_Dyn *)at + i;
        if (e->d_tag == DT_NULL)
            break;
        if (e->d_tag > 0 && e->d_tag < DT_NUM)
            v[e->d_tag] = e->d_un.d_val;
        else if (e->d_tag == DT_GNU_HASH)
            gnu_hash = dynamic_address(d->bias, e->d_un.d_ptr);
        else if (e->d_tag == DT_VERSYM)
            versions = dynamic_address(d->bias, e->d_un.d_ptr);
    }
    if (!v[DT_SYMTAB] || !v[DT_STRTAB]) {
        *broken = v[DT_JMPREL] || v[DT_RELA];
        return false;
    }
    if (!take_symbols(d, dynamic_address(d->bias, v[DT_SYMTAB]), dynamic_address(d->bias, v[DT_STRTAB]), v[DT_STRSZ]))
        return false;
    if (v[DT_PLTRELSZ] && v[DT_PLTREL] == DT_RELA && !take_relocations(d, 0, dynamic_address(d->bias, v[DT_JMPREL]), v[DT_PLTRELSZ]))
        return false;
    if (v[DT_RELASZ] && v[DT_RELAENT] == sizeof(Elf64_Rela) && !take_relocations(d, 1, dynamic_address(d->bias, v[DT_RELA]), v[DT_RELASZ]))
        return false;
    if (gnu_hash)
        d->gnu_hash = take_table(d, gnu_hash, 8, &d->gnu_hash_room);
    d->gnu_hash_room *= 2; /* take_table counted units of 8; the field counts words of 4 bytes */
    if (d->gnu_hash && !gnu_hash_fits(d))
        d->gnu_hash = NULL;
    if (v[DT_HASH])
        d->sysv_hash = take_table(d, dynamic_address(d->bias, v[DT_HASH]), 4, &d->sysv_hash_room);
    if (versions && versions % 2 == 0)
        d->versions_room = segment_room(info, versions, PF_R) / 2;
    if (d->versions_room)
        d->versions = (const uint16_t *)versions;
    *broken = false;
    return true;
}

const char *dynamic_name(const struct dynamic *d, uint32_t index)
{
    if (index >= d->n_symbols || d->symbols[index].st_name >= d->names_size)
        return NULL;
    return d->names + d->symbols[index].st_name;
}

uint32_t dynamic_hash(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

static bool symbol_matches(const struct dynamic *d, uint32_t index, const char *name)
{
    const char *there = dynamic_name(d, index);
    if (!there || strcmp(there, name) != 0)
        return false;
    const Elf64_Sym *s = &d->symbols[index];
    unsigned type = ELF64_ST_TYPE(s->st_info), bind = ELF64_ST_BIND(s->st_info);
    if (s->st_shndx == SHN_UNDEF || !s->st_value || (type != STT_FUNC && type != STT_NOTYPE) || (bind != STB_GLOBAL && bind != STB_WEAK))
        return false;
    if (!d->versions || index >= d->versions_room || !pages_readable((uint64_t)(d->versions + index), 2))
        return true;
    /* hidden: an old version, for programs that were linked long ago */
    return !(d->versions[index] & 0x8000);
}

static void *lookup_gnu_hash(const struct dynamic *d, const char *name, uint32_t hash)
{
    const uint32_t *t = d->gnu_hash;
    uint64_t buckets = t[0], first = t[1], bloom = t[2], head = 4 + 2 * bloom;
    uint64_t word;
    memcpy(&word, t + 4 + 2 * (hash / 64 % bloom), sizeof word);
    if (!(word >> (hash % 64) & word >> ((hash >> (t[3] & 31)) % 64) & 1))
        return NULL;
    uint64_t i = t[head + hash % buckets];
    if (i < first)
        return NULL;
    for (unsigned n = 0; n < MAX_CHAIN; n++, i++) {
        uint64_t link = head + buckets + (i - first);
        if (link >= d->gnu_hash_room || !pages_readable((uint64_t)(t + link), 4))
            return NULL;
        if ((t[link] | 1) == (hash | 1) && symbol_matches(d, (uint32_t)i, name))
            return (void *)(d->bias + d->symbols[i].st_value);
        if (t[link] & 1)
            return NULL;
    }
    return NULL;
}

static void *lookup_sysv_hash(const struct dynamic *d, const char *name)
{
    const uint32_t *t = d->sysv_hash;
    uint64_t buckets = t[0], chains = t[1];
    uint32_t h = 0;
    for (const char *p = name; *p; p++) {
        h = (h << 4) + (unsigned char)*p;
        h ^= (h & 0xf0000000) >> 24;
        h &= 0x0fffffff;
    }
    if (!buckets || 2 + buckets + chains > d->sysv_hash_room || !pages_readable((uint64_t)t, (2 + buckets + chains) * 4))
        return NULL;
    uint64_t i = t[2 + h % buckets];
    for (unsigned n = 0; i && i < chains && n < MAX_CHAIN; n++, i = t[2 + buckets + i])
        if (symbol_matches(d, (uint32_t)i, name))
            return (void *)(d->bias + d->symbols[i].st_value);
    return NULL;
}

void *dynamic_lookup(const struct dynamic *d, const char *name, uint32_t hash)
{
    if (d->gnu_hash)
        return lookup_gnu_hash(d, name, hash);
    return d->sysv_hash ? lookup_sysv_hash(d, name) : NULL;
}
