/* SPDX-License-Identifier: MIT */
/*
 * test_inject_dynamic.c: the dynamic section of an object is read with every bound checked,
 * whatever it says.
 *
 * Works on a copy of a small library, between two pages that cannot be read; the copy's addresses
 * are as the linker wrote them, not relocated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/elf/dynamic.h"

#define MAX_PHDRS 16
#define PAGE 4096u

static unsigned char *image, *pristine;
static size_t image_size;
static Elf64_Phdr headers[MAX_PHDRS], pristine_headers[MAX_PHDRS];
static struct dl_phdr_info info;
static Elf64_Dyn *section;

static int copy_object(struct dl_phdr_info *from, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    if (!strstr(from->dlpi_name, "/inject_lazy.so"))
        return 0;
    uint64_t end = 0, dynamic = 0;
    assert_in_range(from->dlpi_phnum, 1, MAX_PHDRS);
    memcpy(headers, from->dlpi_phdr, from->dlpi_phnum * sizeof *headers);
    for (int i = 0; i < from->dlpi_phnum; i++) {
        const Elf64_Phdr *p = &headers[i];
        if (p->p_type == PT_LOAD)
            end = p->p_vaddr + p->p_memsz;
        if (p->p_type == PT_DYNAMIC)
            dynamic = p->p_vaddr;
    }
    image_size = (end + PAGE - 1) / PAGE * PAGE;
    unsigned char *room = mmap(NULL, image_size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    image = room + PAGE;
    mprotect(image, image_size, PROT_READ | PROT_WRITE);
    for (int i = 0; i < from->dlpi_phnum; i++)
        if (headers[i].p_type == PT_LOAD)
            memcpy(image + headers[i].p_vaddr, (void *)(from->dlpi_addr + headers[i].p_vaddr), headers[i].p_memsz);
    section = (Elf64_Dyn *)(image + dynamic);
    for (Elf64_Dyn *d = section; d->d_tag; d++)
        if (d->d_un.d_ptr >= from->dlpi_addr && d->d_un.d_ptr < from->dlpi_addr + end)
            d->d_un.d_ptr -= from->dlpi_addr;
    pristine = malloc(image_size + PAGE);
    memcpy(pristine, image, image_size);
    memcpy(pristine_headers, headers, sizeof headers);
    info = (struct dl_phdr_info){.dlpi_addr = (uint64_t)image, .dlpi_name = "copy", .dlpi_phdr = headers, .dlpi_phnum = from->dlpi_phnum};
    return 1;
}

static int load(void **state)
{
    (void)state;
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    path[n > 0 ? n : 0] = '\0';
    strcpy(strrchr(path, '/'), "/inject_lazy.so");
    if (!dlopen(path, RTLD_LAZY))
        return -1;
    return dl_iterate_phdr(copy_object, NULL) ? 0 : -1;
}

static int restore(void **state)
{
    (void)state;
    memcpy(image, pristine, image_size);
    memcpy(headers, pristine_headers, sizeof headers);
    return 0;
}

static Elf64_Dyn *entry(int64_t tag)
{
    for (Elf64_Dyn *d = section; d->d_tag; d++)
        if (d->d_tag == tag)
            return d;
    fail_msg("no entry %ld", (long)tag);
    return NULL;
}

static void *find(const struct dynamic *d, const char *name) { return dynamic_lookup(d, name, dynamic_hash(name)); }

/* Everything that redirect.c does with what was read. */
static void use(const struct dynamic *d)
{
    uint64_t sum = 0;
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; i < d->relocations[t].n; i++) {
            const char *name = dynamic_name(d, (uint32_t)ELF64_R_SYM(d->relocations[t].at[i].r_info));
            sum += name ? strlen(name) : 0;
        }
    find(d, "direct");
    find(d, "getppid");
    find(d, "");
    __asm__ volatile("" : : "r"(sum));
}

static bool read_it(struct dynamic *d, bool *broken)
{
    bool ok = dynamic_read(d, &info, broken);
    if (ok)
        use(d);
    return ok;
}

