/* SPDX-License-Identifier: MIT */
/*
 * symbols.c: the functions that hold a sorted set of addresses, found in one pass over a symbol
 * table.
 *
 * Called by names.c for one object at a time. The table is read in pieces and never kept: a small
 * and a very large symbol table need the same few pages.
 */
#include "symbols.h"

#include <string.h>

#include "../../core/sort.h"

/*
 * The functions of an ordinary file hardly overlap. For a file whose functions all claim every
 * address the search ends here, instead of running for minutes.
 */
#define MAX_MATCHES_PER_TARGET 64u
#define MAX_MATCHES_BASE (1u << 20)

static void offer_symbol(struct symbol_pick *pick, const Elf64_Sym *s)
{
    uint8_t rank = ELF64_ST_BIND(s->st_info) == STB_LOCAL;
    /*
     * The function that begins later wins, then the smaller, then the visible one: the innermost
     * function is the one that people would name. At the same place one with a size wins over one
     * without.
     */
    if (pick->count) {
        if (s->st_value < pick->value)
            return;
        if (s->st_value == pick->value && s->st_size != pick->size && (s->st_size == 0 || (pick->size != 0 && s->st_size > pick->size)))
            return;
        if (s->st_value == pick->value && s->st_size == pick->size) {
            if (rank > pick->rank)
                return;
            if (rank == pick->rank) {
                if (pick->count < SYMBOL_ALIASES)
                    pick->names[pick->count++] = s->st_name;
                return;
            }
        }
    }
    *pick = (struct symbol_pick){s->st_value, s->st_size, {s->st_name}, s->st_shndx, 1, rank};
}

static bool is_function(const Elf64_Sym *s)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && s->st_shndx != SHN_UNDEF && s->st_name != 0;
}

void symbols_find(struct elf *e, const Elf64_Shdr *table, struct symbol_target *targets, size_t n, void *scratch, size_t scratch_size)
{
    for (size_t i = 0; i < n; i++)
        targets[i].holds.count = targets[i].before.count = 0;
    if (table->sh_entsize != sizeof(Elf64_Sym) || table->sh_offset > e->size || n == 0)
        return;
    uint64_t left = table->sh_size < e->size - table->sh_offset ? table->sh_size : e->size - table->sh_offset;
    left /= sizeof(Elf64_Sym);
    uint64_t matches = MAX_MATCHES_BASE + (uint64_t)n * MAX_MATCHES_PER_TARGET;
    Elf64_Sym *some = scratch;
    size_t room = scratch_size / sizeof *some;
    for (uint64_t at = table->sh_offset; left > 0; at += room * sizeof *some) {
        size_t got = left < room ? (size_t)left : room;
        if (!elf_read(e, at, some, got * sizeof *some))
            return;
        left -= got;
        for (const Elf64_Sym *s = some; s < some + got; s++) {
            if (!is_function(s) || s->st_value > targets[n - 1].addr)
                continue;
            size_t i = sorted_first(targets, n, sizeof *targets, s->st_value);
            offer_symbol(&targets[i].before, s);
            for (; i < n && targets[i].addr - s->st_value < s->st_size; i++) {
                if (matches-- == 0)
                    return;
                offer_symbol(&targets[i].holds, s);
            }
        }
        if (got < room)
            break;
    }
    /*
     * Each symbol was offered only to the first target behind it: pass it on to those that follow.
     */
    for (size_t i = 1; i < n; i++)
        if (targets[i - 1].before.count && (!targets[i].before.count || targets[i].before.value < targets[i - 1].before.value))
            targets[i].before = targets[i - 1].before;
}

static unsigned underscores(const char *name)
{
    unsigned n = 0;
    while (name[n] == '_')
        n++;
    return n;
}

/*
 * Fewer leading underscores win, then the shorter name. Aliases of a C++ or Rust name, _Z or _R,
 * have the same number.
 */
static bool is_better_name(const char *a, const char *b)
{
    unsigned ua = underscores(a), ub = underscores(b);
    if (ua != ub)
        return ua < ub;
    size_t la = strlen(a), lb = strlen(b);
    return la != lb ? la < lb : strcmp(a, b) < 0;
}

static const struct symbol_pick *choose_pick(struct elf *e, const Elf64_Shdr *table, const struct symbol_target *t)
{
    if (t->holds.count)
        return &t->holds;
    Elf64_Shdr s;
    const struct symbol_pick *p = &t->before;
    if (table->sh_type != SHT_SYMTAB) /* static functions may lie between */
        return NULL;
    if (!p->count || p->size != 0 || p->section >= SHN_LORESERVE || !elf_section(e, p->section, &s))
        return NULL;
    bool together = p->value >= s.sh_addr && t->addr - s.sh_addr < s.sh_size;
    return together ? p : NULL;
}

size_t symbols_name(struct elf *e, const Elf64_Shdr *table, const struct symbol_target *t, char name[SYMBOL_MAX_NAME])
{
    Elf64_Shdr strings;
    const struct symbol_pick *p = choose_pick(e, table, t);
    name[0] = '\0';
    if (!p || !elf_section(e, table->sh_link, &strings) || strings.sh_type != SHT_STRTAB || strings.sh_offset > e->size)
        return 0;
    uint64_t size = strings.sh_size < e->size - strings.sh_offset ? strings.sh_size : e->size - strings.sh_offset;
    uint32_t best = p->names[0];
    if (p->count > 1) {
        char a[256], b[256];
        elf_string(e, strings.sh_offset + best, strings.sh_offset + size, b, sizeof b);
        b[strcspn(b, "@")] = '\0';
        for (unsigned i = 1; i < p->count; i++) {
            elf_string(e, strings.sh_offset + p->names[i], strings.sh_offset + size, a, sizeof a);
            a[strcspn(a, "@")] = '\0';
            if (a[0] && (!b[0] || is_better_name(a, b))) {
                best = p->names[i];
                memcpy(b, a, sizeof b);
            }
        }
    }
    elf_string(e, strings.sh_offset + best, strings.sh_offset + size, name, SYMBOL_MAX_NAME);
    name[strcspn(name, "@")] = '\0';
    return strlen(name);
}
