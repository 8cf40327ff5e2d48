/* SPDX-License-Identifier: MIT */
/*
 * tables.c: has libunwind search the sorted table of an object's .eh_frame_hdr in memory.
 *
 * Called by unsafe.c.
 */
#include "tables.h"

#include "frame_header.h"
#include "maps.h"

#define PTR_SDATA4_PCREL 0x1b

/* Exported by libunwind for those who bring tables of their own, without a declaration. */
#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_unwind_table(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di, unw_proc_info_t *pi, int need_unwind_info,
                               void *arg);

static const struct remote *process;

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need_unwind_info, void *arg)
{
    const struct remote_module *m = maps_module_at(process, ip);
    struct frame_header header;
    if (!m || !frame_header_read(process, m, &header) || header.pointer != PTR_SDATA4_PCREL)
        return _UPT_find_proc_info(as, ip, pi, need_unwind_info, arg);
    unw_dyn_info_t di = {.format = UNW_INFO_FORMAT_REMOTE_TABLE, .start_ip = m->start, .end_ip = m->end};
    di.u.rti.segbase = header.at;
    di.u.rti.table_data = header.table;
    di.u.rti.table_len = header.n * 8 / sizeof(unw_word_t);
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
