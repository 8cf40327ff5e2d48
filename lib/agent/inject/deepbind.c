/* SPDX-License-Identifier: MIT */
/*
 * deepbind.c: makes the calls of objects that are loaded with RTLD_DEEPBIND lead to the wrappers.
 *
 * Such an object, and all that comes with it, finds libc's functions before the preloaded ones. It
 * may call them in its constructor, before dlopen returns to anybody. So before the first such
 * dlopen the symbol table of the C library itself, as this process has it in memory, gets the
 * wrappers' addresses for the names that we wrap. Whatever is bound from then on, at once or
 * lazily, leads to us, as all other objects do anyway. The originals were looked up before
 * (libc/real.c).
 *
 * A name whose original is not in the C library is left alone: another preload library stands
 * between, and might find our wrapper where it looks for libc's function, and call us in a circle.
 * Not for an agent that was loaded late: it takes back all that it has redirected at a detach, and
 * could not take back what the loader has bound.
 */
#include "deepbind.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "../../libc/libc.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../elf/dynamic.h"
#include "../libc/libdl.h"
#include "../libc/real.h"
#include "dlsym.h"
#include "redirect.h"
#include "targets.h"

void *deepbind_dlopen;

static void *no_dlopen(const char *path, int mode)
{
    (void)path;
    (void)mode;
    return NULL;
}

static _Atomic bool done;

/* The objects of the C library: until glibc 2.34 it was several. */
#define MAX_PARTS 4u
static struct part {
    uint64_t start, end;
} parts[MAX_PARTS];
static unsigned n_parts;

static bool is_part(const struct dl_phdr_info *info, const struct dynamic *d)
{
    const char *base = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
    if (base && (strncmp(base, "/libpthread", 11) == 0 || strncmp(base, "/libdl.", 7) == 0 || strncmp(base, "/libdl-", 7) == 0))
        return true;
    return dynamic_lookup(d, "gnu_get_libc_version", dynamic_hash("gnu_get_libc_version")) != NULL;
}

static bool read_part(struct dynamic *d, const struct dl_phdr_info *info)
{
    bool broken;
    return !dynamic_is_ours(info) && dynamic_read(d, info, &broken) && d->gnu_hash && is_part(info, d);
}

static int note_part(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct dynamic d;
    (void)size;
    (void)arg;
    if (n_parts == MAX_PARTS || !read_part(&d, info))
        return 0;
    struct part p = {UINT64_MAX, 0};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const Elf64_Phdr *ph = &info->dlpi_phdr[i];
        uint64_t at = d.bias + ph->p_vaddr;
        if (ph->p_type != PT_LOAD)
            continue;
        p.start = at < p.start ? at : p.start;
        p.end = at + ph->p_memsz > p.end ? at + ph->p_memsz : p.end;
    }
    parts[n_parts++] = p;
    return 0;
}

static bool in_a_part(const void *function)
{
    uint64_t at = (uint64_t)(uintptr_t)function;
    for (unsigned i = 0; i < n_parts; i++)
        if (at >= parts[i].start && at < parts[i].end)
            return true;
    return false;
}

/* One more than the index of the last symbol that the hash table knows. */
static uint32_t count_symbols(const struct dynamic *d)
{
    const uint32_t *t = d->gnu_hash;
    uint64_t buckets = t[0], first = t[1], chains = 4 + 2 * (uint64_t)t[2] + buckets;
    uint64_t last = 0;
    for (uint64_t b = 0; b < buckets; b++) {
        uint64_t i = t[chains - buckets + b];
        last = i > last ? i : last;
    }
    if (last < first)
        return 0;
    while (chains + (last - first) < d->gnu_hash_room && !(t[chains + (last - first)] & 1))
        last++;
    return last < d->n_symbols ? (uint32_t)last + 1 : 0;
}

/* The wrapper that symbol INDEX is to lead to; NULL: it stays. */
static void *wrapper_for(const struct dynamic *d, uint32_t index)
{
    const Elf64_Sym *s = &d->symbols[index];
    const char *name = dynamic_name(d, index);
    if (s->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s->st_info) != STT_FUNC || !name)
        return NULL;
    const struct target *t = target_named(name, dynamic_hash(name));
    if (!t || !t->original || !in_a_part(t->original))
        return NULL;
    /* An old version of a function may do something else. */
    bool old = d->versions && index < d->versions_room && (d->versions[index] & 0x8000);
    bool same = (uint64_t)(uintptr_t)t->original == d->bias + s->st_value;
    return same || !old ? t->wrapper : NULL;
}

static int lead_part(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct dynamic d;
    (void)size;
    (void)arg;
    if (!read_part(&d, info))
        return 0;
    uint32_t n = count_symbols(&d);
    uint64_t from = (uint64_t)(uintptr_t)d.symbols & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t length = (uint64_t)(uintptr_t)(d.symbols + n) - from;
    int protection = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const Elf64_Phdr *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_LOAD && (uint64_t)(uintptr_t)d.symbols - (d.bias + ph->p_vaddr) < ph->p_memsz)
            protection =
                (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) | (ph->p_flags & PF_X ? PROT_EXEC : 0);
    }
    /* Refused, for example by SELinux: the watcher redirects what has been loaded by then. */
    if (!n || sys_mprotect((void *)(uintptr_t)from, length, protection | PROT_WRITE) < 0) {
        redirect_require();
        return 0;
    }
    for (uint32_t i = d.gnu_hash[1]; i < n; i++) {
        void *wrapper = wrapper_for(&d, i);
        /* one aligned word: another thread that looks the name up now gets either function */
        if (wrapper)
            __atomic_store_n((uint64_t *)(uintptr_t)&d.symbols[i].st_value, (uint64_t)(uintptr_t)wrapper - d.bias, __ATOMIC_RELAXED);
    }
    sys_mprotect((void *)(uintptr_t)from, length, protection);
    return 0;
}

static void lead_libc(void)
{
    targets_use(wrapped_table, wrapped_count, dlsym_wrapped); /* before the constructor too */
    targets_find();
    if (done || !targets_are_found() || !targets_are_preloaded())
        return;
    dl_iterate_phdr(note_part, NULL);
    dl_iterate_phdr(lead_part, NULL);
    atomic_store(&done, true);
}

void deepbind_opening(const char *path, int mode)
{
    int saved = errno;
    (void)path;
    if (__builtin_expect(!deepbind_dlopen, 0)) {
        real_resolve();
        void *original = (void *)real.dlopen;
        if (!original)
            original = libdl_function("dlopen");
        __atomic_store_n(&deepbind_dlopen, original ? original : (void *)no_dlopen, __ATOMIC_RELAXED);
    }
    if ((mode & RTLD_DEEPBIND) && !atomic_load(&done))
        redirect_alone(lead_libc);
    errno = saved;
}
