/* SPDX-License-Identifier: MIT */
/*
 * go_image.h: an executable of Go in a buffer, as small as one can be that has functions, lines and
 * an inlined call, in the format of any version.
 *
 * Three functions: main.outer, into which main.inner is inlined at two addresses; a wrapper that
 * the compiler made, three times over; main.leaf. No section headers: who reads it searches for the
 * table.
 */
#ifndef GO_IMAGE_H
#define GO_IMAGE_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

enum go_image_version { IMAGE_116, IMAGE_118, IMAGE_120, IMAGE_126, IMAGE_127 };

#define IMAGE_BYTES 8192u
#define IMAGE_TABLE 1024u  /* offset of the table in the file */
#define IMAGE_DATA 4096u   /* offset of the writable segment, whose middle is moduledata */
#define IMAGE_TREE 3072u   /* offset of the inlining tree before 1.26, which lies in read-only data */
#define IMAGE_MODULE 4352u /* offset of moduledata */
#define IMAGE_BASE 0x400000u
#define IMAGE_TEXT 0x401000u /* address of main.outer; code is not in the file */
#define IMAGE_FUNCTIONS 5u
#define IMAGE_SIZE 0x40u /* of each function */
/*
 * in main.outer: its frame is 0x18 bytes large from 4 on; main.inner is inlined from 0x10 to 0x20
 */

struct go_image {
    uint8_t file[IMAGE_BYTES];
    enum go_image_version version;
    int is_relocated;
    uint64_t bias;            /* of what the process has */
    uint32_t names[4], files; /* offsets of names */
    uint32_t at;              /* where the next bytes go */
};

static inline void image_put(struct go_image *g, uint32_t at, const void *p, size_t n)
{
    memcpy(g->file + at, p, n);
    if (at + n > g->at)
        g->at = at + (uint32_t)n;
}
static inline void image_u32(struct go_image *g, uint32_t at, uint32_t v) { image_put(g, at, &v, sizeof v); }
static inline void image_u64(struct go_image *g, uint32_t at, uint64_t v) { image_put(g, at, &v, sizeof v); }
static inline uint64_t image_address(const struct go_image *g, uint32_t offset) { return IMAGE_BASE + g->bias + offset; }

/*
 * A list of values by address: pairs of value and number of bytes that it holds for, ended by 0
 * bytes.
 */
static inline uint32_t image_values(struct go_image *g, uint32_t from, const int (*pairs)[2])
{
    uint32_t at = g->at - from;
    int32_t before = -1;
    for (; (*pairs)[1]; pairs++) {
        int32_t delta = (*pairs)[0] - before;
        uint32_t number = (uint32_t)delta << 1 ^ (uint32_t)(delta >> 31);
        for (; number > 127; number >>= 7)
            g->file[g->at++] = (uint8_t)(number | 128);
        g->file[g->at++] = (uint8_t)number;
        g->file[g->at++] = (uint8_t)(*pairs)[1];
        before = (*pairs)[0];
    }
    g->file[g->at++] = 0;
    return at;
}

static inline void image_elf(struct go_image *g)
{
    Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                     .e_type = (Elf64_Half)(g->is_relocated ? ET_DYN : ET_EXEC),
                     .e_machine = EM_X86_64,
                     .e_phoff = sizeof eh,
                     .e_phentsize = sizeof(Elf64_Phdr),
                     .e_phnum = 3};
    Elf64_Phdr ph[3] = {{.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = IMAGE_BASE, .p_filesz = IMAGE_DATA, .p_memsz = IMAGE_DATA},
                        {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = IMAGE_TEXT, .p_memsz = IMAGE_FUNCTIONS * IMAGE_SIZE},
                        {.p_type = PT_LOAD,
                         .p_flags = PF_R | PF_W,
                         .p_offset = IMAGE_DATA,
                         .p_vaddr = IMAGE_BASE + IMAGE_DATA * 4,
                         .p_filesz = IMAGE_BYTES - IMAGE_DATA,
                         .p_memsz = IMAGE_BYTES - IMAGE_DATA}};
    image_put(g, 0, &eh, sizeof eh);
    image_put(g, sizeof eh, ph, sizeof ph);
}

