/* SPDX-License-Identifier: MIT */
/*
 * older_libc.c: preloaded behind the library: takes the names in HIDE (with commas around them)
 * from the C library's and the loader's symbol tables before the library looks, as if these were
 * older ones. What other objects are bound to already stays.
 */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *hidden;
static unsigned taken;

static void take_from(const ElfW(Sym) * symbols, const char *names)
{
    for (const ElfW(Sym) *s = symbols + 1; (const char *)s < names; s++) { /* the names come behind the symbols */
        char word[128];
        snprintf(word, sizeof word, ",%s,", names + s->st_name);
        if (!s->st_value || !strstr(hidden, word))
            continue;
        ElfW(Addr) *value = (void *)(uintptr_t)&s->st_value;
        void *page = (void *)((uintptr_t)value & ~(uintptr_t)4095);
        if (mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0)
            abort();
        *value = 0; /* the loader takes it for undefined */
        mprotect(page, 4096, PROT_READ);
        taken++;
    }
}

static int each(struct dl_phdr_info *info, size_t size, void *arg)
{
    const ElfW(Dyn) *d = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL, *path = info->dlpi_name ? info->dlpi_name : "";
    (void)size;
    (void)arg;
    if (!strstr(path, "/libc.so") && !strstr(path, "/ld-"))
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            d = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; d && d->d_tag != DT_NULL; d++) {
        uintptr_t at = d->d_un.d_ptr < info->dlpi_addr ? d->d_un.d_ptr + info->dlpi_addr : d->d_un.d_ptr;
        if (d->d_tag == DT_SYMTAB)
            symbols = (const void *)at;
        else if (d->d_tag == DT_STRTAB)
            names = (const void *)at;
    }
    take_from(symbols, names);
    return 0;
}

__attribute__((constructor)) static void hide(void)
{
    hidden = getenv("HIDE");
    if (hidden)
        dl_iterate_phdr(each, NULL);
    if (hidden && !taken)
        abort();
}
