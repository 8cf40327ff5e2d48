/* SPDX-License-Identifier: MIT */
/*
 * elf.c: reads ELF objects, whose contents are not trusted.
 *
 * Called when a module is recorded (in any thread of the program, in signal handlers too: from
 * memory only) and when a report looks up names (from files). Holds at most one descriptor per
 * object, for the time of the look-up. Takes no lock, allocates nothing, keeps its stack use small.
 */
#include "elf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../../core/hash.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../base/sys.h"

#define MAX_NOTES 256
#define MAX_TRIES 4096 /* sections read before a search gives up */
#define MAX_FILE (8ull << 30)
#define MAX_CRC_FILE (256ull << 20)
/*
 * Programs expect to get the lowest free number. So our descriptor is moved to a higher one, but
 * not so high that the kernel has to grow a large table.
 */
#define OUT_OF_THE_WAY 200

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

/*
 * True when these bytes can be read. The kernel reads the new mask before it refuses the invalid
 * first argument, and answers EFAULT when it cannot read it. Every sandbox allows this call, and it
 * changes nothing.
 */
static bool probe_readable(const unsigned char *p, size_t n, uint64_t *seen)
{
    uint64_t last = (uintptr_t)p + n - 1;
    for (uint64_t page = (uintptr_t)p & ~(uint64_t)(PAGE_BYTES - 1); page <= last; page += PAGE_BYTES) {
        if (page == *seen)
            continue;
        if (SYS4(SYS_rt_sigprocmask, ~0u, page, 0, 8) == -EFAULT)
            return false;
        *seen = page;
    }
    return true;
}

