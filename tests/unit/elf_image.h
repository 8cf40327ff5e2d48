/* SPDX-License-Identifier: MIT */
/*
 * elf_image.h: a small ELF object made by hand, whose every field a test may change.
 *
 * build() begins anew; add_function() appends to its symbol table; opened() opens it as bytes.
 * Include cmocka.h first.
 */
#ifndef SOCKLEAK_TESTS_UNIT_ELF_IMAGE_H
#define SOCKLEAK_TESTS_UNIT_ELF_IMAGE_H

#include <string.h>

#include "agent/elf/elf.h"

enum { STRINGS = 1, SYMBOLS, CODE, NOTE, LINK, SECTIONS };
enum { AT_SEGMENT = 64, AT_STRINGS = 256, AT_SYMBOLS = 512, AT_NOTE = 1024, AT_LINK = 1100, AT_SECTIONS = 1536, IMAGE = 2048 };
#define CODE_AT 0x1000u

static struct image {
    union {
        Elf64_Ehdr head;
        unsigned char raw[IMAGE];
    };
} image __attribute__((aligned(64)));

static inline Elf64_Shdr *section(unsigned i) { return (Elf64_Shdr *)(void *)(image.raw + AT_SECTIONS) + i; }

static inline Elf64_Sym *symbol(unsigned i) { return (Elf64_Sym *)(void *)(image.raw + AT_SYMBOLS) + i; }

static inline uint32_t add_string(const char *s)
{
    uint32_t at = (uint32_t)section(STRINGS)->sh_size;
    size_t n = strlen(s) + 1;
    memcpy(image.raw + AT_STRINGS + at, s, n);
    section(STRINGS)->sh_size += n;
    return at;
}

static inline void add_function(const char *name, uint64_t value, uint64_t size, unsigned bind)
{
    unsigned i = (unsigned)(section(SYMBOLS)->sh_size / sizeof(Elf64_Sym));
    *symbol(i) = (Elf64_Sym){
        .st_name = add_string(name), .st_info = ELF64_ST_INFO(bind, STT_FUNC), .st_shndx = CODE, .st_value = value, .st_size = size};
    section(SYMBOLS)->sh_size += sizeof(Elf64_Sym);
}

static inline int build(void **state)
{
    (void)state;
    memset(&image, 0, sizeof image);
    memcpy(image.head.e_ident, ELFMAG, SELFMAG);
    image.head.e_ident[EI_CLASS] = ELFCLASS64;
    image.head.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    image.head.e_version = EV_CURRENT;
    image.head.e_type = ET_DYN;
    image.head.e_phoff = AT_SEGMENT;
    image.head.e_phnum = 1;
    image.head.e_phentsize = sizeof(Elf64_Phdr);
    image.head.e_shoff = AT_SECTIONS;
    image.head.e_shnum = SECTIONS;
    image.head.e_shentsize = sizeof(Elf64_Shdr);
    image.head.e_shstrndx = STRINGS;
    *(Elf64_Phdr *)(void *)(image.raw + AT_SEGMENT) =
        (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = AT_NOTE, .p_vaddr = AT_NOTE, .p_filesz = 36, .p_align = 4};
    *section(STRINGS) = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = AT_STRINGS, .sh_size = 1};
    *section(SYMBOLS) = (Elf64_Shdr){
        .sh_type = SHT_SYMTAB, .sh_offset = AT_SYMBOLS, .sh_size = sizeof(Elf64_Sym), .sh_entsize = sizeof(Elf64_Sym), .sh_link = STRINGS};
    *section(CODE) = (Elf64_Shdr){.sh_type = SHT_NOBITS, .sh_addr = CODE_AT, .sh_size = 0x1000};
    *section(NOTE) = (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = AT_NOTE, .sh_size = 36, .sh_addralign = 4};
    *section(LINK) = (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = AT_LINK, .sh_size = 12, .sh_name = add_string(".gnu_debuglink")};
    *(Elf64_Nhdr *)(void *)(image.raw + AT_NOTE) = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID};
    memcpy(image.raw + AT_NOTE + 12, "GNU", 4);
    memcpy(image.raw + AT_NOTE + 16, "abcdefghijklmnopqrst", 20);
    memcpy(image.raw + AT_LINK, "x.dbg\0\0\0\x11\x22\x33\x44", 12);
    return 0;
}

static inline struct elf opened(void)
{
    struct elf e;
    assert_true(elf_open_bytes(&e, &image, sizeof image));
    return e;
}

#endif
