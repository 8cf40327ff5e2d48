/* SPDX-License-Identifier: MIT */
/*
 * libunwind_load.c: loads libunwind so that it cannot use the program's descriptors.
 *
 * Called by libunwind_walk.c, in a program's thread, not in a signal handler, with no lock held.
 * The library is loaded with RTLD_LOCAL, because it exports the whole _Unwind_* set. Before its
 * first function runs, its calls that create a pipe and those to mincore are redirected to
 * functions here that do nothing. It would use them to check addresses before it reads them itself,
 * which it never does for us.
 */
#include "libunwind_load.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "../../arch/cpu.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../elf/exports.h"

#define LIBRARY "libunwind-" ARCH_UNWIND_NAME ".so.8"
#define LOADING_YIELDS 2000u /* yields */

struct unwind_lib unwind_lib;

enum { NOT_YET, LOADING, READY, FAILED, HELD };
static _Atomic int load_state;

static long return_zero(void) { return 0; }
static long return_failure(void) { return -1; }

static const struct {
    const char *name;
    long (*instead)(void);
} replacements[] = {
    {"pipe", return_failure},  {"pipe2", return_failure},   {"open", return_failure}, {"read", return_failure}, {"write", return_failure},
    {"close", return_failure}, {"syscall", return_failure}, {"mincore", return_zero}, {"msync", return_zero},
};

static void write_slot(uintptr_t *slot, uintptr_t value, bool relro)
{
    void *page = (void *)((uintptr_t)slot & ~(uintptr_t)(PAGE_BYTES - 1));

    if (relro && sys_mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE) < 0)
        return;
    *slot = value;
    if (relro)
        sys_mprotect(page, PAGE_BYTES, PROT_READ);
}

struct dynamic_tables {
    uintptr_t base;
    const char *strings;
    const ElfW(Sym) * symbols;
    bool bound_at_load; /* the loader has bound all slots already, and they are read-only */
};

static void redirect_slots(const struct dynamic_tables *t, const ElfW(Rela) * rel, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof *rel; i++) {
        const char *name = t->strings + t->symbols[ELF64_R_SYM(rel[i].r_info)].st_name;
        for (size_t k = 0; k < sizeof replacements / sizeof *replacements; k++)
            if (ELF64_R_SYM(rel[i].r_info) && !strcmp(name, replacements[k].name))
                write_slot((uintptr_t *)(t->base + rel[i].r_offset), (uintptr_t)replacements[k].instead, t->bound_at_load);
    }
}

static bool restrict_calls(const struct link_map *map)
{
    const ElfW(Rela) *plt = NULL, *rela = NULL;
    size_t plt_bytes = 0, rela_bytes = 0;
    struct dynamic_tables t = {.base = map->l_addr};

    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        uintptr_t p = d->d_un.d_ptr < map->l_addr ? d->d_un.d_ptr + map->l_addr : d->d_un.d_ptr;
        switch (d->d_tag) {
        case DT_STRTAB:
            t.strings = (const char *)p;
            break;
        case DT_SYMTAB:
            t.symbols = (const ElfW(Sym) *)p;
            break;
        case DT_JMPREL:
            plt = (const ElfW(Rela) *)p;
            break;
        case DT_PLTRELSZ:
            plt_bytes = d->d_un.d_val;
            break;
        case DT_RELA:
            rela = (const ElfW(Rela) *)p;
            break;
        case DT_RELASZ:
            rela_bytes = d->d_un.d_val;
            break;
        case DT_BIND_NOW:
            t.bound_at_load = true;
            break;
        case DT_FLAGS:
            t.bound_at_load |= (d->d_un.d_val & DF_BIND_NOW) != 0;
            break;
        case DT_FLAGS_1:
            t.bound_at_load |= (d->d_un.d_val & DF_1_NOW) != 0;
            break;
        }
    }
    if (!t.strings || !t.symbols)
        return false;
    redirect_slots(&t, plt, plt_bytes);
    t.bound_at_load = true; /* the slots of the other table are read-only in any case */
    redirect_slots(&t, rela, rela_bytes);
    return true;
}

static bool load_libunwind(void)
{
    const struct {
        const char *name;
        void *to;
    } wanted[] = {
#define NAME(f) "_U" ARCH_UNWIND_NAME "_" f
        {NAME("create_addr_space"), &unwind_lib.create_addr_space},
        {NAME("set_caching_policy"), &unwind_lib.set_caching_policy},
        {NAME("init_remote"), &unwind_lib.init_remote},
        {NAME("step"), &unwind_lib.step},
        {NAME("get_reg"), &unwind_lib.get_reg},
        {NAME("dwarf_search_unwind_table"), &unwind_lib.search},
    };
    /* what the loader gives as a handle is its entry of the object: the look-up must agree */
    const struct link_map *map = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    struct object o;
    struct exports e;

    if (!map || !object_at((uintptr_t)map->l_ld, &o) || o.key[0] != map || !exports_of(&e, &o) || !restrict_calls(map))
        return false;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        uint64_t f = exports_find(&e, wanted[i].name, NULL);
        if (!f)
            return false;
        memcpy(wanted[i].to, &f, sizeof f);
    }
    return true;
}

bool unwind_lib_load(void)
{
    int was = NOT_YET;

    if (atomic_load(&load_state) == READY)
        return true;
    if (!atomic_compare_exchange_strong(&load_state, &was, LOADING))
        return was == READY;
    bool ok = load_libunwind();
    atomic_store(&load_state, ok ? READY : FAILED);
    return ok;
}

bool unwind_lib_failed(void) { return atomic_load(&load_state) == FAILED; }

void unwind_lib_quiet(bool on)
{
    for (unsigned i = 0; on && i < LOADING_YIELDS; i++) {
        int was = NOT_YET;
        if (atomic_compare_exchange_weak(&load_state, &was, HELD) || was == READY || was == FAILED)
            return;
        SYS0(SYS_sched_yield);
    }
    int held = HELD;
    atomic_compare_exchange_strong(&load_state, &held, NOT_YET);
}
