/* SPDX-License-Identifier: MIT */
/* test_elf.c: ELF objects that lie are read within their bounds, and honest ones rightly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/elf.h"
#include "agent/symbols.h"
#include "objects.h"

/* ---- an image made by hand ------------------------------------------------------------------------------------- */

enum { STRINGS = 1, SYMBOLS, CODE, NOTE, LINK, SECTIONS };
enum { AT_SEGMENT = 64, AT_STRINGS = 256, AT_SYMBOLS = 512, AT_NOTE = 1024, AT_LINK = 1100, AT_SECTIONS = 1536, IMAGE = 2048 };
#define CODE_AT 0x1000u

static struct image {
    union {
        Elf64_Ehdr head;
        unsigned char raw[IMAGE];
    };
} image __attribute__((aligned(64)));

static Elf64_Shdr *section(unsigned i)
{
    return (Elf64_Shdr *)(void *)(image.raw + AT_SECTIONS) + i;
}

static Elf64_Sym *symbol(unsigned i)
{
    return (Elf64_Sym *)(void *)(image.raw + AT_SYMBOLS) + i;
}

static uint32_t add_string(const char *s)
{
    uint32_t at = (uint32_t)section(STRINGS)->sh_size;
    strcpy((char *)image.raw + AT_STRINGS + at, s);
    section(STRINGS)->sh_size += strlen(s) + 1;
    return at;
}

static void add_function(const char *name, uint64_t value, uint64_t size, unsigned bind)
{
    unsigned i = (unsigned)(section(SYMBOLS)->sh_size / sizeof(Elf64_Sym));
    *symbol(i) = (Elf64_Sym){.st_name = add_string(name), .st_info = ELF64_ST_INFO(bind, STT_FUNC), .st_shndx = CODE, .st_value = value, .st_size = size};
    section(SYMBOLS)->sh_size += sizeof(Elf64_Sym);
}

static int build(void **state)
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
    *(Elf64_Phdr *)(void *)(image.raw + AT_SEGMENT) = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = AT_NOTE, .p_vaddr = AT_NOTE, .p_filesz = 36, .p_align = 4};
    *section(STRINGS) = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = AT_STRINGS, .sh_size = 1};
    *section(SYMBOLS) = (Elf64_Shdr){.sh_type = SHT_SYMTAB, .sh_offset = AT_SYMBOLS, .sh_size = sizeof(Elf64_Sym), .sh_entsize = sizeof(Elf64_Sym), .sh_link = STRINGS};
    *section(CODE) = (Elf64_Shdr){.sh_type = SHT_NOBITS, .sh_addr = CODE_AT, .sh_size = 0x1000};
    *section(NOTE) = (Elf64_Shdr){.sh_type = SHT_NOTE, .sh_offset = AT_NOTE, .sh_size = 36, .sh_addralign = 4};
    *section(LINK) = (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_offset = AT_LINK, .sh_size = 12, .sh_name = add_string(".gnu_debuglink")};
    *(Elf64_Nhdr *)(void *)(image.raw + AT_NOTE) = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID};
    memcpy(image.raw + AT_NOTE + 12, "GNU", 4);
    memcpy(image.raw + AT_NOTE + 16, "abcdefghijklmnopqrst", 20);
    memcpy(image.raw + AT_LINK, "x.dbg\0\0\0\x11\x22\x33\x44", 12);
    return 0;
}

static struct elf opened(void)
{
    struct elf e;
    assert_true(elf_open_bytes(&e, &image, sizeof image));
    return e;
}

static const char *name_at(uint64_t addr)
{
    static char name[SYMBOL_MAX_NAME], scratch[4096];
    struct elf e = opened();
    struct symbol_target t = {.addr = addr};
    Elf64_Shdr table;
    assert_true(elf_section(&e, SYMBOLS, &table));
    symbols_find(&e, &table, &t, 1, scratch, sizeof scratch);
    return symbols_name(&e, &table, &t, name) ? name : "-";
}

/* ---- honest ones ----------------------------------------------------------------------------------------------- */

