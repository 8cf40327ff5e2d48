/* SPDX-License-Identifier: MIT */
/*
 * unwind_tables.c: the unwind tables of an ELF file, read by elfutils.
 */
#include "unwind_tables.h"

#include <stdlib.h>

struct unwind_tables {
    uint64_t bias;
    Elf *elf;
    Dwarf *dwarf;
    Dwarf_CFI *frame, *debug; /* .eh_frame; .debug_frame, once it has been asked for; NULL: there is none */
    bool has_debug;
};

struct unwind_tables *unwind_tables_open(const struct image *i)
{
    struct unwind_tables *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->bias = i->bias;
    elf_version(EV_CURRENT);
    t->elf = elf_memory((char *)(uintptr_t)i->file.at, i->file.n);
    t->frame = t->elf ? dwarf_getcfi_elf(t->elf) : NULL;
    return t;
}

void unwind_tables_free(struct unwind_tables *t)
{
    if (!t)
        return;
    if (t->frame)
        dwarf_cfi_end(t->frame);
    if (t->dwarf)
        dwarf_end(t->dwarf); /* frees debug */
    if (t->elf)
        elf_end(t->elf);
    free(t);
}

/* It may have to be decompressed, and few programs have anything in it that .eh_frame has not. */
static void open_debug(struct unwind_tables *t)
{
    t->has_debug = true;
    t->dwarf = t->elf ? dwarf_begin_elf(t->elf, DWARF_C_READ, NULL) : NULL;
    t->debug = t->dwarf ? dwarf_getcfi(t->dwarf) : NULL;
}

Dwarf_Frame *unwind_tables_at(struct unwind_tables *t, uint64_t pc)
{
    Dwarf_Frame *rules;
    if (t->frame && dwarf_cfi_addrframe(t->frame, pc - t->bias, &rules) == 0)
        return rules;
    if (!t->has_debug)
        open_debug(t);
    return t->debug && dwarf_cfi_addrframe(t->debug, pc - t->bias, &rules) == 0 ? rules : NULL;
}
