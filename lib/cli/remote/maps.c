/* SPDX-License-Identifier: MIT */
/*
 * maps.c: another process' mappings and the objects in them.
 *
 * An object is a mapping of a file from its first byte that begins with an ELF header; the mappings
 * of the same file behind it belong to it.
 */
#include "maps.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../base/library.h"
#include "../kernel/procfs.h"
#include "memory.h"

static void free_maps(struct remote *r)
{
    for (size_t i = 0; i < r->n_maps; i++)
        free(r->maps[i].path);
    free(r->maps);
    free(r->modules);
    r->maps = NULL;
    r->modules = NULL;
    r->n_maps = r->n_modules = 0;
}

static bool parse_map(char *line, struct remote_map *m)
{
    unsigned long start, end, offset, ino;
    unsigned maj, min;
    char prot[5];
    int at = 0;
    if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, prot, &offset, &maj, &min, &ino, &at) < 7)
        return false;
    char *path = line + at;
    path[strcspn(path, "\n")] = '\0';
    char *deleted = strstr(path, " (deleted)");
    if (deleted && deleted[10] == '\0')
        *deleted = '\0';
    *m = (struct remote_map){.start = start,
                             .end = end,
                             .offset = offset,
                             .dev = makedev(maj, min),
                             .ino = ino,
                             .read = prot[0] == 'r',
                             .write = prot[1] == 'w',
                             .exec = prot[2] == 'x',
                             .shared = prot[3] == 's',
                             .path = strdup(path)};
    return m->path != NULL;
}

static int read_maps(struct remote *r)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/maps", procfs_alive(r->pid));
    FILE *f = fopen(name, "re");
    if (!f)
        return -errno;
    char *line = NULL;
    size_t cap = 0;
    int err = 0;
    while (getline(&line, &cap, f) > 0) {
        struct remote_map *more = reallocarray(r->maps, r->n_maps + 1, sizeof(*more));
        if (!more) {
            err = -ENOMEM;
            break;
        }
        r->maps = more;
        if (parse_map(line, &r->maps[r->n_maps]))
            r->n_maps++;
    }
    if (!err && ferror(f))
        /* anybody may open /proc/PID/maps, but reading it takes the permission to trace */
        err = -EACCES;
    free(line);
    fclose(f);
    return err;
}

/*
 * The bias follows from the first loaded segment, which is the one that the file's first byte lies
 * in.
 */
static bool read_bias(const struct remote *r, struct remote_module *m)
{
    Elf64_Ehdr eh;
    if (!memory_read(r, m->start, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64)
        return false;
    for (unsigned i = 0; i < eh.e_phnum && i < 64; i++) {
        Elf64_Phdr ph;
        if (!memory_read(r, m->start + eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
            return false;
        if (ph.p_type != PT_LOAD)
            continue;
        m->bias = m->start - (ph.p_vaddr - ph.p_offset);
        return ph.p_offset < 4096;
    }
    return false;
}

static int find_modules(struct remote *r)
{
    r->modules = calloc(r->n_maps + 1, sizeof(*r->modules));
    if (!r->modules)
        return -ENOMEM;
    for (size_t i = 0; i < r->n_maps; i++) {
        const struct remote_map *map = &r->maps[i];
        if (map->offset || !map->read || map->shared || map->path[0] != '/')
            continue;
        struct remote_module m = {.start = map->start, .end = map->end, .path = map->path};
        m.base_name = strrchr(map->path, '/') + 1;
        for (size_t k = i + 1; k < r->n_maps && (r->maps[k].ino == map->ino || !r->maps[k].ino); k++)
            if (r->maps[k].ino == map->ino && r->maps[k].dev == map->dev)
                m.end = r->maps[k].end;
        if (read_bias(r, &m))
            r->modules[r->n_modules++] = m;
    }
    return 0;
}

int maps_refresh(struct remote *r)
{
    free_maps(r);
    int err = read_maps(r);
    if (!err)
        err = find_modules(r);
    return err;
}

static int open_with(struct remote *r, pid_t pid, int flags)
{
    char name[64];
    *r = (struct remote){.pid = pid};
    snprintf(name, sizeof(name), "/proc/%d/mem", procfs_alive(pid));
    r->mem = open(name, flags | O_CLOEXEC);
    if (r->mem < 0)
        return -errno;
    int err = maps_refresh(r);
    if (err)
        maps_close(r);
    return err;
}

int maps_open(struct remote *r, pid_t pid) { return open_with(r, pid, O_RDWR); }

int maps_open_to_read(struct remote *r, pid_t pid) { return open_with(r, pid, O_RDONLY); }

void maps_close(struct remote *r)
{
    free_maps(r);
    if (r->mem >= 0)
        close(r->mem);
    r->mem = -1;
}

struct remote_module *maps_module_at(const struct remote *r, uint64_t addr)
{
    for (size_t i = 0; i < r->n_modules; i++)
        if (addr >= r->modules[i].start && addr < r->modules[i].end)
            return &r->modules[i];
    return NULL;
}

struct remote_module *maps_module_named(const struct remote *r, const char *prefix)
{
    size_t len = strlen(prefix);
    for (size_t i = 0; i < r->n_modules; i++) {
        const char *base = r->modules[i].base_name;
        if (strncmp(base, prefix, len) == 0 && (base[len] == '\0' || base[len] == '.' || base[len] == '-') &&
            (base[len] != '-' || (base[len + 1] >= '0' && base[len + 1] <= '9')))
            return &r->modules[i];
    }
    return NULL;
}

struct remote_module *maps_libc(const struct remote *r)
{
    struct remote_module *libc = maps_module_named(r, "libc");
    for (size_t i = 0; !libc && i < r->n_modules; i++)
        if (library_of_loader(r->modules[i].path) == LIBRARY_MUSL)
            libc = &r->modules[i];
    return libc;
}