static void build_id_debuglink_and_sections_are_read(void **state)
{
    (void)state;
    struct elf e = opened();
    uint8_t id[ELF_BUILD_ID];
    char link[256];
    uint32_t crc;
    Elf64_Shdr s;
    unsigned at = 0;
    assert_int_equal(elf_build_id(&e, id), 20);
    assert_memory_equal(id, "abcdefghijklmnopqrst", 20);
    assert_int_equal(elf_build_id_in_memory(&e, (uint64_t)(uintptr_t)&image, id), 20);
    assert_true(elf_debuglink(&e, link, &crc));
    assert_string_equal(link, "x.dbg");
    assert_memory_equal(&crc, "\x11\x22\x33\x44", 4);
    assert_true(elf_find_section(&e, SHT_NOTE, &at, &s));
    assert_int_equal(at, NOTE);
    at++;
    assert_false(elf_find_section(&e, SHT_NOTE, &at, &s));
    assert_false(elf_section(&e, SECTIONS, &s));
}

static void the_build_id_is_found_behind_other_notes_with_either_alignment(void **state)
{
    (void)state;
    for (unsigned align = 4; align <= 8; align += 4) {
        unsigned char *p = image.raw + AT_NOTE;
        memset(p, 0, 128);
        *(Elf64_Nhdr *)(void *)p = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 12, .n_type = 5};
        memcpy(p + 12, "GNU", 4);
        p += align == 8 ? 32 : 28;
        *(Elf64_Nhdr *)(void *)p = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 32, .n_type = NT_GNU_BUILD_ID};
        memcpy(p + 12, "GNU\0abcdefghijklmnopqrstuvwxyz012345", 36);
        section(NOTE)->sh_addralign = align;
        section(NOTE)->sh_size = (uint64_t)(p + 48 - (image.raw + AT_NOTE));
        struct elf e = opened();
        uint8_t id[ELF_BUILD_ID];
        assert_int_equal(elf_build_id(&e, id), ELF_BUILD_ID); /* cut */
        assert_memory_equal(id, "abcdefghijklmnopqrst", 20);
    }
}

static void the_extended_number_of_sections_is_understood(void **state)
{
    (void)state;
    image.head.e_shnum = 0;
    section(0)->sh_size = SECTIONS;
    image.head.e_shstrndx = SHN_XINDEX;
    section(0)->sh_link = STRINGS;
    struct elf e = opened();
    char link[256];
    uint32_t crc;
    assert_int_equal(e.sections, SECTIONS);
    assert_true(elf_debuglink(&e, link, &crc));
    section(0)->sh_size = UINT64_MAX;
    e = opened();
    assert_true(e.sections <= (IMAGE - AT_SECTIONS) / sizeof(Elf64_Shdr));
}

static void the_crc_is_the_one_that_the_tools_compute(void **state)
{
    (void)state;
    struct elf e = {.bytes = (const unsigned char *)"123456789", .size = 9, .fd = -1};
    uint32_t crc;
    assert_true(elf_crc32(&e, &crc));
    assert_int_equal(crc, 0xcbf43926u); /* the check value of CRC-32/ISO-HDLC */
}

static void a_file_and_its_image_in_memory_have_one_fingerprint_and_one_build_id(void **state)
{
    (void)state;
    struct elf file, memory;
    uint8_t a[ELF_BUILD_ID], b[ELF_BUILD_ID];
    const struct link_map *self = dlopen(NULL, RTLD_NOW);
    extern const char __executable_start[], end[];
    assert_true(elf_open_file(&file, "/proc/self/exe"));
    assert_true(elf_open_memory(&memory, (uint64_t)(uintptr_t)__executable_start, (uint64_t)(uintptr_t)end));
    assert_true(elf_fingerprint(&file) == elf_fingerprint(&memory) && elf_fingerprint(&file) != 0);
    assert_int_equal(elf_build_id(&file, a), 20);
    assert_int_equal(elf_build_id_in_memory(&memory, self->l_addr, b), 20);
    assert_memory_equal(a, b, 20);
    assert_true(elf_close(&file));
}

/* ---- which symbol ---------------------------------------------------------------------------------------------- */

static void the_innermost_function_that_holds_the_address_is_named(void **state)
{
    (void)state;
    add_function("outer", 0x1000, 0x100, STB_GLOBAL);
    add_function("inner", 0x1040, 0x10, STB_LOCAL);
    add_function("later", 0x1100, 0x10, STB_GLOBAL);
    assert_string_equal(name_at(0x1000), "outer");
    assert_string_equal(name_at(0x103f), "outer");
    assert_string_equal(name_at(0x1040), "inner");
    assert_string_equal(name_at(0x104f), "inner");
    assert_string_equal(name_at(0x1050), "outer");
    assert_string_equal(name_at(0x10ff), "outer");
    assert_string_equal(name_at(0x1100), "later");
    assert_string_equal(name_at(0x1110), "-");
    assert_string_equal(name_at(0xfff), "-");
}