/* One record; LISTS: offsets of frame, file, line and inlined call; TREE: 1 if it has one. */
static inline void image_record(struct go_image *g, uint64_t entry, uint32_t name, const uint32_t *lists, int has_tree, uint8_t id)
{
    int is_old = g->version == IMAGE_116, is_new = g->version >= IMAGE_120;
    uint32_t at = g->at = (g->at + 7) & ~7u;
    if (is_old)
        image_u64(g, at, entry), at += 8;
    else
        image_u32(g, at, (uint32_t)(entry - IMAGE_TEXT - g->bias)), at += 4;
    uint32_t words[8] = {name, 0, 0, lists[0], lists[1], lists[2], 3, 0};
    image_put(g, at, words, sizeof words);
    at += sizeof words;
    if (is_new)
        image_u32(g, at, 7), at += 4; /* the first line */
    uint8_t tail[4] = {id, 0, 0, 4};
    image_put(g, at, tail, 4);
    uint32_t more[3] = {0, 0, has_tree ? lists[3] : 0};
    image_put(g, at + 4, more, sizeof more);
    at += 16;
    if (is_old) {
        at = (at + 7) & ~7u;
        for (unsigned i = 0; i < 4; i++, at += 8)
            image_u64(g, at, i == 3 && has_tree ? image_address(g, IMAGE_TREE) : 0);
    } else {
        for (unsigned i = 0; i < 4; i++, at += 4)
            image_u32(g, at, i == 3 && has_tree ? 16 : UINT32_MAX); /* the tree is 16 bytes behind gofunc */
    }
}

/* Two calls: main.inner at main.outer + 0xc, and main.leaf in it. */
static inline void image_tree(struct go_image *g, uint32_t at)
{
    for (unsigned i = 0; i < 2; i++) {
        int is_short = g->version >= IMAGE_120;
        uint32_t name = g->names[i ? 3 : 1], place = i ? 0x12 : 0xc;
        image_u32(g, at + (is_short ? 4 : 12), name);
        image_u32(g, at + (is_short ? 8 : 16), place);
        at += is_short ? 16 : 20;
    }
}

static inline void image_module(struct go_image *g, uint32_t table_end, uint64_t gofunc)
{
    uint64_t w[64] = {0}, table = image_address(g, IMAGE_TABLE);
    uint64_t part[5];
    memcpy(part, g->file + IMAGE_TABLE + (g->version == IMAGE_116 ? 24 : 32), sizeof part);
    w[0] = table;
    for (unsigned i = 0; i < 5; i++)
        w[1 + 3 * i] = table + part[i];
    w[20] = w[22] = IMAGE_TEXT + g->bias;
    w[21] = w[23] = w[20] + IMAGE_FUNCTIONS * IMAGE_SIZE;
    for (unsigned i = 24; i < 40; i++)
        w[i] = image_address(g, 8 * i); /* other addresses of data */
    static const unsigned places[] = {37, 38, 40, 41, 44};
    w[places[g->version]] = gofunc;
    w[places[g->version] + 1] = image_address(g, table_end);
    image_put(g, IMAGE_MODULE, w, sizeof w);
    /*
     * What is none stands before it: the table's address alone, and where the header has the
     * text's, another text.
     */
    image_put(g, IMAGE_DATA, w, 8);
    for (unsigned i = 20; i < 23; i++)
        w[i] += g->version < IMAGE_126 ? 0x20 : 0;
    w[20] += g->version < IMAGE_126 ? 0 : 0x20;
    image_put(g, IMAGE_DATA + 16, w, 24 * 8);
}

