/* SPDX-License-Identifier: MIT */
/*
 * object.c: finds the loaded object at an address, from what the dynamic loader knows.
 *
 * Called by modules.c and by the unwinder, in any thread of the program, in signal handlers too. In
 * a sandbox that was entered after the start, even readlink may get the process killed. So paths
 * are taken from memory; only for a library that was loaded by a relative name /proc/self/maps is
 * read.
 */
#include "object.h"

#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

#include "../../core/out.h"
#include "../base/auxv.h"
#include "../base/pages.h"
#include "../base/program_path.h"
#include "../base/readable.h"
#include "../base/sys.h"
#include "object_list.h"
#include "segments.h"
#include "symbol_tables.h"

/* As glibc's struct dl_find_object is since 2.35, with room for what a later one may add. */
struct found_object {
    uint64_t flags;
    uint64_t start, end;
    const struct link_map *map;
    uint64_t eh_frame_hdr;
    uint64_t reserved[8];
};
typedef int find_object_function(void *address, struct found_object *result);

/* _dl_find_object, which is not imported, so that a C library without it can load this one. */
static find_object_function *_Atomic finder; /* NULL: libc has none */
static _Atomic bool is_known;

void object_use(void *find)
{
    atomic_store_explicit(&finder, (find_object_function *)(uintptr_t)find, memory_order_relaxed);
    atomic_store_explicit(&is_known, true, memory_order_release);
}

static find_object_function *find_object(void)
{
    if (__builtin_expect(!atomic_load_explicit(&is_known, memory_order_acquire), 0))
        object_use(symbol_tables_libcs(OBJECT_FINDER));
    return atomic_load_explicit(&finder, memory_order_relaxed);
}

/*
 * The range of a program with holes between its segments, from its program headers. Computed once:
 * the program is never unloaded, and every thread computes the same.
 */
static struct {
    _Atomic(const struct link_map *) map; /* written last; NULL: not known yet */
    _Atomic uint64_t start, end;
} whole_program;

static bool measure_program(find_object_function *find, const struct link_map *map)
{
    struct found_object f;
    struct segments range = {.start = UINT64_MAX};
    const ElfW(Phdr) *p = (const void *)(uintptr_t)auxv_get(AT_PHDR);
    uint64_t n = auxv_get(AT_PHNUM), size = n * sizeof *p;
    if (!p || find((void *)(uintptr_t)p, &f) != 0 || f.map != map || size > f.end - (uintptr_t)p)
        return false;
    for (uint64_t at = (uintptr_t)p & ~(uint64_t)7; at < (uintptr_t)p + size; at += PAGE_BYTES)
        if (!readable(at))
            return false;
    for (uint64_t i = 0; i < n; i++)
        if (p[i].p_type == PT_LOAD)
            segments_add(&range, map->l_addr + p[i].p_vaddr, p[i].p_memsz);
    if (range.end == 0)
        return false;
    atomic_store_explicit(&whole_program.start, range.start, memory_order_relaxed);
    atomic_store_explicit(&whole_program.end, range.end, memory_order_relaxed);
    atomic_store_explicit(&whole_program.map, map, memory_order_release);
    return true;
}

/*
 * glibc gives the range of the whole object, but of an object with holes that of one segment. Only
 * the program can have holes: the loader fills those of a library. One segment alone does not hold
 * both the dynamic section and the unwind tables, which a whole object does.
 */
static void take_whole_object(find_object_function *find, struct object *o, const struct link_map *map)
{
    const uint64_t size = o->end - o->start;
    if ((uintptr_t)map->l_ld - o->start < size && (!o->eh_frame_hdr || o->eh_frame_hdr - o->start < size))
        return;
    if (atomic_load_explicit(&whole_program.map, memory_order_acquire) != map && !measure_program(find, map))
        return;
    o->start = atomic_load_explicit(&whole_program.start, memory_order_relaxed);
    o->end = atomic_load_explicit(&whole_program.end, memory_order_relaxed);
    o->holes = true;
}

static bool take_listed(uint64_t addr, struct object *o)
{
    struct listed_object l;
    if (!object_list_at(addr, &l))
        return false;
    *o = (struct object){.start = l.range.start,
                         .end = l.range.end,
                         .bias = l.bias,
                         .holes = l.range.holes,
                         .eh_frame_hdr = l.eh_frame_hdr,
                         .name = l.name,
                         .key = {l.map, (const void *)(uintptr_t)l.eh_frame_hdr}};
    return true;
}