static void of_several_names_of_one_place_the_visible_plain_and_short_one_is_taken(void **state)
{
    (void)state;
    add_function("a_local", 0x1000, 0x10, STB_LOCAL);
    add_function("__libc_thing", 0x1000, 0x10, STB_GLOBAL);
    add_function("thing_with_tail", 0x1000, 0x10, STB_GLOBAL);
    add_function("thing@@GLIBC_2.34", 0x1000, 0x10, STB_WEAK);
    add_function("x", 0x1000, 0x10, STB_LOCAL);
    assert_string_equal(name_at(0x1008), "thing");
    build(NULL);
    add_function("only_local", 0x1000, 0x10, STB_LOCAL);
    assert_string_equal(name_at(0x1008), "only_local");
}

static void undefined_data_and_absent_names_are_no_functions(void **state)
{
    (void)state;
    add_function("undefined", 0x1000, 0x10, STB_GLOBAL);
    symbol(1)->st_shndx = SHN_UNDEF;
    add_function("object", 0x1000, 0x10, STB_GLOBAL);
    symbol(2)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    add_function("nameless", 0x1000, 0x10, STB_GLOBAL);
    symbol(3)->st_name = 0;
    assert_string_equal(name_at(0x1000), "-");
    add_function("resolver", 0x1000, 0x10, STB_GLOBAL);
    symbol(4)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
    assert_string_equal(name_at(0x1000), "resolver");
}

static void a_function_without_a_size_ends_at_the_next_one_and_at_its_section(void **state)
{
    (void)state;
    add_function("sizeless", 0x1000, 0, STB_GLOBAL);
    add_function("next", 0x1100, 8, STB_LOCAL);
    assert_string_equal(name_at(0x10ff), "sizeless");
    assert_string_equal(name_at(0x1100), "next");
    assert_string_equal(name_at(0x1108), "-");
    section(CODE)->sh_size = 0x80;
    assert_string_equal(name_at(0x107f), "sizeless");
    assert_string_equal(name_at(0x1080), "-");
    section(SYMBOLS)->sh_type = SHT_DYNSYM; /* says nothing of static functions in between */
    assert_string_equal(name_at(0x1010), "-");
}

/* ---- lies ------------------------------------------------------------------------------------------------------ */

static void what_is_no_object_of_this_machine_does_not_open(void **state)
{
    (void)state;
    struct elf e;
    assert_false(elf_open_bytes(&e, NULL, 0));
    assert_false(elf_open_bytes(&e, &image, sizeof(Elf64_Ehdr) - 1));
    static const struct {
        unsigned at, value;
    } wrong[] = {{EI_MAG0, 'E'}, {EI_CLASS, ELFCLASS32}, {EI_DATA, ELFDATANONE}, {offsetof(Elf64_Ehdr, e_version), 9}};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        build(NULL);
        image.raw[wrong[i].at] = (unsigned char)wrong[i].value;
        assert_false(elf_open_bytes(&e, &image, sizeof image));
    }
    assert_false(elf_open_memory(&e, 0, 4096));
    assert_false(elf_open_memory(&e, 4096, 4096));
    assert_false(elf_open_memory(&e, 4096, 8192)); /* never mapped */
}

static void reads_beyond_the_end_fail(void **state)
{
    (void)state;
    struct elf e = opened();
    char c[16];
    assert_true(elf_read(&e, IMAGE - 16, c, 16));
    assert_true(elf_read(&e, IMAGE, c, 0));
    assert_false(elf_read(&e, IMAGE - 15, c, 16));
    assert_false(elf_read(&e, IMAGE + 1, c, 0));
    assert_false(elf_read(&e, UINT64_MAX - 7, c, 16));
    memset(image.raw + IMAGE - 8, 'x', 8);
    assert_int_equal(elf_string(&e, IMAGE - 8, UINT64_MAX, c, sizeof c), 8); /* no NUL before the end */
    assert_int_equal(elf_string(&e, IMAGE - 8, UINT64_MAX, c, 4), 3);
    assert_int_equal(elf_string(&e, UINT64_MAX - 1, UINT64_MAX, c, sizeof c), 0);
    assert_string_equal(c, "");
}