static void a_sound_object_is_read(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    assert_true(read_it(&d, &broken));
    assert_false(broken);
    assert_true(d.relocations[0].n >= 3);
    assert_true(d.relocations[1].n >= 1);
    unsigned calls = 0;
    for (size_t i = 0; i < d.relocations[0].n; i++) {
        const char *name = dynamic_name(&d, (uint32_t)ELF64_R_SYM(d.relocations[0].at[i].r_info));
        calls += name && !strcmp(name, "getppid");
    }
    assert_int_equal(calls, 1);
    void *p = find(&d, "direct");
    assert_true(p > (void *)image && p < (void *)(image + image_size));
    assert_null(find(&d, "getppid")); /* undefined there */
    assert_null(find(&d, "no_such_name"));
}

static void refused(void)
{
    struct dynamic d;
    bool broken = false;
    errno = EIO;
    assert_false(read_it(&d, &broken));
    assert_true(broken);
    assert_int_equal(errno, EIO);
}

static void a_symbol_table_outside_of_the_object_is_refused(void **state)
{
    (void)state;
    const uint64_t values[] = {1, image_size + 8, (uint64_t)-8, 0x7fffffffffff0000u};
    for (size_t i = 0; i < 4; i++) {
        entry(DT_SYMTAB)->d_un.d_ptr = values[i];
        refused();
    }
}

static void names_that_do_not_end_are_refused(void **state)
{
    (void)state;
    entry(DT_STRSZ)->d_un.d_val -= 2;
    refused();
    entry(DT_STRSZ)->d_un.d_val = image_size * 2;
    refused();
    entry(DT_STRSZ)->d_un.d_val = 0;
    refused();
}

static void relocations_outside_of_the_object_are_refused(void **state)
{
    (void)state;
    entry(DT_PLTRELSZ)->d_un.d_val = image_size * 3;
    refused();
    restore(NULL);
    entry(DT_RELASZ)->d_un.d_val = UINT64_MAX;
    refused();
    restore(NULL);
    entry(DT_RELA)->d_un.d_ptr += 4;
    refused();
}

static void an_object_that_is_not_mapped_whole_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mprotect(image, PAGE, PROT_NONE), 0); /* symbols and names are there */
    refused();
    assert_int_equal(mprotect(image, PAGE, PROT_READ | PROT_WRITE), 0);
}

static void a_relocation_without_a_symbol_has_no_name(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    assert_true(read_it(&d, &broken));
    assert_null(dynamic_name(&d, UINT32_MAX));
    assert_null(dynamic_name(&d, (uint32_t)d.n_symbols));
    ((Elf64_Sym *)(uintptr_t)d.symbols)[1].st_name = UINT32_MAX;
    assert_null(dynamic_name(&d, 1));
}

/* The symbol NAME, which the object defines or asks for. */
static Elf64_Sym *symbol_named(const struct dynamic *d, const char *name)
{
    for (uint32_t i = 1; i < d->n_symbols; i++) {
        const char *there = dynamic_name(d, i);
        if (there && strcmp(there, name) == 0)
            return (Elf64_Sym *)(uintptr_t)&d->symbols[i];
    }
    fail_msg("no symbol %s", name);
    return NULL;
}

static void the_symbols_end_where_the_names_begin(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    assert_true(read_it(&d, &broken));
    assert_true((uint64_t)d.names > (uint64_t)d.symbols);
    assert_int_equal(d.n_symbols, ((uint64_t)d.names - (uint64_t)d.symbols) / sizeof(Elf64_Sym));
}

static void an_address_is_held_only_by_a_segment_with_the_protection_that_is_asked_for(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    assert_true(read_it(&d, &broken));
    uint64_t code = (uint64_t)find(&d, "direct"), data = d.bias + d.relocations[0].at[0].r_offset;
    assert_true(dynamic_holds(&d, code, PF_X) && !dynamic_holds(&d, code, PF_W));
    assert_true(dynamic_holds(&d, data, PF_W) && !dynamic_holds(&d, data, PF_X));
    assert_false(dynamic_holds(&d, (uint64_t)image - 1, 0));
    assert_false(dynamic_holds(&d, (uint64_t)image + image_size, 0));
}