bool object_at(uint64_t addr, struct object *o)
{
    find_object_function *find = find_object();
    struct found_object f;
    if (!find)
        return take_listed(addr, o);
    if (find((void *)(uintptr_t)addr, &f) != 0 || !f.map)
        return false;
    *o = (struct object){.start = f.start,
                         .end = f.end,
                         .bias = f.map->l_addr,
                         .eh_frame_hdr = f.eh_frame_hdr,
                         .name = f.map->l_name,
                         .key = {f.map, (const void *)(uintptr_t)f.eh_frame_hdr}};
    take_whole_object(find, o, f.map);
    return true;
}

unsigned object_identity(const struct object *o, uint8_t id[ELF_BUILD_ID], uint64_t *fingerprint)
{
    struct elf e;
    *fingerprint = 0;
    if (!elf_open_memory(&e, o->start, o->end))
        return 0;
    *fingerprint = elf_fingerprint(&e);
    return elf_build_id_in_memory(&e, o->bias, id);
}

bool object_is_program(uint64_t start, uint64_t end)
{
    uint64_t headers = auxv_get(AT_PHDR);
    return headers >= start && headers < end;
}

/* ---- paths ----------------------------------------------------------------------------------- */

static void copy_path(char *to, size_t cap, const char *from)
{
    size_t n = strnlen(from, cap - 1);
    memcpy(to, from, n);
    to[n] = '\0';
}

/* One line of /proc/self/maps, fed byte by byte: "start-end perms offset dev inode   path". */
struct maps_line {
    uint64_t start, end;
    unsigned field;
    bool gap;
    size_t len;
};

static uint64_t add_digit(uint64_t value, char c) { return value << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10); }

/* Takes one byte. True when the line of START has been read to its end; *END is the mapping's. */
static bool feed_maps_line(struct maps_line *l, char c, uint64_t start, uint64_t *end, char *path, size_t cap)
{
    if (c == '\n') {
        bool found = l->start == start && l->len > 0;
        path[l->len] = '\0';
        *end = l->end;
        *l = (struct maps_line){0};
        return found;
    }
    if (l->field <= 5 && c == ' ') {
        l->gap = true;
        return false;
    }
    if (l->gap) {
        l->field++;
        l->gap = false;
    }
    if (l->field == 0 && c == '-')
        l->field = 1;
    else if (l->field == 0)
        l->start = add_digit(l->start, c);
    else if (l->field == 1)
        l->end = add_digit(l->end, c);
    else if (l->field > 5 && l->len < cap - 1)
        path[l->len++] = c;
    return false;
}
/* Of the mapping that begins at START: its end and its file's name as it is now. */
static bool find_mapping(uint64_t start, uint64_t *end, char *path, size_t cap)
{
    char buf[1024];
    struct maps_line line = {0};
    int fd = (int)sys_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    bool found = false;
    if (fd < 0)
        return false;
    for (long n; !found && (n = sys_read(fd, buf, sizeof buf)) > 0;)
        for (long i = 0; i < n && !found; i++)
            found = feed_maps_line(&line, buf[i], start, end, path, cap);
    sys_close(fd);
    return found && path[0] == '/';
}

bool object_mapping(uint64_t start, char link[OBJECT_LINK], char *path, size_t cap)
{
    uint64_t end;
    struct out o = {.buf = link, .cap = OBJECT_LINK - 1};
    if (!find_mapping(start, &end, path, cap))
        return false;
    out_str(&o, "/proc/self/map_files/");
    out_hex(&o, start, 1);
    out_char(&o, '-');
    out_hex(&o, end, 1);
    link[o.len] = 0;
    return !o.lost;
}

void object_path(const struct object *o, const char *exe, char *path, size_t cap)
{
    bool program = object_is_program(o->start, o->end);
    uint64_t vdso = auxv_get(AT_SYSINFO_EHDR), end;
    if (vdso >= o->start && vdso < o->end) {
        copy_path(path, cap, "[vdso]");
        return;
    }
    /*
     * AT_BASE is 0 when the loader itself was started with the program as its argument: then
     * /proc/self/exe is the loader.
     */
    if (program && auxv_get(AT_BASE) != 0 && exe && exe[0] == '/') {
        copy_path(path, cap, exe);
        return;
    }
    if (!program && o->name && o->name[0] == '/') {
        copy_path(path, cap, o->name);
        return;
    }
    if (find_mapping(o->start, &end, path, cap)) {
        program_path_unmark(path);
        return;
    }
    const char *name = program ? (const char *)auxv_get(AT_EXECFN) : o->name;
    copy_path(path, cap, name ? name : "");
}