/* Every 16-, 32- and 64-bit field of the image takes extreme values: nothing is read outside, nothing hangs. */
static void no_value_of_any_field_leads_outside_or_into_an_endless_loop(void **state)
{
    (void)state;
    static const uint64_t extremes[] = {0, 1, 7, 0x7fff, 0xffff, 0xfffffffc, 0xffffffff, 1ull << 32, INT64_MAX, UINT64_MAX - 11, UINT64_MAX};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *room = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(room + page, page, PROT_NONE), 0);
    unsigned char *copy = room + page - IMAGE; /* ends where a fault begins */
    add_function("one", 0x1000, 0x10, STB_GLOBAL);
    add_function("two", 0x1000, 0x10, STB_GLOBAL);
    add_function("three", 0x1020, 0, STB_LOCAL);
    for (unsigned at = 0; at < IMAGE; at += 2) {
        for (unsigned width = 2; width <= 8 && at % width == 0 && at + width <= IMAGE; width *= 2) {
            for (unsigned i = 0; i < sizeof extremes / sizeof extremes[0]; i++) {
                static char scratch[4096], name[SYMBOL_MAX_NAME];
                struct elf e;
                struct symbol_target t[3] = {{.addr = 0x1000}, {.addr = 0x1030}, {.addr = UINT64_MAX}};
                uint8_t id[ELF_BUILD_ID];
                uint32_t crc;
                Elf64_Shdr table;
                unsigned where = 0;
                memcpy(copy, &image, IMAGE);
                memcpy(copy + at, &extremes[i], width);
                if (!elf_open_bytes(&e, copy, IMAGE))
                    continue;
                elf_build_id(&e, id);
                elf_build_id_in_memory(&e, (uint64_t)(uintptr_t)copy, id);
                elf_fingerprint(&e);
                elf_debuglink(&e, name, &crc);
                if (!elf_find_section(&e, SHT_SYMTAB, &where, &table))
                    continue;
                symbols_find(&e, &table, t, 3, scratch, sizeof scratch);
                for (unsigned k = 0; k < 3; k++)
                    symbols_name(&e, &table, &t[k], name);
            }
        }
    }
    munmap(room, 2 * page);
}

static void a_million_symbols_that_each_claim_everything_are_given_up_in_time(void **state)
{
    (void)state;
    enum { COUNT = 1000000, TARGETS = 2000 };
    size_t size = AT_SECTIONS + SECTIONS * sizeof(Elf64_Shdr) + (size_t)COUNT * sizeof(Elf64_Sym);
    unsigned char *big = malloc(size);
    struct symbol_target *t = calloc(TARGETS, sizeof *t);
    static char scratch[65536];
    struct elf e;
    struct timespec begin, done;
    assert_true(big && t);
    memcpy(big, &image, IMAGE);
    Elf64_Shdr table = {.sh_type = SHT_SYMTAB, .sh_offset = IMAGE, .sh_size = (size_t)COUNT * sizeof(Elf64_Sym), .sh_entsize = sizeof(Elf64_Sym), .sh_link = STRINGS};
    Elf64_Sym all = {.st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = CODE, .st_size = UINT64_MAX};
    for (size_t i = 0; IMAGE + (i + 1) * sizeof all <= size; i++)
        memcpy(big + IMAGE + i * sizeof all, &all, sizeof all);
    for (unsigned i = 0; i < TARGETS; i++)
        t[i].addr = 0x1000 + i;
    assert_true(elf_open_bytes(&e, big, size));
    clock_gettime(CLOCK_MONOTONIC, &begin);
    symbols_find(&e, &table, t, TARGETS, scratch, sizeof scratch);
    clock_gettime(CLOCK_MONOTONIC, &done);
    assert_true(done.tv_sec - begin.tv_sec < 5);
    free(big);
    free(t);
}

static void a_debuglink_never_leaves_its_folder(void **state)
{
    (void)state;
    char link[256];
    uint32_t crc;
    memcpy(image.raw + AT_LINK, "../x", 5);
    struct elf e = opened();
    assert_false(elf_debuglink(&e, link, &crc));
    memcpy(image.raw + AT_LINK, "no end of it", 12);
    e = opened();
    assert_false(elf_debuglink(&e, link, &crc));
    memset(image.raw + AT_LINK, 0, 12);
    e = opened();
    assert_false(elf_debuglink(&e, link, &crc));
}

/* ---- files and memory ------------------------------------------------------------------------------------------ */