static void relocations_of_another_kind_or_size_are_left_alone(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    entry(DT_PLTREL)->d_un.d_val = DT_REL;
    assert_true(read_it(&d, &broken));
    assert_int_equal(d.relocations[0].n, 0);
    assert_true(d.relocations[1].n > 0);
    restore(NULL);
    entry(DT_RELAENT)->d_un.d_val = 16;
    assert_true(read_it(&d, &broken));
    assert_true(d.relocations[0].n > 0);
    assert_int_equal(d.relocations[1].n, 0);
}

static void neither_an_undefined_nor_an_old_nor_a_local_symbol_nor_data_is_found(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    assert_true(read_it(&d, &broken));
    Elf64_Sym *symbol = symbol_named(&d, "direct"), kept = *symbol;
    assert_non_null(find(&d, "direct"));
    symbol->st_shndx = SHN_UNDEF;
    assert_null(find(&d, "direct"));
    *symbol = kept;
    symbol->st_value = 0;
    assert_null(find(&d, "direct"));
    *symbol = kept;
    symbol->st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
    assert_null(find(&d, "direct"));
    symbol->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    assert_null(find(&d, "direct"));
    *symbol = kept;
    uint16_t *version = (uint16_t *)(uintptr_t)&d.versions[symbol - d.symbols];
    *version |= 0x8000; /* hidden: for programs that were linked long ago */
    assert_null(find(&d, "direct"));
    *version &= 0x7fff;
    assert_non_null(find(&d, "direct"));
}

/* An object that has only the older table. */
static uint32_t *only_sysv_hash(void)
{
    uint32_t *t = (uint32_t *)(image + entry(DT_HASH)->d_un.d_ptr);
    entry(DT_GNU_HASH)->d_tag = 0x6ffffff9; /* DT_RELACOUNT, which nobody reads here */
    return t;
}

static void the_older_hash_table_finds_the_same_and_is_held_to_its_bounds(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    assert_true(read_it(&d, &broken));
    static const char *const names[] = {"saved", "left_alone", "never_called_before"}; /* from 7 letters on all 32 bits are used */
    void *direct = find(&d, "direct"), *at[3];
    for (int i = 0; i < 3; i++)
        at[i] = find(&d, names[i]);
    uint32_t *t = only_sysv_hash(), buckets = t[0], chains = t[1];
    assert_true(read_it(&d, &broken));
    assert_ptr_equal(find(&d, "direct"), direct);
    for (int i = 0; i < 3; i++)
        assert_true(at[i] && find(&d, names[i]) == at[i]);
    assert_null(find(&d, "getppid"));
    assert_null(find(&d, "no_such_name"));
    t[0] = 0;
    assert_null(find(&d, "direct"));
    t[0] = UINT32_MAX;
    assert_null(find(&d, "direct"));
    t[0] = buckets;
    t[1] = UINT32_MAX;
    assert_null(find(&d, "direct"));
    t[1] = chains;
    for (uint32_t i = 0; i < chains; i++) /* leads to itself */
        t[2 + buckets + i] = i;
    assert_null(find(&d, "no_such_name"));
}

static Elf64_Phdr *header(uint32_t type)
{
    for (int i = 0; i < info.dlpi_phnum; i++)
        if (headers[i].p_type == type)
            return &headers[i];
    fail_msg("no program header %u", type);
    return NULL;
}

static void what_is_read_only_after_relocation_are_whole_pages(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    Elf64_Phdr *relro = header(PT_GNU_STACK); /* a header that nobody reads here */
    relro->p_type = PT_GNU_RELRO;
    relro->p_vaddr = 3 * PAGE + 1;
    relro->p_memsz = 2 * PAGE - 2;
    assert_true(read_it(&d, &broken));
    assert_int_equal(d.relro_start, (uint64_t)image + 3 * PAGE);
    assert_int_equal(d.relro_end, (uint64_t)image + 4 * PAGE);
    relro->p_memsz = 2 * PAGE;
    assert_true(read_it(&d, &broken));
    assert_int_equal(d.relro_end, (uint64_t)image + 5 * PAGE);
}

static void a_dynamic_section_without_an_end_mark_ends_with_its_size(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken;
    Elf64_Dyn *symbols = entry(DT_SYMTAB);
    header(PT_DYNAMIC)->p_memsz = (size_t)(symbols - section) * sizeof *section; /* it is the first behind the section */
    assert_false(read_it(&d, &broken));
    header(PT_DYNAMIC)->p_memsz = pristine_headers[header(PT_DYNAMIC) - headers].p_memsz;
    assert_true(read_it(&d, &broken));
}

