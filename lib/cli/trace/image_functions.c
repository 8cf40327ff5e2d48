/* SPDX-License-Identifier: MIT */
/*
 * image_functions.c: where the function begins that an address lies in.
 *
 * Each has an unwind table, which stripped programs have too; code without, as musl's, is known by
 * its symbols.
 */
#include "image_ranges.h"

#include <elf.h>
#include <stdlib.h>

#include "../../core/sort.h"

#define NO_SIZE 4096u /* how far the function of a symbol without size may reach at most */

/* How many of the sorted N begin at ADDRESS or below it. */
static size_t begun_by(const void *array, size_t n, size_t size, uint64_t address)
{
    return address == UINT64_MAX ? n : sorted_first(array, n, size, address + 1);
}

static bool by_unwind_table(struct image *i, uint64_t address, uint64_t *start, uint64_t *end)
{
    if (!i->has_ranges)
        image_ranges_read(i);
    i->has_ranges = true;
    size_t n = begun_by(i->ranges, i->n_ranges, sizeof *i->ranges, address);
    if (!n || address >= i->ranges[n - 1].end)
        return false;
    *start = i->ranges[n - 1].start;
    *end = i->ranges[n - 1].end;
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct image_symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->size > y->size ? -1 : x->size < y->size;
}

static bool read_symbols(struct image *i, const char *table, const char *strings)
{
    struct span symbols, names;
    uint64_t unused;
    if (!image_section(i, table, &symbols, &unused) || !image_section(i, strings, &names, &unused))
        return false;
    size_t n = symbols.n / sizeof(Elf64_Sym);
    struct image_symbol *list = n ? malloc(n * sizeof *list) : NULL;
    if (!list)
        return false;
    size_t found = 0;
    for (size_t k = 0; k < n; k++) {
        Elf64_Sym s;
        span_copy(symbols, k * sizeof s, &s, sizeof s);
        unsigned type = ELF64_ST_TYPE(s.st_info);
        /* no untyped ones: these may be labels in the middle of a function */
        if ((type == STT_FUNC || type == STT_GNU_IFUNC) && s.st_shndx != SHN_UNDEF && s.st_shndx != SHN_ABS && s.st_value &&
            s.st_size < INT32_MAX)
            list[found++] = (struct image_symbol){s.st_value + i->bias, s.st_size, s.st_name};
    }
    qsort(list, found, sizeof *list, by_address);
    i->symbols = list;
    i->n_symbols = found;
    i->symbol_names = names;
    return true;
}

/* A symbol without size reaches to the next one. */
static uint64_t end_of(const struct image *i, const struct image_symbol *s)
{
    const struct image_symbol *next = s + 1, *last = i->symbols + i->n_symbols;
    uint64_t size = s->size;
    while (next < last && next->address == s->address)
        next++;
    if (!size)
        size = next < last && next->address - s->address < NO_SIZE ? next->address - s->address : NO_SIZE;
    return size < UINT64_MAX - s->address ? s->address + size : UINT64_MAX;
}

static const struct image_symbol *symbol_at(struct image *i, uint64_t address)
{
    if (!i->has_symbols && !read_symbols(i, ".symtab", ".strtab"))
        read_symbols(i, ".dynsym", ".dynstr");
    i->has_symbols = true;
    size_t n = begun_by(i->symbols, i->n_symbols, sizeof *i->symbols, address);
    if (!n)
        return NULL;
    const struct image_symbol *s = &i->symbols[n - 1];
    while (s > i->symbols && s[-1].address == s->address)
        s--;
    return address < end_of(i, s) ? s : NULL;
}

bool image_function(struct image *i, uint64_t address, uint64_t *start, uint64_t *end)
{
    if (by_unwind_table(i, address, start, end))
        return true;
    const struct image_symbol *s = symbol_at(i, address);
    if (!s)
        return false;
    *start = s->address;
    *end = end_of(i, s);
    return true;
}

const char *image_symbol_name(struct image *i, uint64_t address)
{
    const struct image_symbol *s = symbol_at(i, address);
    return s ? span_string(i->symbol_names, s->name) : NULL;
}
