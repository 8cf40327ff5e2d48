/* SPDX-License-Identifier: MIT */
/*
 * image.c: maps an ELF file, and reads its segments and sections.
 */
#include "image.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void note_segment(struct image *i, const Elf64_Phdr *ph)
{
    struct span notes = span_part(i->file, ph->p_offset, ph->p_filesz);
    Elf64_Nhdr head;
    for (uint64_t at = 0; span_copy(notes, at, &head, sizeof head);) {
        const char *name = span_string(notes, at + sizeof head);
        if (head.n_namesz == 4 && name && strcmp(name, "Go") == 0)
            i->has_go_note = true;
        at += sizeof head + (((uint64_t)head.n_namesz + 3) & ~3ull) + (((uint64_t)head.n_descsz + 3) & ~3ull);
    }
}

static void add_segment(struct image *i, const Elf64_Phdr *ph)
{
    if (i->n_segments == IMAGE_SEGMENTS)
        return;
    i->segments[i->n_segments++] = (struct image_segment){.address = ph->p_vaddr,
                                                          .in_memory = ph->p_memsz,
                                                          .bytes = span_part(i->file, ph->p_offset, ph->p_filesz),
                                                          .write = ph->p_flags & PF_W,
                                                          .execute = ph->p_flags & PF_X};
}

/* x86-64 alone: elsewhere sp and pc do not lead to a caller whose address is in a register. */
static bool read_header(struct image *i, Elf64_Ehdr *eh)
{
    return span_copy(i->file, 0, eh, sizeof *eh) && memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
           eh->e_ident[EI_DATA] == ELFDATA2LSB && eh->e_machine == EM_X86_64 && (eh->e_type == ET_EXEC || eh->e_type == ET_DYN);
}

bool image_open_bytes(struct image *i, struct span file, uint64_t mapped)
{
    Elf64_Ehdr eh;
    Elf64_Phdr ph;
    bool has_bias = false;
    *i = (struct image){.file = file};
    if (!read_header(i, &eh))
        return false;
    i->is_relocated = eh.e_type == ET_DYN;
    i->has_sections = eh.e_shnum && eh.e_shoff;
    for (unsigned k = 0; k < eh.e_phnum && span_copy(file, eh.e_phoff + (uint64_t)k * sizeof ph, &ph, sizeof ph); k++) {
        switch (ph.p_type) {
        case PT_LOAD:
            if (!has_bias) /* the first segment, which the file's first byte lies in, asks for an address: 0x400000 in Go's PIE */
                i->bias = mapped - (ph.p_vaddr - ph.p_offset);
            has_bias = true;
            add_segment(i, &ph);
            break;
        case PT_TLS:
            i->tls_size = ph.p_memsz;
            break;
        case PT_NOTE:
            note_segment(i, &ph);
            break;
        case PT_GNU_EH_FRAME:
            i->frame_index = ph.p_vaddr;
            break;
        }
    }
    for (unsigned k = 0; k < i->n_segments; k++)
        i->segments[k].address += i->bias;
    if (i->frame_index)
        i->frame_index += i->bias;
    return has_bias;
}

bool image_open(struct image *i, int fd, uint64_t mapped)
{
    struct stat st;
    *i = (struct image){.bias = 0};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
        return false;
    /* a copy that may be written to: elfutils marks in it the sections that it has decompressed */
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return false;
    struct span file = {at, (size_t)st.st_size};
    if (image_open_bytes(i, file, mapped))
        return true;
    munmap(at, file.n);
    *i = (struct image){.bias = 0};
    return false;
}

void image_close(struct image *i)
{
    free(i->symbols);
    free(i->ranges);
    if (i->file.at)
        munmap((void *)(uintptr_t)i->file.at, i->file.n);
    *i = (struct image){.bias = 0};
}

static const struct image_segment *segment_of(const struct image *i, uint64_t address)
{
    for (unsigned k = 0; k < i->n_segments; k++)
        if (address >= i->segments[k].address && address - i->segments[k].address < i->segments[k].in_memory)
            return &i->segments[k];
    return NULL;
}

struct span image_at(const struct image *i, uint64_t address)
{
    const struct image_segment *s = segment_of(i, address);
    return s ? span_from(s->bytes, address - s->address) : (struct span){NULL, 0};
}

bool image_is_code(const struct image *i, uint64_t address)
{
    const struct image_segment *s = segment_of(i, address);
    return s && s->execute;
}

bool image_section(const struct image *i, const char *name, struct span *bytes, uint64_t *address)
{
    Elf64_Ehdr eh;
    Elf64_Shdr sh, names;
    if (!i->has_sections || !span_copy(i->file, 0, &eh, sizeof eh))
        return false;
    if (!span_copy(i->file, eh.e_shoff + (uint64_t)eh.e_shstrndx * sizeof names, &names, sizeof names))
        return false;
    struct span strings = span_part(i->file, names.sh_offset, names.sh_size);
    for (unsigned k = 0; k < eh.e_shnum && span_copy(i->file, eh.e_shoff + (uint64_t)k * sizeof sh, &sh, sizeof sh); k++) {
        const char *s = span_string(strings, sh.sh_name);
        if (!s || strcmp(s, name) != 0)
            continue;
        *bytes = sh.sh_type == SHT_NOBITS ? (struct span){NULL, 0} : span_part(i->file, sh.sh_offset, sh.sh_size);
        *address = sh.sh_addr + i->bias;
        return true;
    }
    return false;
}