static void no_more_than_512_entries_of_a_dynamic_section_are_read(void **state)
{
    (void)state;
    enum { MOST = 512 };
    size_t size = (MOST + 1) * sizeof *section, room = (size + PAGE - 1) / PAGE * PAGE;
    struct dynamic d;
    bool broken;
    Elf64_Dyn symbols = *entry(DT_SYMTAB);
    Elf64_Dyn *large = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Elf64_Phdr *p = &headers[info.dlpi_phnum];
    assert_true(info.dlpi_phnum < MAX_PHDRS);
    unsigned n = 0;
    for (Elf64_Dyn *e = section; e->d_tag; e++)
        if (e->d_tag != DT_SYMTAB)
            large[n++] = *e;
    for (; n <= MOST; n++)
        large[n] = (Elf64_Dyn){.d_tag = DT_DEBUG};
    header(PT_DYNAMIC)->p_vaddr = (uint64_t)large - (uint64_t)image;
    header(PT_DYNAMIC)->p_memsz = size;
    *p = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = (uint64_t)large - (uint64_t)image, .p_memsz = room};
    info.dlpi_phnum++;
    large[MOST - 1] = symbols;
    assert_true(read_it(&d, &broken));
    large[MOST - 1].d_tag = DT_DEBUG;
    large[MOST] = symbols;
    assert_false(read_it(&d, &broken));
    info.dlpi_phnum--;
    munmap(large, room);
}

static void an_object_without_dynamic_section_is_simply_not_read(void **state)
{
    (void)state;
    struct dynamic d;
    bool broken = true;
    for (int i = 0; i < info.dlpi_phnum; i++)
        if (headers[i].p_type == PT_DYNAMIC)
            headers[i].p_type = PT_NULL;
    assert_false(read_it(&d, &broken));
    assert_false(broken);
}

/* Whatever bytes are changed, nothing is read that cannot be read. */
static void any_damage_is_survived(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        for (int n = 0; n < 1 + round % 4; n++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            static const uint64_t odd[] = {0, 1, 7, PAGE, 0x7fffffff, 0xffffffff, UINT64_MAX, 1ull << 63};
            uint64_t value = seed % 3 ? odd[seed / 3 % 8] : seed;
            if (seed / 64 % 4 == 0)
                memcpy((char *)headers + seed / 256 % (info.dlpi_phnum * sizeof *headers - 8), &value, 1 + seed / 7 % 8);
            else if (seed / 64 % 4 == 1)
                section[seed / 256 % 24].d_un.d_val = value;
            else if (seed / 64 % 4 == 2)
                section[seed / 256 % 24].d_tag = (int64_t)(value % 40);
            else
                memcpy(image + seed / 256 % (PAGE - 8), &value, 4);
        }
        struct dynamic d;
        bool broken;
        read_it(&d, &broken);
        restore(NULL);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_object_is_read),
        TEST(a_symbol_table_outside_of_the_object_is_refused),
        TEST(names_that_do_not_end_are_refused),
        TEST(relocations_outside_of_the_object_are_refused),
        TEST(an_object_that_is_not_mapped_whole_is_refused),
        TEST(a_relocation_without_a_symbol_has_no_name),
        TEST(the_symbols_end_where_the_names_begin),
        TEST(an_address_is_held_only_by_a_segment_with_the_protection_that_is_asked_for),
        TEST(relocations_of_another_kind_or_size_are_left_alone),
        TEST(neither_an_undefined_nor_an_old_nor_a_local_symbol_nor_data_is_found),
        TEST(the_older_hash_table_finds_the_same_and_is_held_to_its_bounds),
        TEST(what_is_read_only_after_relocation_are_whole_pages),
        TEST(a_dynamic_section_without_an_end_mark_ends_with_its_size),
        TEST(no_more_than_512_entries_of_a_dynamic_section_are_read),
        TEST(an_object_without_dynamic_section_is_simply_not_read),
        TEST(any_damage_is_survived),
    };
    return cmocka_run_group_tests_name("inject_dynamic", tests, load, NULL);
}
