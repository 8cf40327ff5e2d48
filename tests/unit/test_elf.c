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

#include "agent/elf/elf.h"
#include "agent/symbolize/symbols.h"
#include "elf_image.h"
#include "objects.h"

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
        memcpy(p + 12, "GNU", 4);
        for (unsigned char i = 0; i < 32; i++)
            p[16 + i] = 'a' + i;
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

static void headers_of_another_size_are_not_read(void **state)
{
    (void)state;
    Elf64_Phdr p;
    Elf64_Shdr section_header;
    image.head.e_phentsize = 40;
    struct elf e = opened();
    assert_false(elf_segment(&e, 0, &p));
    assert_true(elf_section(&e, NOTE, &section_header));
    build(NULL);
    image.head.e_shentsize = 56;
    e = opened();
    assert_true(elf_segment(&e, 0, &p));
    assert_false(elf_section(&e, NOTE, &section_header));
}

static void a_note_that_says_to_be_longer_than_its_section_is_no_build_id(void **state)
{
    (void)state;
    uint8_t id[ELF_BUILD_ID];
    section(NOTE)->sh_size = 32;
    ((Elf64_Phdr *)(void *)(image.raw + AT_SEGMENT))->p_filesz = 32;
    struct elf e = opened();
    assert_int_equal(elf_build_id(&e, id), 0);
    assert_int_equal(elf_build_id_in_memory(&e, (uint64_t)(uintptr_t)&image, id), 0);
}

static void another_makers_note_with_the_number_of_a_build_id_is_passed_over(void **state)
{
    (void)state;
    uint8_t id[ELF_BUILD_ID];
    memcpy(image.raw + AT_NOTE + 12, "Foo", 4);
    struct elf e = opened();
    assert_int_equal(elf_build_id(&e, id), 0);
    memcpy(image.raw + AT_NOTE + 12, "GNU", 4);
    ((Elf64_Nhdr *)(void *)(image.raw + AT_NOTE))->n_namesz = 3;
    e = opened();
    assert_int_equal(elf_build_id(&e, id), 0);
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

/*
 * Every 16-, 32- and 64-bit field of the image takes extreme values: nothing is read outside,
 * nothing hangs.
 */
static void no_value_of_any_field_leads_outside_or_into_an_endless_loop(void **state)
{
    (void)state;
    static const uint64_t extremes[] = {0,          1,          7,         0x7fff,          0xffff,    0xfffffffc,
                                        0xffffffff, 1ull << 32, INT64_MAX, UINT64_MAX - 11, UINT64_MAX};
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

static void a_debuglink_never_leaves_its_folder(void **state)
{
    (void)state;
    char link[256];
    uint32_t crc;
    memcpy(image.raw + AT_LINK, "../x", 5);
    struct elf e = opened();
    assert_false(elf_debuglink(&e, link, &crc));
    memset(image.raw + AT_LINK, 'x', 12); /* no end */
    e = opened();
    assert_false(elf_debuglink(&e, link, &crc));
    memset(image.raw + AT_LINK, 0, 12);
    e = opened();
    assert_false(elf_debuglink(&e, link, &crc));
}

/* So many sections of TYPE, and one more that is wanted. */
static bool found_behind(unsigned n, uint32_t type)
{
    static union {
        Elf64_Ehdr head;
        unsigned char raw[IMAGE + 5000 * sizeof(Elf64_Shdr)];
    } large __attribute__((aligned(64)));
    Elf64_Shdr *s = (void *)(large.raw + IMAGE);
    struct elf e;
    char link[256];
    uint8_t id[ELF_BUILD_ID];
    uint32_t crc;
    assert_true(n + 2 < 5000);
    build(NULL);
    memcpy(large.raw, image.raw, IMAGE);
    s[0] = *section(STRINGS);
    for (unsigned i = 1; i <= n; i++)
        s[i] = (Elf64_Shdr){.sh_type = type};
    s[n + 1] = *section(type == SHT_NOTE ? NOTE : LINK);
    large.head.e_shoff = IMAGE;
    large.head.e_shnum = (uint16_t)(n + 2);
    large.head.e_shstrndx = 0;
    large.head.e_phnum = 0;
    assert_true(elf_open_bytes(&e, &large, sizeof large));
    return type == SHT_NOTE ? elf_build_id(&e, id) == 20 : elf_debuglink(&e, link, &crc);
}

static void after_4096_sections_a_search_gives_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t type = i ? SHT_NOTE : SHT_PROGBITS;
        assert_true(found_behind(4095, type));
        assert_false(found_behind(4096, type));
    }
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
    assert_true(e.fd >= 200); /* the program gets the lowest free number all the same */
    assert_int_equal(fcntl(e.fd, F_GETFD), FD_CLOEXEC);
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

/*
 * closefrom by another thread, then the program opens something of its own and gets our number:
 * that is not ours to close.
 */
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
        CASE(what_is_no_object_of_this_machine_does_not_open),
        CASE(headers_of_another_size_are_not_read),
        CASE(a_note_that_says_to_be_longer_than_its_section_is_no_build_id),
        CASE(another_makers_note_with_the_number_of_a_build_id_is_passed_over),
        CASE(reads_beyond_the_end_fail),
        CASE(no_value_of_any_field_leads_outside_or_into_an_endless_loop),
        CASE(a_debuglink_never_leaves_its_folder),
        CASE(after_4096_sections_a_search_gives_up),
        CASE(only_regular_files_open_and_what_does_not_open_leaves_no_descriptor),
        CASE(a_file_that_shrinks_while_it_is_open_gives_a_failed_read),
        CASE(a_descriptor_that_the_program_took_over_is_left_to_it),
        CASE(memory_that_cannot_be_read_gives_a_failed_read),
    };
    return cmocka_run_group_tests(tests, objects_setup, objects_teardown);
}