static bool pread_all(int fd, uint64_t offset, unsigned char *to, size_t n)
{
    while (n > 0) {
        long got = SYS4(SYS_pread64, fd, to, n, offset);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

bool elf_read(struct elf *e, uint64_t offset, void *to, size_t n)
{
    if (offset > e->size || n > e->size - offset)
        return false;
    if (n == 0)
        return true;
    if (!e->bytes)
        return pread_all(e->fd, offset, to, n);
    if (e->probe && !probe_readable(e->bytes + offset, n, &e->seen_page))
        return false;
    memcpy(to, e->bytes + offset, n);
    return true;
}

size_t elf_string(struct elf *e, uint64_t offset, uint64_t limit, char *to, size_t cap)
{
    if (limit > e->size)
        limit = e->size;
    size_t len = 0;
    bool ended = false;
    while (!ended && len + 1 < cap && offset + len < limit) {
        size_t n = cap - 1 - len < 128 ? cap - 1 - len : 128;
        if (n > limit - offset - len)
            n = (size_t)(limit - offset - len);
        if (!elf_read(e, offset + len, to + len, n))
            return 0;
        size_t end = strnlen(to + len, n);
        ended = end < n;
        len += end;
    }
    to[len] = '\0';
    return len;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool open_common(struct elf *e)
{
    Elf64_Ehdr *h = &e->head;
    if (!elf_read(e, 0, h, sizeof *h) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != NATIVE_DATA || h->e_version != EV_CURRENT)
        return false;
    if (h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr))
        h->e_phnum = 0;
    e->sections = h->e_shnum;
    e->names_section = h->e_shstrndx;
    Elf64_Shdr first;
    if (h->e_shoff == 0 || h->e_shentsize != sizeof first || h->e_shoff >= e->size) {
        e->sections = 0;
    } else if (h->e_shnum == 0 || h->e_shstrndx == SHN_XINDEX) {
        if (!elf_read(e, h->e_shoff, &first, sizeof first))
            first = (Elf64_Shdr){0};
        if (h->e_shnum == 0)
            e->sections = first.sh_size < ELF_MAX_SECTIONS ? (uint32_t)first.sh_size : ELF_MAX_SECTIONS;
        if (h->e_shstrndx == SHN_XINDEX)
            e->names_section = first.sh_link;
    }
    if (e->sections && e->sections > (e->size - h->e_shoff) / sizeof first)
        e->sections = (uint32_t)((e->size - h->e_shoff) / sizeof first);
    return true;
}

bool elf_open_bytes(struct elf *e, const void *bytes, uint64_t size)
{
    *e = (struct elf){.bytes = bytes, .size = size, .fd = -1};
    return bytes && open_common(e);
}

bool elf_open_memory(struct elf *e, uint64_t start, uint64_t end)
{
    if (start == 0 || end <= start)
        return false;
    *e = (struct elf){.bytes = (const unsigned char *)(uintptr_t)start, .size = end - start, .fd = -1, .probe = true};
    return open_common(e);
}

bool elf_open_file(struct elf *e, const char *path)
{
    struct stat st;
    /* O_NONBLOCK: by now the name may be that of a FIFO or a device. */
    int fd = (int)sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return false;
    int high = (int)SYS3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (high >= 0) {
        sys_close(fd);
        fd = high;
    }
    bool regular = SYS2(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (uint64_t)st.st_size <= MAX_FILE;
    if (regular) {
        *e = (struct elf){.size = (uint64_t)st.st_size, .fd = fd, .dev = st.st_dev, .ino = st.st_ino};
        e->changed = (uint64_t)st.st_ctim.tv_sec * NS_PER_S + (uint64_t)st.st_ctim.tv_nsec;
        if (open_common(e))
            return true;
    }
    sys_close(fd);
    return false;
}

bool elf_close(struct elf *e)
{
    if (e->fd < 0)
        return true;
    struct stat st;
    bool ours = SYS2(SYS_fstat, e->fd, &st) == 0 && st.st_dev == e->dev && st.st_ino == e->ino;
    if (ours)
        sys_close(e->fd);
    e->fd = -1;
    e->size = 0;
    return ours;
}

/* ---- headers --------------------------------------------------------------------------------- */

bool elf_segment(struct elf *e, unsigned index, Elf64_Phdr *p)
{
    return index < e->head.e_phnum && index < ELF_MAX_SEGMENTS && e->head.e_phoff <= e->size &&
           elf_read(e, e->head.e_phoff + (uint64_t)index * sizeof *p, p, sizeof *p);
}

bool elf_section(struct elf *e, unsigned index, Elf64_Shdr *s)
{
    return index < e->sections && elf_read(e, e->head.e_shoff + (uint64_t)index * sizeof *s, s, sizeof *s);
}

bool elf_find_section(struct elf *e, uint32_t type, unsigned *index, Elf64_Shdr *s)
{
    Elf64_Shdr some[16];
    for (unsigned at = *index; at < e->sections;) {
        unsigned n = e->sections - at < 16 ? e->sections - at : 16;
        if (!elf_read(e, e->head.e_shoff + (uint64_t)at * sizeof *s, some, n * sizeof *s))
            return false;
        for (unsigned i = 0; i < n; i++) {
            if (some[i].sh_type != type)
                continue;
            *index = at + i;
            *s = some[i];
            return true;
        }
        at += n;
    }
    return false;
}

uint64_t elf_fingerprint(struct elf *e)
{
    uint64_t h = hash_bytes(HASH_START, &e->head, sizeof e->head);
    Elf64_Phdr p;
    unsigned n = 0;
    for (; elf_segment(e, n, &p); n++)
        h = hash_bytes(h, &p, sizeof p);
    return n ? h | 1 : 0;
}

/* ---- build-id and debuglink ------------------------------------------------------------------ */

static uint64_t round_up(uint64_t n, uint64_t align) { return (n + align - 1) & ~(align - 1); }

static unsigned find_build_id_note(struct elf *e, uint64_t offset, uint64_t size, uint64_t align, uint8_t id[ELF_BUILD_ID])
{
    Elf64_Nhdr note;
    align = align == 8 ? 8 : 4;
    for (unsigned i = 0; i < MAX_NOTES && size >= sizeof note; i++) {
        if (!elf_read(e, offset, &note, sizeof note))
            return 0;
        uint64_t desc = round_up(sizeof note + (uint64_t)note.n_namesz, align);
        uint64_t next = round_up(desc + note.n_descsz, align);
        char name[4];
        if (desc + note.n_descsz > size)
            return 0;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz > 0 && elf_read(e, offset + sizeof note, name, 4) &&
            memcmp(name, "GNU", 4) == 0) {
            unsigned n = note.n_descsz < ELF_BUILD_ID ? note.n_descsz : ELF_BUILD_ID;
            return elf_read(e, offset + desc, id, n) ? n : 0;
        }
        if (next >= size)
            return 0;
        offset += next;
        size -= next;
    }
    return 0;
}

unsigned elf_build_id(struct elf *e, uint8_t id[ELF_BUILD_ID])
{
    /*
     * Sections first: the program headers of a separate debug file still give the offsets of the
     * stripped file.
     */
    Elf64_Shdr s;
    unsigned tries = 0;
    for (unsigned at = 0; tries++ < MAX_TRIES && elf_find_section(e, SHT_NOTE, &at, &s); at++) {
        unsigned n = find_build_id_note(e, s.sh_offset, s.sh_size, s.sh_addralign, id);
        if (n)
            return n;
    }
    Elf64_Phdr p;
    for (unsigned i = 0; elf_segment(e, i, &p); i++) {
        unsigned n = p.p_type == PT_NOTE ? find_build_id_note(e, p.p_offset, p.p_filesz, p.p_align, id) : 0;
        if (n)
            return n;
    }
    return 0;
}

unsigned elf_build_id_in_memory(struct elf *e, uint64_t bias, uint8_t id[ELF_BUILD_ID])
{
    Elf64_Phdr p;
    for (unsigned i = 0; elf_segment(e, i, &p); i++) {
        uint64_t offset = bias + p.p_vaddr - (uint64_t)(uintptr_t)e->bytes;
        unsigned n = p.p_type == PT_NOTE ? find_build_id_note(e, offset, p.p_filesz, p.p_align, id) : 0;
        if (n)
            return n;
    }
    return 0;
}

bool elf_debuglink(struct elf *e, char name[256], uint32_t *crc)
{
    Elf64_Shdr names, s;
    if (!elf_section(e, e->names_section, &names) || names.sh_type != SHT_STRTAB)
        return false;
    unsigned tries = 0;
    for (unsigned at = 0; tries++ < MAX_TRIES && elf_find_section(e, SHT_PROGBITS, &at, &s); at++) {
        char title[16];
        if (s.sh_size < 8 || s.sh_size > 260 || s.sh_name >= names.sh_size || names.sh_offset > e->size)
            continue;
        elf_string(e, names.sh_offset + s.sh_name, names.sh_offset + names.sh_size, title, sizeof title);
        if (strcmp(title, ".gnu_debuglink") != 0 || s.sh_offset > e->size)
            continue;
        size_t len = elf_string(e, s.sh_offset, s.sh_offset + s.sh_size, name, 256);
        uint64_t at_crc = round_up(len + 1, 4);
        return len > 0 && !memchr(name, '/', len) && at_crc + 4 <= s.sh_size && elf_read(e, s.sh_offset + at_crc, crc, 4);
    }
    return false;
}

bool elf_crc32(struct elf *e, uint32_t *crc)
{
    uint32_t table[16], c = ~0u;
    for (uint32_t i = 0; i < 16; i++) {
        table[i] = i;
        for (int bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    if (e->size > MAX_CRC_FILE)
        return false;
    unsigned char buf[4096];
    for (uint64_t at = 0; at < e->size;) {
        size_t n = e->size - at < sizeof buf ? (size_t)(e->size - at) : sizeof buf;
        if (!elf_read(e, at, buf, n))
            return false;
        for (size_t i = 0; i < n; i++) {
            c ^= buf[i];
            c = c >> 4 ^ table[c & 15];
            c = c >> 4 ^ table[c & 15];
        }
        at += n;
    }
    *crc = ~c;
    return true;
}
