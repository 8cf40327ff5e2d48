/* SPDX-License-Identifier: MIT */
/*
 * objects.c: opens the ELF objects that a process has mapped, through /proc.
 *
 * /proc/PID/map_files has the very file of a mapping, whatever its path leads to by now, but asks
 * for privileges; without them the executable is /proc/PID/exe, and any other the path in the
 * process' own root, if that has the same inode.
 */
#include "objects.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process_memory.h"
#include "unwind_tables.h"

static struct object *all;

struct mapping {
    uint64_t start, end, offset;
    unsigned long inode;
    char path[4096];
};

static bool parse(const char *line, struct mapping *m)
{
    unsigned long start, end, offset;
    m->path[0] = '\0';
    if (sscanf(line, "%lx-%lx %*s %lx %*x:%*x %lu %4095[^\n]", &start, &end, &offset, &m->inode, m->path) < 4)
        return false;
    m->start = start;
    m->end = end;
    m->offset = offset;
    return true;
}

static int open_if_same(const char *path, const struct mapping *m)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_ino != m->inode)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int open_file(pid_t pid, const struct mapping *m)
{
    char path[4200];
    snprintf(path, sizeof path, "/proc/%d/map_files/%lx-%lx", pid, (unsigned long)m->start, (unsigned long)m->end);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        fd = open_if_same(path, m);
    }
    if (fd < 0) {
        snprintf(path, sizeof path, "/proc/%d/root%s", pid, m->path);
        fd = open_if_same(path, m);
    }
    return fd;
}

static bool read_memory(void *arg, uint64_t at, void *to, size_t n) { return process_memory_read(*(pid_t *)arg, at, to, n); }

static struct object *known(const struct stat *st, uint64_t changed, uint64_t bias)
{
    for (struct object *o = all; o; o = o->next)
        if (o->device == st->st_dev && o->inode == st->st_ino && o->changed_ns == changed && o->image.bias == bias)
            return o;
    return NULL;
}

/* The object of the mapping of a file's first byte. */
static struct object *object_of(pid_t pid, const struct mapping *m)
{
    struct stat st;
    struct image image;
    int fd = open_file(pid, m);
    if (fd < 0)
        return NULL;
    bool is_elf = fstat(fd, &st) == 0 && image_open(&image, fd, m->start);
    close(fd);
    if (!is_elf)
        return NULL;
    uint64_t changed = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    struct object *o = known(&st, changed, image.bias);
    if (o || !(o = calloc(1, sizeof *o))) {
        image_close(&image);
    } else {
        *o = (struct object){.next = all, .device = st.st_dev, .inode = st.st_ino, .changed_ns = changed, .image = image};
        go_program_open(&o->go, &o->image, read_memory, &pid);
        all = o;
    }
    if (o)
        o->references++;
    return o;
}

/* Not a device: opening one may have effects. */
static bool may_open(const char *path) { return path[0] == '/' && strncmp(path, "/dev/", 5) != 0; }

static bool has_inode(const unsigned long *inodes, unsigned n, unsigned long inode)
{
    for (unsigned i = 0; i < n; i++)
        if (inodes[i] == inode)
            return true;
    return false;
}

bool objects_read(struct objects *o, pid_t pid)
{
    char path[64], *line = NULL;
    size_t cap = 0;
    unsigned long inodes[OBJECTS_MAX], executable = 0;
    struct stat st;
    static struct mapping m;
    o->n = 0;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (stat(path, &st) == 0)
        executable = st.st_ino;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while (o->n < OBJECTS_MAX && getline(&line, &cap, f) > 0) {
        if (!parse(line, &m) || !m.inode || m.offset || !may_open(m.path) || has_inode(inodes, o->n, m.inode))
            continue;
        struct object *found = object_of(pid, &m);
        if (!found)
            continue;
        inodes[o->n] = m.inode;
        o->list[o->n++] = found;
        if (m.inode == executable) {
            o->list[o->n - 1] = o->list[0];
            o->list[0] = found;
        }
    }
    free(line);
    fclose(f);
    return o->n > 0;
}

static void forget(struct object *o)
{
    struct object **at = &all;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    unwind_tables_free(o->unwind);
    go_program_close(&o->go);
    image_close(&o->image);
    free(o);
}

void objects_release(struct objects *o)
{
    for (unsigned i = 0; i < o->n; i++)
        if (--o->list[i]->references == 0)
            forget(o->list[i]);
    o->n = 0;
}

struct object *objects_at(const struct objects *o, uint64_t address)
{
    for (unsigned i = 0; i < o->n; i++)
        if (image_is_code(&o->list[i]->image, address))
            return o->list[i];
    return NULL;
}
