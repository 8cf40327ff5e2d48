/* SPDX-License-Identifier: MIT */
/*
 * frame_header.c: finds .eh_frame_hdr by the program headers, and checks its form.
 *
 * Called by allocator.c, which looks for the beginnings of functions, and by tables.c, for the stack
 * walk.
 */
#include "frame_header.h"

#include <elf.h>
#include <string.h>

#include "memory.h"

#define COUNT_UDATA4 0x03
#define TABLE_SDATA4_DATAREL 0x3b

static bool read_head(const struct remote *r, uint64_t at, uint64_t size, struct frame_header *h)
{
    unsigned char head[12]; /* version, encodings of the pointer, the count and the table; the pointer, the count */
    if (!memory_read(r, at, head, sizeof head) || head[0] != 1 || head[2] != COUNT_UDATA4 || head[3] != TABLE_SDATA4_DATAREL)
        return false;
    *h = (struct frame_header){.at = at, .table = at + sizeof head, .pointer = head[1]};
    memcpy(&h->n, head + 8, sizeof h->n);
    return h->n <= size / 8;
}

bool frame_header_read(const struct remote *r, const struct remote_module *m, struct frame_header *h)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    if (!memory_read(r, m->start, &eh, sizeof eh))
        return false;
    for (unsigned i = 0; i < eh.e_phnum && i < 64; i++) {
        if (!memory_read(r, m->start + eh.e_phoff + i * sizeof ph, &ph, sizeof ph))
            return false;
        if (ph.p_type == PT_GNU_EH_FRAME)
            return read_head(r, m->bias + ph.p_vaddr, ph.p_memsz, h);
    }
    return false;
}
