/* SPDX-License-Identifier: MIT */
/*
 * go.c: whether the Go compiler has made the program.
 *
 * Called by the constructor. Such a program, linked with libc for cgo, makes its system calls by
 * instructions of its own, the one that ends it too.
 */
#include "go.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#define GO_BUILD_ID 4 /* the type of that note */

static bool is_loaded(const struct dl_phdr_info *info, const ElfW(Phdr) * part)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && p->p_flags & PF_R && part->p_vaddr >= p->p_vaddr && part->p_vaddr - p->p_vaddr <= p->p_filesz &&
            part->p_filesz <= p->p_filesz - (part->p_vaddr - p->p_vaddr))
            return true;
    }
    return false;
}

static bool has_go_note(const unsigned char *at, uint64_t size, uint64_t align)
{
    ElfW(Nhdr) note;
    uint64_t mask = align == 8 ? 7 : 3;
    while (size >= sizeof note) {
        memcpy(&note, at, sizeof note);
        uint64_t text = (sizeof note + note.n_namesz + mask) & ~mask, next = (text + note.n_descsz + mask) & ~mask;
        if (note.n_type == GO_BUILD_ID && note.n_namesz == 4 && size >= sizeof note + 4 && memcmp(at + sizeof note, "Go", 3) == 0)
            return true;
        if (next >= size)
            return false;
        at += next;
        size -= next;
    }
    return false;
}

/* The first object is the program. */
static int look_at_program(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_NOTE && is_loaded(info, p) &&
            has_go_note((const unsigned char *)(info->dlpi_addr + p->p_vaddr), p->p_filesz, p->p_align))
            *(bool *)found = true;
    }
    return 1;
}

bool go_made_program(void)
{
    bool found = false;
    dl_iterate_phdr(look_at_program, &found);
    return found;
}
