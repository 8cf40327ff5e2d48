/* SPDX-License-Identifier: MIT */
/*
 * vdso.c: the functions that the kernel has put into this process (vdso(7)).
 *
 * Asked when the table is made. The vDSO is an ELF object that is never unmapped; the dynamic loader
 * is not asked.
 */
#include "vdso.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "../base/auxv.h"
#include "dynamic.h"

void *vdso_lookup(const char *name)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)(uintptr_t)auxv_get(AT_SYSINFO_EHDR);
    struct dynamic d;
    bool broken;
    if (!head || head->e_phentsize != sizeof(Elf64_Phdr))
        return NULL;
    struct dl_phdr_info info = {.dlpi_phdr = (const Elf64_Phdr *)((uintptr_t)head + head->e_phoff), .dlpi_phnum = head->e_phnum};
    for (unsigned i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *p = &info.dlpi_phdr[i];
        if (p->p_type == PT_LOAD) { /* the only one */
            info.dlpi_addr = (uintptr_t)head + p->p_offset - p->p_vaddr;
            break;
        }
    }
    return dynamic_read(&d, &info, &broken) ? dynamic_lookup(&d, name, dynamic_hash(name)) : NULL;
}
