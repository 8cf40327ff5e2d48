/* SPDX-License-Identifier: MIT */
/*
 * names.c: function names inside the process, from .symtab, .dynsym and separate debug files.
 *
 * Called while a report is made: by the watcher, at exit, by a check. Frames are sorted by module
 * and address, then each module's files are opened once. A name is taken only from a file that is
 * proven to be the one that was loaded (by its build-id, else by the headers in memory): no name is
 * better than a wrong one.
 */
#include "names.h"

#include <string.h>

#include "../../core/sort.h"
#include "../base/pages.h"
#include "../elf/object.h"
#include "demangle.h"
#include "symbols.h"
#include "unchanged.h"

#define CHUNK_SIZE (64u << 10)
#define SCRATCH_SIZE (64u << 10)
#define MAX_PATH 1024u
#define VDSO_TAIL (16u << 10)

struct frame_job {
    uint64_t pc;
    uint32_t frame;
    uint16_t module;
};

/* The work on one module. */
struct module_part {
    struct names_arena *arena;
    uint64_t bias, start, end;
    uint8_t id[ELF_BUILD_ID];
    unsigned id_len;
    bool unloaded;
    struct demangler *demangler; /* NULL: names as they are */
    char path[sizeof((struct state_module *)0)->path];
    struct symbol_target *targets;
    size_t n;
    void *scratch;
};

/* ---- memory ---------------------------------------------------------------------------------- */

struct chunk {
    struct chunk *next;
    size_t size, used;
};

const char *names_keep(struct names_arena *a, const char *text, size_t len)
{
    struct chunk *c = a->chunks;
    if (!c || c->size - c->used < len + 1) {
        size_t size = len + 1 + sizeof *c > CHUNK_SIZE ? (len + 1 + sizeof *c + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1) : CHUNK_SIZE;
        c = pages_alloc(size);
        if (!c)
            return NULL;
        *c = (struct chunk){a->chunks, size, sizeof *c};
        a->chunks = c;
    }
    char *to = (char *)c + c->used;
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    to[len] = '\0';
    c->used += len + 1;
    return to;
}