/* The file, as the process has it at its bias, which is 0 if it is not relocated. */
static inline void go_image_make(struct go_image *g, enum go_image_version version, uint64_t bias)
{
    static const uint32_t magic[] = {0xfffffffa, 0xfffffff0, 0xfffffff1, 0xfffffff1, 0xfffffff1};
    static const char names[] = "\0main.outer\0main.inner\0main.value.run\0main.leaf",
                      files[] = "/src/outer.go\0<autogenerated>\0/src/inner.go";
    static const int frame[][2] = {{0, 4}, {0x18, 0x38}, {0, 4}, {0, 0}}, file[][2] = {{0, 0x10}, {2, 8}, {0, 0x28}, {0, 0}};
    static const int line[][2] = {{7, 0xc}, {8, 4}, {31, 8}, {300, 8}, {9, 0x20}, {0, 0}},
                     call[][2] = {{-1, 0x10}, {0, 8}, {-1, 0x28}, {0, 0}};
    static const int made[][2] = {{1, 0x40}, {0, 0}};
    *g = (struct go_image){.version = version, .bias = bias, .is_relocated = bias != 0};
    image_elf(g);
    uint32_t head = version == IMAGE_116 ? 64 : 72, part = IMAGE_TABLE + (version == IMAGE_116 ? 24 : 32);
    uint8_t sizes[4] = {0, 0, 1, 8};
    image_u32(g, IMAGE_TABLE, magic[version]);
    image_put(g, IMAGE_TABLE + 4, sizes, 4);
    image_u64(g, IMAGE_TABLE + 8, IMAGE_FUNCTIONS);
    if (version != IMAGE_116)
        image_u64(g, IMAGE_TABLE + 24, version >= IMAGE_126 ? 0 : IMAGE_TEXT + bias);
    uint32_t at = IMAGE_TABLE + head, name = 1;
    image_u64(g, part, at - IMAGE_TABLE);
    image_put(g, at, names, sizeof names);
    for (unsigned i = 0; i < 4; i++, name += (uint32_t)strlen(names + name) + 1)
        g->names[i] = name;
    at = g->at = (g->at + 7) & ~7u;
    image_u64(g, part + 8, at - IMAGE_TABLE);
    uint32_t units[] = {0, 14, 30};
    image_put(g, at, units, sizeof units);
    image_u64(g, part + 16, g->at - IMAGE_TABLE);
    image_put(g, g->at, files, sizeof files);
    uint32_t values = g->at;
    image_u64(g, part + 24, values - IMAGE_TABLE);
    g->file[g->at++] = 0; /* no list begins here */
    uint32_t lists[4] = {image_values(g, values, frame), image_values(g, values, file), image_values(g, values, line),
                         image_values(g, values, call)};
    uint32_t others[4] = {lists[0], image_values(g, values, made), lists[2], 0};
    uint32_t functions = g->at = (g->at + 7) & ~7u, entry = version == IMAGE_116 ? 16 : 8;
    image_u64(g, part + 32, functions - IMAGE_TABLE);
    g->at += entry * (IMAGE_FUNCTIONS + 1);
    for (unsigned i = 0; i <= IMAGE_FUNCTIONS; i++) {
        uint64_t start = IMAGE_TEXT + bias + (uint64_t)i * IMAGE_SIZE;
        uint32_t to = (g->at + 7) & ~7u;
        if (version == IMAGE_116)
            image_u64(g, functions + i * entry, start), image_u64(g, functions + i * entry + 8, to - functions);
        else
            image_u32(g, functions + i * entry, i * IMAGE_SIZE), image_u32(g, functions + i * entry + 4, to - functions);
        if (i < IMAGE_FUNCTIONS)
            image_record(g, start,
                         g->names[i == 0   ? 0
                                  : i == 4 ? 3
                                           : 2],
                         i == 0 || i == 4 ? lists : others, i == 0, i == 0 || i == 4 ? 0 : 21);
    }
    uint32_t tree = IMAGE_TREE, end = g->at;
    if (version >= IMAGE_126)
        tree = end = (g->at + 31) & ~15u;
    image_tree(g, tree);
    if (version >= IMAGE_126)
        end = g->at;
    image_module(g, end, image_address(g, tree - 16));
}

#endif
