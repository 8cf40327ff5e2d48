/* SPDX-License-Identifier: MIT */
/*
 * elf_file.c: what `run` must know of a program's file beyond what the loader compares: whether Go
 * made it, and which sanitizers' runtimes it needs.
 *
 * A file that cannot be read, or is damaged, has neither: execve and the loader will say so.
 */
#include "elf_file.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

struct elf_file {
    int fd;
    Elf *elf; /* NULL: not readable as ELF */
};

static struct elf_file open_elf(const char *path)
{
    struct elf_file f = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    elf_version(EV_CURRENT);
    f.elf = f.fd >= 0 ? elf_begin(f.fd, ELF_C_READ, NULL) : NULL;
    if (f.elf && elf_kind(f.elf) != ELF_K_ELF) {
        elf_end(f.elf);
        f.elf = NULL;
    }
    return f;
}

static void close_elf(struct elf_file *f)
{
    elf_end(f->elf);
    if (f->fd >= 0)
        close(f->fd);
}

/* ---- Go -------------------------------------------------------------------------------------- */

/* Go's notes carry this name; the one of type 4 is the build id. */
#define GO_BUILD_ID 4

static bool has_go_note(Elf *elf)
{
    size_t n;
    for (size_t i = 0; elf_getphdrnum(elf, &n) == 0 && i < n; i++) {
        GElf_Phdr p;
        if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_NOTE)
            continue;
        Elf_Data *d = elf_getdata_rawchunk(elf, (int64_t)p.p_offset, p.p_filesz, p.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
        GElf_Nhdr note;
        size_t name, text;
        for (size_t at = 0, next; d && (next = gelf_getnote(d, at, &note, &name, &text)) > 0; at = next)
            if (note.n_type == GO_BUILD_ID && note.n_namesz == 4 && memcmp((const char *)d->d_buf + name, "Go", 3) == 0)
                return true;
    }
    return false;
}

/* The table of functions, which is there also where the note was left out. */
static bool has_go_table(Elf *elf)
{
    size_t names;
    Elf_Scn *s = NULL;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return false;
    while ((s = elf_nextscn(elf, s))) {
        GElf_Shdr h;
        const char *name = gelf_getshdr(s, &h) ? elf_strptr(elf, names, h.sh_name) : NULL;
        if (name &&
            (strcmp(name, ".gopclntab") == 0 || strcmp(name, ".data.rel.ro.gopclntab") == 0 || strcmp(name, ".note.go.buildid") == 0))
            return true;
    }
    return false;
}

bool elf_file_is_go(const char *path)
{
    struct elf_file f = open_elf(path);
    bool is = f.elf && (has_go_note(f.elf) || has_go_table(f.elf));
    close_elf(&f);
    return is;
}

/* ---- sanitizers ------------------------------------------------------------------------------ */

static bool is_sanitizer(const char *library)
{
    static const char *const runtimes[] = {"libasan.so",  "libhwasan.so",     "libtsan.so",       "liblsan.so",
                                           "libubsan.so", "libclang_rt.asan", "libclang_rt.tsan", "libclang_rt.ubsan"};
    for (size_t i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++)
        if (strncmp(library, runtimes[i], strlen(runtimes[i])) == 0)
            return !strpbrk(library, " :/");
    return false;
}

const char *elf_file_sanitizers(struct arena *arena, const char *path)
{
    struct elf_file f = open_elf(path);
    const char *list = NULL;
    for (Elf_Scn *s = NULL; f.elf && (s = elf_nextscn(f.elf, s));) {
        GElf_Shdr h;
        GElf_Dyn e;
        if (!gelf_getshdr(s, &h) || h.sh_type != SHT_DYNAMIC)
            continue;
        Elf_Data *d = elf_getdata(s, NULL);
        for (int i = 0; d && gelf_getdyn(d, i, &e) && e.d_tag != DT_NULL; i++) {
            const char *name = e.d_tag == DT_NEEDED ? elf_strptr(f.elf, h.sh_link, e.d_un.d_val) : NULL;
            if (name && is_sanitizer(name))
                list = arena_printf(arena, "%s%s%s", list ? list : "", list ? ":" : "", name);
        }
    }
    close_elf(&f);
    return list;
}