void names_free(struct names_arena *arena)
{
    for (struct chunk *c = arena->chunks, *next; c; c = next) {
        next = c->next;
        pages_free(c, c->size);
    }
    arena->chunks = NULL;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int compare_jobs(const void *pa, const void *pb)
{
    const struct frame_job *a = pa, *b = pb;
    if (a->module != b->module)
        return a->module < b->module ? -1 : 1;
    return a->pc < b->pc ? -1 : a->pc > b->pc;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Appends to a path of MAX_PATH bytes; false when it does not fit. */
static bool add_to_path(char *path, const char *more, size_t len)
{
    size_t at = strlen(path);
    if (len >= MAX_PATH - at)
        return false;
    memcpy(path + at, more, len);
    path[at + len] = '\0';
    return true;
}

static size_t write_hex(char *to, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        to[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        to[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    to[2 * n] = '\0';
    return 2 * (size_t)n;
}

static bool same_id(const struct module_part *p, struct elf *e)
{
    uint8_t id[ELF_BUILD_ID];
    return p->id_len > 0 && elf_build_id(e, id) == p->id_len && memcmp(id, p->id, p->id_len) == 0;
}

/* An object without a build-id is compared with its image in memory, while that is there. */
static bool same_headers(const struct module_part *p, struct elf *e)
{
    struct elf image;
    if (p->id_len > 0 || p->unloaded || !elf_open_memory(&image, p->start, p->end))
        return false;
    uint64_t print = elf_fingerprint(&image);
    return print != 0 && print == elf_fingerprint(e);
}

/* MAPPED: the kernel leads from PATH to the file that is mapped, whatever has its name now. */
static bool open_if_same(const struct module_part *p, const char *path, bool mapped, struct elf *e)
{
    if (path[0] != '/' || !elf_open_file(e, path))
        return false;
    if (same_id(p, e) || ((mapped || e->changed < unchanged_since()) && same_headers(p, e)))
        return true;
    elf_close(e);
    return false;
}

static bool open_module(const struct module_part *p, struct elf *e)
{
    if (strcmp(p->path, "[vdso]") == 0) /* its section headers lie behind the last segment */
        return elf_open_memory(e, p->start, p->end + VDSO_TAIL);
    /*
     * The file may have been replaced, renamed or removed while it is in use, or lie outside of a
     * chroot: /proc/self/exe leads to the program's all the same, and its mapping to a library's.
     */
    if ((object_is_program(p->start, p->end) && open_if_same(p, "/proc/self/exe", true, e)) || open_if_same(p, p->path, false, e))
        return true;
    char link[OBJECT_LINK], now[sizeof p->path];
    return !p->unloaded && object_mapping(p->start, link, now, sizeof now) &&
           (open_if_same(p, now, false, e) || open_if_same(p, link, true, e));
}

static bool open_by_build_id(const struct module_part *p, struct elf *e)
{
    static const char root[] = "/usr/lib/debug/.build-id/";
    char path[MAX_PATH] = "", digits[2 * ELF_BUILD_ID + 1];
    size_t n = write_hex(digits, p->id, p->id_len);
    if (p->id_len < 2)
        return false;
    if (!add_to_path(path, root, sizeof root - 1) || !add_to_path(path, digits, 2) || !add_to_path(path, "/", 1) ||
        !add_to_path(path, digits + 2, n - 2) || !add_to_path(path, ".debug", 6))
        return false;
    if (!elf_open_file(e, path))
        return false;
    if (same_id(p, e))
        return true;
    elf_close(e);
    return false;
}

static bool open_by_link(const struct module_part *p, struct elf *of, struct elf *e)
{
    char link[256];
    uint32_t crc, is;
    const char *slash = strrchr(p->path, '/');
    if (!slash || p->path[0] != '/' || !elf_debuglink(of, link, &crc))
        return false;
    size_t dir = (size_t)(slash - p->path) + 1;
    static const char *const before_dir[] = {"", "", "/usr/lib/debug"}, *const behind_dir[] = {"", ".debug/", ""};
    for (int i = 0; i < 3; i++) {
        char path[MAX_PATH] = "";
        if (!add_to_path(path, before_dir[i], strlen(before_dir[i])) || !add_to_path(path, p->path, dir) ||
            !add_to_path(path, behind_dir[i], strlen(behind_dir[i])) || !add_to_path(path, link, strlen(link)) || !elf_open_file(e, path))
            continue;
        if (p->id_len > 0 ? same_id(p, e) : (elf_crc32(e, &is) && is == crc))
            return true;
        elf_close(e);
    }
    return false;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Gives the targets the names that the table of TYPE in E has for them. False: no memory. */
static bool name_from_table(struct module_part *p, struct elf *e, uint32_t type)
{
    unsigned at = 0;
    Elf64_Shdr table;
    char *raw = p->scratch, *readable = raw + SYMBOL_MAX_NAME;
    if (!elf_find_section(e, type, &at, &table))
        return true;
    symbols_find(e, &table, p->targets, p->n, p->scratch, SCRATCH_SIZE);
    for (size_t i = 0; i < p->n; i++) {
        struct symbol_target *t = &p->targets[i];
        size_t len = t->name ? 0 : symbols_name(e, &table, t, raw);
        if (len == 0)
            continue;
        const char *text = raw;
        size_t readable_len = p->demangler ? demangle(p->demangler, raw, readable, SYMBOL_MAX_NAME) : 0;
        if (readable_len > 0) {
            text = readable;
            len = readable_len;
        }
        t->name = names_keep(p->arena, text, len);
        if (!t->name)
            return false;
    }
    return true;
}

static bool has_table(struct elf *e, uint32_t type)
{
    unsigned at = 0;
    Elf64_Shdr table;
    return elf_find_section(e, type, &at, &table);
}

static void unname(struct module_part *p)
{
    for (size_t i = 0; i < p->n; i++)
        p->targets[i].name = NULL;
}

static bool name_all(struct module_part *p)
{
    struct elf e, debug;
    bool ok = true;
    if (!open_module(p, &e))
        return true;
    if (has_table(&e, SHT_SYMTAB)) {
        ok = name_from_table(p, &e, SHT_SYMTAB);
    } else if (open_by_build_id(p, &debug) || open_by_link(p, &e, &debug)) {
        ok = name_from_table(p, &debug, SHT_SYMTAB);
        if (!elf_close(&debug))
            unname(p);
    }
    ok = ok && name_from_table(p, &e, SHT_DYNSYM);
    if (!elf_close(&e))
        unname(p);
    return ok;
}

/* ---- one module ------------------------------------------------------------------------------ */

static bool copy_module(struct module_part *p, const struct state_module *m)
{
    p->bias = m->bias;
    p->start = m->start;
    p->end = m->end;
    p->id_len = m->build_id_len < ELF_BUILD_ID ? m->build_id_len : ELF_BUILD_ID;
    memcpy(p->id, m->build_id, ELF_BUILD_ID);
    p->unloaded = atomic_load(&m->unloaded_ns) != 0;
    memcpy(p->path, m->path, sizeof p->path);
    p->path[sizeof p->path - 1] = '\0';
    return p->path[0] != '\0';
}

/* Makes a target for every different address among the N jobs. False: no memory. */
static bool make_targets(struct module_part *p, const struct frame_job *jobs, size_t n)
{
    p->targets = pages_alloc(n * sizeof *p->targets);
    if (!p->targets)
        return false;
    p->n = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || jobs[i].pc != jobs[i - 1].pc)
            p->targets[p->n++].addr = jobs[i].pc - 1 - p->bias;
    return true;
}

static bool resolve_module(struct module_part *p, struct frame *frames, const struct frame_job *jobs, size_t n, bool symbols)
{
    char digits[2 * ELF_BUILD_ID + 1];
    size_t n_digits = write_hex(digits, p->id, p->id_len);
    const char *path = names_keep(p->arena, p->path, strlen(p->path));
    const char *id = p->id_len ? names_keep(p->arena, digits, n_digits) : NULL;
    if (!path || (p->id_len && !id))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct frame *f = &frames[jobs[i].frame];
        f->module = path;
        f->build_id = id;
        f->offset = jobs[i].pc - p->bias;
    }
    if (!symbols)
        return true;
    if (!make_targets(p, jobs, n))
        return false;
    bool ok = name_all(p);
    for (size_t i = 0, t = 0; i < n; i++) {
        if (i > 0 && jobs[i].pc != jobs[i - 1].pc)
            t++;
        frames[jobs[i].frame].symbol = p->targets[t].name;
    }
    pages_free(p->targets, n * sizeof *p->targets);
    return ok;
}

bool names_resolve(struct names_arena *arena, const struct state_view *view, struct frame *frames, const uint16_t *modules, size_t n,
                   bool symbols, bool demangle_them)
{
    if (n == 0)
        return true;
    if (n > UINT32_MAX)
        return false;
    struct demangler demangler;
    demangle_begin(&demangler); /* always: demangle_end frees what it holds */
    struct module_part p = {.arena = arena, .demangler = demangle_them ? &demangler : NULL};
    struct frame_job *jobs = pages_alloc(n * sizeof *jobs);
    p.scratch = pages_alloc(SCRATCH_SIZE);
    bool ok = jobs && p.scratch;
    for (size_t i = 0; i < n; i++) {
        frames[i].module = frames[i].build_id = frames[i].symbol = NULL;
        frames[i].offset = 0;
        if (ok)
            jobs[i] = (struct frame_job){frames[i].pc, (uint32_t)i, modules[i]};
    }
    if (ok)
        heap_sort(jobs, n, sizeof *jobs, compare_jobs);
    for (size_t from = 0, to; ok && from < n && jobs[from].module != STATE_NO_MODULE; from = to) {
        for (to = from + 1; to < n && jobs[to].module == jobs[from].module; to++)
            ;
        const struct state_module *m = state_module_at(view, jobs[from].module);
        if (m && copy_module(&p, m))
            ok = resolve_module(&p, frames, jobs + from, to - from, symbols);
    }
    demangle_end(&demangler);
    if (p.scratch)
        pages_free(p.scratch, SCRATCH_SIZE);
    if (jobs)
        pages_free(jobs, n * sizeof *jobs);
    return ok;
}
