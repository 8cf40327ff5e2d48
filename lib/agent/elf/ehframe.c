/* SPDX-License-Identifier: MIT */
/*
 * ehframe.c: which loaded object holds an address.
 *
 * Called by both tiers of the capture. The C library's own answer is used where it has one; it is a weak symbol, so that the same build
 * runs without.
 */
#include "ehframe.h"

#include <dlfcn.h>
#include <link.h>

#ifdef DLFO_EH_SEGMENT_TYPE
#pragma weak _dl_find_object
static bool ask_library(uintptr_t addr, struct object_tables *o, bool *found)
{
    struct dl_find_object r;

    if (!_dl_find_object)
        return false;
    *found = _dl_find_object((void *)addr, &r) == 0;
    if (*found)
        *o = (struct object_tables){
            .start = (uintptr_t)r.dlfo_map_start, .end = (uintptr_t)r.dlfo_map_end, .hdr = (uintptr_t)r.dlfo_eh_frame};
    return true;
}
#else
static bool ask_library(uintptr_t addr, struct object_tables *o, bool *found) { return (void)addr, (void)o, *found = false; }
#endif

struct search {
    uintptr_t addr;
    struct object_tables *o;
};

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *s = arg;
    struct object_tables o = {.start = UINTPTR_MAX};
    bool inside = false;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + p->p_vaddr, to = from + p->p_memsz;
        if (p->p_type == PT_GNU_EH_FRAME)
            o.hdr = from;
        if (p->p_type != PT_LOAD)
            continue;
        inside |= s->addr - from < p->p_memsz;
        if (from < o.start)
            o.start = from;
        if (to > o.end)
            o.end = to;
    }
    if (inside)
        *s->o = o;
    return inside;
}

bool object_tables_of(uintptr_t addr, struct object_tables *o)
{
    struct search s = {.addr = addr, .o = o};
    bool found;

    if (ask_library(addr, o, &found))
        return found;
    return dl_iterate_phdr(visit, &s) != 0;
}
