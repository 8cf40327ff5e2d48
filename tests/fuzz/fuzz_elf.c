/* SPDX-License-Identifier: MIT */
/*
 * fuzz_elf.c: damaged ELF files through everything that the agent does with one: headers, build-id,
 * debuglink, symbols and their names.
 *
 * Built with -fsanitize=fuzzer,address,undefined; with -DFUZZ_STANDALONE it runs over the files
 * that are given to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/elf/elf.h"
#include "agent/symbolize/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void names_of(struct elf *e, uint32_t type)
{
    static struct symbol_target targets[64];
    static char scratch[1 << 12], name[SYMBOL_MAX_NAME];
    unsigned at = 0;
    Elf64_Shdr table;
    if (!elf_find_section(e, type, &at, &table))
        return;
    memset(targets, 0, sizeof targets);
    for (unsigned i = 0; i < 64; i++)
        targets[i].addr = i < 32 ? 0x1000 + i * 16 : UINT64_MAX - (64 - i) * 0x1000000000u;
    symbols_find(e, &table, targets, 64, scratch, sizeof scratch);
    for (unsigned i = 0; i < 64; i++) {
        size_t len = symbols_name(e, &table, &targets[i], name);
        if (len >= sizeof name || name[len] != '\0')
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf e;
    uint8_t id[ELF_BUILD_ID];
    char link[256];
    uint32_t crc;
    /* A copy of its own, so that the sanitizer sees a read beyond the end. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (elf_open_bytes(&e, copy, size)) {
        if (elf_build_id(&e, id) > sizeof id || elf_build_id_in_memory(&e, (uint64_t)(uintptr_t)copy, id) > sizeof id)
            abort();
        if (elf_debuglink(&e, link, &crc) && (strchr(link, '/') || strlen(link) >= sizeof link))
            abort();
        elf_fingerprint(&e);
        elf_crc32(&e, &crc);
        names_of(&e, SHT_SYMTAB);
        names_of(&e, SHT_DYNSYM);
        elf_close(&e);
    }
    free(copy);
    return 0;
}

#ifdef FUZZ_STANDALONE
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        static uint8_t data[1 << 20];
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        size_t n = fread(data, 1, sizeof data, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
    }
    return 0;
}
#endif