static int count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void only_regular_files_open_and_what_does_not_open_leaves_no_descriptor(void **state)
{
    (void)state;
    struct elf e;
    int before = count_descriptors();
    errno = 55;
    assert_int_equal(mkfifo(objects_path("fifo"), 0600), 0);
    assert_false(elf_open_file(&e, objects_path("fifo")));
    assert_false(elf_open_file(&e, "/dev/zero"));
    assert_false(elf_open_file(&e, objects_dir));
    assert_false(elf_open_file(&e, objects_path("absent")));
    objects_write("text", "#!/bin/sh\n");
    objects_write("empty", "");
    errno = 55;
    assert_false(elf_open_file(&e, objects_path("text")));
    assert_false(elf_open_file(&e, objects_path("empty")));
    assert_int_equal(errno, 55);
    assert_int_equal(count_descriptors(), before);
    assert_true(elf_open_file(&e, "/proc/self/exe"));
    assert_true(elf_close(&e));
    assert_int_equal(count_descriptors(), before);
}

static void a_file_that_shrinks_while_it_is_open_gives_a_failed_read(void **state)
{
    (void)state;
    struct elf e;
    char c[64];
    FILE *f = fopen(objects_path("shrinks"), "wb");
    assert_int_equal(fwrite(&image, 1, sizeof image, f), sizeof image);
    fclose(f);
    assert_true(elf_open_file(&e, objects_path("shrinks")));
    assert_true(elf_read(&e, IMAGE - 64, c, 64));
    assert_int_equal(truncate(objects_path("shrinks"), 100), 0);
    assert_false(elf_read(&e, IMAGE - 64, c, 64));
    assert_true(elf_close(&e));
}

/* closefrom by another thread, then the program opens something of its own and gets our number: that is not ours to close. */
static void a_descriptor_that_the_program_took_over_is_left_to_it(void **state)
{
    (void)state;
    struct elf e;
    int ends[2];
    assert_true(elf_open_file(&e, "/proc/self/exe"));
    int ours = e.fd;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], ours), ours);
    assert_false(elf_close(&e));
    assert_int_not_equal(fcntl(ours, F_GETFD), -1);
    close(ours);
    close(ends[0]);
    close(ends[1]);
}

static void memory_that_cannot_be_read_gives_a_failed_read(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct elf e;
    char c[32];
    memcpy(p, &image, IMAGE);
    assert_int_equal(mprotect(p + page, page, PROT_NONE), 0);
    assert_true(elf_open_memory(&e, (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)p + 3 * page));
    errno = 7;
    assert_true(elf_read(&e, page - 32, c, 32));
    assert_false(elf_read(&e, page - 16, c, 32));
    assert_false(elf_read(&e, page, c, 1));
    assert_false(elf_read(&e, 2 * page - 16, c, 32));
    assert_true(elf_read(&e, 2 * page, c, 32));
    assert_int_equal(errno, 7);
    munmap(p, 3 * page);
    assert_false(elf_open_memory(&e, (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)p + 3 * page));
}

#define CASE(f) cmocka_unit_test_setup(f, build)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(build_id_debuglink_and_sections_are_read),
        CASE(the_build_id_is_found_behind_other_notes_with_either_alignment),
        CASE(the_extended_number_of_sections_is_understood),
        CASE(the_crc_is_the_one_that_the_tools_compute),
        CASE(a_file_and_its_image_in_memory_have_one_fingerprint_and_one_build_id),
        CASE(the_innermost_function_that_holds_the_address_is_named),
        CASE(of_several_names_of_one_place_the_visible_plain_and_short_one_is_taken),
        CASE(undefined_data_and_absent_names_are_no_functions),
        CASE(a_function_without_a_size_ends_at_the_next_one_and_at_its_section),
        CASE(what_is_no_object_of_this_machine_does_not_open),
        CASE(reads_beyond_the_end_fail),
        CASE(no_value_of_any_field_leads_outside_or_into_an_endless_loop),
        CASE(a_million_symbols_that_each_claim_everything_are_given_up_in_time),
        CASE(a_debuglink_never_leaves_its_folder),
        CASE(only_regular_files_open_and_what_does_not_open_leaves_no_descriptor),
        CASE(a_file_that_shrinks_while_it_is_open_gives_a_failed_read),
        CASE(a_descriptor_that_the_program_took_over_is_left_to_it),
        CASE(memory_that_cannot_be_read_gives_a_failed_read),
    };
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
