/* SPDX-License-Identifier: MIT */
/*
 * state_modules.c: finds and records the objects that the addresses of a stack belong to.
 *
 * Called by the supervisor when a stack is new, while the process runs: what it has unloaded
 * meanwhile is not found.
 */
#include "state_modules.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_MODULES 4096u

const struct state_module *state_modules_at(const struct state_writer *w, unsigned number)
{
    struct state_view view = state_writer_view(w);
    return state_module_at(&view, number);
}

/* The next record, not ready yet; NUMBER gets its number. NULL: no room. */
static struct state_module *next_record(struct state_writer *w, unsigned *number)
{
    state_ref ref;
    if (w->n_modules >= MAX_MODULES)
        return NULL;
    struct state_module *m = state_writer_alloc(w, EXTENT_MODULES, sizeof *m / STATE_REF_UNIT, &ref);
    if (m)
        *number = w->n_modules++;
    return m;
}

/* ---- one object ------------------------------------------------------------------------------ */

struct mapped {
    uint64_t start, end, offset; /* of the piece that holds the address */
    uint64_t first, last;        /* of all pieces of its file that lie around it */
    char path[sizeof(((struct state_module *)0)->path)];
};

/* The address that the file gives to what lies at OFFSET of it; false: no segment has that. */
static bool address_in_file(Elf *elf, uint64_t offset, uint64_t *address)
{
    size_t n;
    for (size_t i = 0; elf_getphdrnum(elf, &n) == 0 && i < n; i++) {
        GElf_Phdr p;
        if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD)
            continue;
        uint64_t page = p.p_offset & ~(uint64_t)(STATE_PAGE - 1);
        if (offset < page || offset >= p.p_offset + p.p_filesz)
            continue;
        *address = p.p_vaddr - p.p_offset + offset;
        return true;
    }
    return false;
}

/* Fills what the file itself says. Without it the object is known by its name alone. */
static void read_object(struct state_module *m, pid_t pid, const struct mapped *at)
{
    char link[64];
    const void *id;
    uint64_t address;
    snprintf(link, sizeof link, "/proc/%d/map_files/%llx-%llx", (int)pid, (unsigned long long)at->start, (unsigned long long)at->end);
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        char inside[sizeof m->path + 32];
        snprintf(inside, sizeof inside, "/proc/%d/root%s", (int)pid, at->path);
        fd = open(inside, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    elf_version(EV_CURRENT);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
    ssize_t n = elf ? dwelf_elf_gnu_build_id(elf, &id) : -1;
    if (n > 0) {
        m->build_id_len = (uint32_t)(n < (ssize_t)sizeof m->build_id ? n : (ssize_t)sizeof m->build_id);
        memcpy(m->build_id, id, m->build_id_len);
    }
    m->bias = elf && address_in_file(elf, at->offset, &address) ? at->start - address : at->first;
    elf_end(elf);
    if (fd >= 0)
        close(fd);
}

/* The mapping that holds PC, and how far its file reaches around it. */
static bool find_mapping(pid_t pid, uint64_t pc, struct mapped *found)
{
    char path[64], *line = NULL, last[sizeof found->path] = "";
    size_t room = 0;
    bool is = false, done = false;
    uint64_t first = 0, end_of_last = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && !done && getline(&line, &room, f) > 0) {
        unsigned long long start, end, offset;
        int name = 0;
        if (sscanf(line, "%llx-%llx %*s %llx %*s %*s %n", &start, &end, &offset, &name) < 3 || !name)
            continue;
        line[strcspn(line, "\n")] = 0;
        bool goes_on = (strcmp(line + name, last) == 0 && last[0]) || (!line[name] && is && start == end_of_last);
        if (is && !goes_on)
            done = true;
        if (!goes_on && !done) {
            first = start;
            snprintf(last, sizeof last, "%s", line + name);
        }
        if (!done && pc >= start && pc < end && line[name]) {
            *found = (struct mapped){.start = start, .end = end, .offset = offset, .first = first};
            snprintf(found->path, sizeof found->path, "%s", line + name);
            is = true;
        }
        if (is && !done && (line[name] || end_of_last == start))
            found->last = end;
        end_of_last = end;
    }
    free(line);
    if (f)
        fclose(f);
    return is;
}

unsigned state_modules_of(struct state_writer *w, pid_t pid, uint64_t pc)
{
    struct mapped at;
    unsigned number;
    for (unsigned i = 0; i < w->n_modules; i++) {
        const struct state_module *m = state_modules_at(w, i);
        if (m && !atomic_load(&m->unloaded_ns) && pc >= m->start && pc < m->end)
            return i;
    }
    if (!find_mapping(pid, pc, &at) || (at.path[0] != '/' && strcmp(at.path, "[vdso]") != 0))
        return STATE_NO_MODULE;
    struct state_module *m = next_record(w, &number);
    if (!m)
        return STATE_NO_MODULE;
    m->start = at.first;
    m->end = at.last;
    m->bias = at.first;
    if (at.path[0] == '/')
        read_object(m, pid, &at);
    snprintf(m->path, sizeof m->path, "%s", at.path);
    atomic_store_explicit(&m->ready, 1, memory_order_release);
    return number;
}

void state_modules_gone(struct state_writer *w, uint64_t now_ns)
{
    for (unsigned i = 0; i < w->n_modules; i++) {
        struct state_module *m = (struct state_module *)(uintptr_t)state_modules_at(w, i);
        if (m && !atomic_load(&m->unloaded_ns))
            atomic_store(&m->unloaded_ns, now_ns);
    }
}

unsigned state_modules_copy(struct state_writer *w, const struct state_module *m)
{
    unsigned number;
    for (unsigned i = 0; i < w->n_modules; i++) {
        const struct state_module *mine = state_modules_at(w, i);
        if (mine && mine->start == m->start && mine->bias == m->bias && strcmp(mine->path, m->path) == 0)
            return i;
    }
    struct state_module *mine = next_record(w, &number);
    if (!mine)
        return STATE_NO_MODULE;
    memcpy(mine->build_id, m->build_id, sizeof mine->build_id);
    mine->build_id_len = m->build_id_len;
    mine->bias = m->bias;
    mine->start = m->start;
    mine->end = m->end;
    memcpy(mine->path, m->path, sizeof mine->path);
    atomic_store(&mine->unloaded_ns, atomic_load(&m->unloaded_ns));
    atomic_store_explicit(&mine->ready, 1, memory_order_release);
    return number;
}
