/* SPDX-License-Identifier: MIT */
/*
 * tables.c: finds an object's .eh_frame_hdr in memory, and has libunwind search its sorted table.
 *
 * Called by unsafe.c. The table's form is that of the LSB, "Exception Frame Header": version,
 * encodings of the pointer to .eh_frame, of the count and of the table, then these.
 */
#include "tables.h"

#include <elf.h>
#include <string.h>

#include "maps.h"
#include "memory.h"

#define PTR_SDATA4_PCREL 0x1b
#define COUNT_UDATA4 0x03
#define TABLE_SDATA4_DATAREL 0x3b

/* Exported by libunwind for those who bring tables of their own, without a declaration. */
#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_unwind_table(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di, unw_proc_info_t *pi, int need_unwind_info,
                               void *arg);

static const struct remote *process;

/* The address of M's .eh_frame_hdr, and its entries; 0: none, or of a form that no linker makes. */
static uint64_t header_of(const struct remote_module *m, uint32_t *entries)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    unsigned char head[12];
    if (!memory_read(process, m->start, &eh, sizeof eh))
        return 0;
    for (unsigned i = 0; i < eh.e_phnum && i < 64; i++) {
        if (!memory_read(process, m->start + eh.e_phoff + i * sizeof ph, &ph, sizeof ph))
            return 0;
        if (ph.p_type != PT_GNU_EH_FRAME)
            continue;
        uint64_t at = m->bias + ph.p_vaddr;
        if (!memory_read(process, at, head, sizeof head) || head[0] != 1 || head[1] != PTR_SDATA4_PCREL || head[2] != COUNT_UDATA4 ||
            head[3] != TABLE_SDATA4_DATAREL)
            return 0;
        memcpy(entries, head + 8, sizeof *entries);
        return *entries <= ph.p_memsz / 8 ? at : 0;
    }
    return 0;
}

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need_unwind_info, void *arg)
{
    const struct remote_module *m = maps_module_at(process, ip);
    uint32_t entries;
    uint64_t header = m ? header_of(m, &entries) : 0;
    if (!header)
        return _UPT_find_proc_info(as, ip, pi, need_unwind_info, arg);
    unw_dyn_info_t di = {.format = UNW_INFO_FORMAT_REMOTE_TABLE, .start_ip = m->start, .end_ip = m->end};
    di.u.rti.segbase = header;
    di.u.rti.table_data = header + 12;
    di.u.rti.table_len = entries * 8 / sizeof(unw_word_t);
    return search_unwind_table(as, ip, &di, pi, need_unwind_info, arg);
}

unw_addr_space_t tables_space(const struct remote *r)
{
    static unw_accessors_t accessors;
    accessors = _UPT_accessors;
    accessors.find_proc_info = find_proc_info;
    process = r;
    return unw_create_addr_space(&accessors, 0);
}
