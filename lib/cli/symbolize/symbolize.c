/* SPDX-License-Identifier: MIT */
/*
 * symbolize.c: the cache of modules and addresses in front of sym_file.c and sym_dwarf.c.
 *
 * Called by the model, by top and by `report --for-agent`. Addresses are collected first and
 * resolved one module at a time in ascending order. So only one file is open at any moment, with
 * the functions of one unit, however many sites there are.
 */
#include "symbolize.h"

#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/hash.h"
#include "../../core/perf_map.h"
#include "../base/arena.h"
#include "../source_map/source_maps.h"
#include "sym_dwarf.h"
#include "sym_file.h"

struct module {
    struct sym_source from;
    const struct perf_file *generated; /* not a file's code, but what this names; else NULL */
    char *path, *build_id_hex;
    const char *trouble; /* why it has no names; NULL: none known */
    uint64_t written_ns; /* of its file, 0: not known; and who owns that */
    uid_t owner;
    bool tried;
};

struct symbol_entry {
    uint64_t offset;
    unsigned module;
    unsigned n; /* 0: not resolved yet */
    struct symbol *symbols;
};

struct symbolizer {
    struct arena arena;
    struct symbolize_options options;
    char *debug_dirs; /* absolute */
    struct source_maps *maps;
    struct source_files *sources;
    struct module *modules;
    size_t n_modules, cap_modules;
    /* open addressing; symbols NULL and n 0 with offset 0, module NO_MODULE: free */
    struct symbol_entry *entries;
    size_t n_entries, cap_entries, n_waiting;
};
#define NO_MODULE 0xffffffffu

/* libdwfl takes relative debug directories as relative to each module's own. */
static char *absolute_dirs(const char *dirs)
{
    char *all = NULL, *copy = dirs ? strdup(dirs) : NULL, *save = NULL;
    for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir; dir = strtok_r(NULL, ":", &save)) {
        char *real = realpath(dir, NULL), *joined;
        if (real && asprintf(&joined, "%s%s%s", all ? all : "", all ? ":" : "", real) >= 0) {
            free(all);
            all = joined;
        }
        free(real);
    }
    free(copy);
    return all;
}

struct symbolizer *symbolizer_new(const struct symbolize_options *options)
{
    struct symbolizer *s = arena_grow(NULL, 1, sizeof *s);
    *s = (struct symbolizer){.options = *options, .debug_dirs = absolute_dirs(options->debug_dir)};
    s->options.sysroot = arena_string(&s->arena, options->sysroot && options->sysroot[0] ? options->sysroot : NULL);
    s->maps = source_maps_new(s->options.sysroot);
    s->sources = source_files_new();
    return s;
}

void symbolizer_free(struct symbolizer *s)
{
    if (!s)
        return;
    source_maps_free(s->maps);
    source_files_free(s->sources);
    arena_free(&s->arena);
    free(s->debug_dirs);
    free(s->modules);
    free(s->entries);
    free(s);
}

static bool same_string(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* A process that ended has used the same file before: the live one may still lead to it. */
static void use_live(struct symbolizer *s, struct module *mod, const struct state_module *m, const char *root, int pid)
{
    mod->from.pid = pid;
    mod->from.start = m->start;
    mod->from.root = arena_string(&s->arena, root);
    mod->tried = false;
}

/* A new one, after all others. */
static struct module *add_module(struct symbolizer *s, const char *path)
{
    if (s->n_modules == s->cap_modules)
        s->modules = arena_grow(s->modules, s->cap_modules = s->cap_modules ? s->cap_modules * 2 : 32, sizeof *s->modules);
    struct module *mod = &s->modules[s->n_modules++];
    *mod = (struct module){.path = arena_string(&s->arena, path)};
    return mod;
}

unsigned symbolize_module(struct symbolizer *s, const struct state_module *m, const char *root, uint64_t unchanged_since, int pid)
{
    char path[sizeof m->path];
    unsigned len = m->build_id_len <= sizeof m->build_id ? m->build_id_len : 0;
    state_string(path, sizeof path, m->path, sizeof m->path);
    if (root && !root[0])
        root = NULL;
    for (size_t i = 0; i < s->n_modules; i++) {
        const struct sym_source *f = &s->modules[i].from;
        if (s->modules[i].generated || f->build_id_len != len || memcmp(f->build_id, m->build_id, len) != 0 || strcmp(f->path, path) != 0)
            continue;
        /*
         * With a build-id it is the same file wherever it lies. Without one the same path means the
         * same file only below the same root, and with the same limit on its age.
         */
        if (len || (same_string(f->root, root) && f->unchanged_since == unchanged_since)) {
            if (pid && !f->pid)
                use_live(s, &s->modules[i], m, root, pid);
            return (unsigned)i;
        }
    }
    struct module *mod = add_module(s, path);
    mod->from = (struct sym_source){
        .path = mod->path,
        .sysroot = s->options.sysroot,
        .root = arena_string(&s->arena, root),
        .pid = pid,
        .start = m->start,
        .debug_dirs = s->debug_dirs,
        .build_id = (const uint8_t *)arena_bytes(&s->arena, (const char *)m->build_id, len),
        .build_id_len = len,
        .unchanged_since = unchanged_since,
    };
    if (len) {
        mod->build_id_hex = arena_take(&s->arena, 2 * len + 1);
        for (unsigned i = 0; i < len; i++)
            snprintf(mod->build_id_hex + 2 * i, 3, "%02x", m->build_id[i]);
    }
    return (unsigned)(s->n_modules - 1);
}

unsigned symbolize_generated(struct symbolizer *s, const struct perf_file *f)
{
    for (size_t i = 0; i < s->n_modules; i++) {
        const struct perf_file *known = s->modules[i].generated;
        if (known && known->start_ticks == f->start_ticks && known->pid == f->pid && strcmp(known->path, f->path) == 0)
            return (unsigned)i;
    }
    struct perf_file *copy = arena_array(&s->arena, 1, sizeof *copy);
    *copy = *f;
    add_module(s, f->path)->generated = copy;
    return (unsigned)(s->n_modules - 1);
}

const char *symbolize_path(const struct symbolizer *s, unsigned module) { return s->modules[module].path; }

const char *symbolize_build_id(const struct symbolizer *s, unsigned module) { return s->modules[module].build_id_hex; }

/* ---- addresses ------------------------------------------------------------------------------- */

static size_t hash_address(unsigned module, uint64_t offset)
{
    uint64_t h = hash_spread(offset ^ ((uint64_t)module << 48));
    return (size_t)(h ^ (h >> 29));
}

static struct symbol_entry *place_of(struct symbol_entry *entries, size_t cap, unsigned module, uint64_t offset)
{
    size_t i = hash_address(module, offset) & (cap - 1);
    while (entries[i].module != NO_MODULE && (entries[i].module != module || entries[i].offset != offset))
        i = (i + 1) & (cap - 1);
    return &entries[i];
}

static struct symbol_entry *entry_of(struct symbolizer *s, unsigned module, uint64_t offset)
{
    if (2 * (s->n_entries + 1) > s->cap_entries) {
        size_t cap = s->cap_entries ? s->cap_entries * 2 : 1024;
        struct symbol_entry *more = arena_grow(NULL, cap, sizeof *more);
        for (size_t i = 0; i < cap; i++)
            more[i] = (struct symbol_entry){.module = NO_MODULE};
        for (size_t i = 0; i < s->cap_entries; i++)
            if (s->entries[i].module != NO_MODULE)
                *place_of(more, cap, s->entries[i].module, s->entries[i].offset) = s->entries[i];
        free(s->entries);
        s->entries = more;
        s->cap_entries = cap;
    }
    struct symbol_entry *e = place_of(s->entries, s->cap_entries, module, offset);
    if (e->module == NO_MODULE) {
        *e = (struct symbol_entry){.module = module, .offset = offset};
        s->n_entries++;
        s->n_waiting++;
    }
    return e;
}

void symbolize_want(struct symbolizer *s, unsigned module, uint64_t offset) { entry_of(s, module, offset); }

/* ---- resolving ------------------------------------------------------------------------------- */

/* A binary may hold any bytes: its control characters must not reach a terminal. */
static char *harmless(char *text)
{
    for (char *p = text; p && *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return text;
}

char *symbolize_demangle(const char *name)
{
    if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R'))
        return NULL;
    char *plain = rust_demangle(name, 0);
    return harmless(plain ? plain : cplus_demangle_v3(name, DMGL_PARAMS | DMGL_ANSI));
}

/* A symbol's name for people: demangled, without its version. Always a copy in the arena. */
static char *readable_name(struct symbolizer *s, const char *name)
{
    if (!name)
        return NULL;
    char *plain = symbolize_demangle(name);
    size_t n = strlen(plain ? plain : name);
    if (!plain) {
        const char *version = strchr(name, '@'); /* connect@@GLIBC_2.2.5 */
        if (version && version != name)
            n = (size_t)(version - name);
    }
    char *copy = arena_bytes(&s->arena, plain ? plain : name, n);
    free(plain);
    return harmless(copy);
}

struct found_symbols {
    struct symbolizer *s;
    struct symbol found[66];
    unsigned n;
};

static void on_symbol(void *arg, const char *name, const char *path, const char *file, uint32_t line, bool inlined)
{
    struct found_symbols *c = arg;
    if (c->n == sizeof c->found / sizeof c->found[0])
        return;
    const char *copy = harmless(arena_string(&c->s->arena, path));
    c->found[c->n++] = (struct symbol){.name = readable_name(c->s, name),
                                       .path = copy,
                                       .file = file ? copy + (file - path) : NULL,
                                       .line = file ? line : 0,
                                       .inlined = inlined};
}

static void keep_symbols(struct symbolizer *s, struct symbol_entry *e, const struct symbol *found, unsigned n)
{
    static const struct symbol unknown;
    if (n == 0) {
        found = &unknown;
        n = 1;
    }
    e->symbols = arena_array(&s->arena, n, sizeof *e->symbols);
    memcpy(e->symbols, found, n * sizeof *e->symbols);
    e->n = n;
    s->n_waiting--;
}

static int by_place(const void *a, const void *b)
{
    const struct symbol_entry *x = *(struct symbol_entry *const *)a, *y = *(struct symbol_entry *const *)b;
    if (x->module != y->module)
        return x->module < y->module ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The map is read each time: it grows while its process runs. */
static void resolve_generated(struct symbolizer *s, struct symbol_entry **entries, size_t n)
{
    struct module *m = &s->modules[entries[0]->module];
    struct perf_map_target *targets = arena_grow(NULL, n, sizeof *targets);
    size_t len = 0;
    char *text = s->options.names ? perf_file_read(m->generated, &len, &m->trouble) : NULL;
    for (size_t i = 0; i < n; i++)
        targets[i] = (struct perf_map_target){.addr = entries[i]->offset - (entries[i]->offset > 0)}; /* the call is before it */
    if (text)
        perf_map_find(text, len, targets, n);
    for (size_t i = 0; i < n; i++) {
        struct symbol found = {0};
        if (targets[i].name)
            found.name = harmless(arena_bytes(&s->arena, targets[i].name, targets[i].len));
        keep_symbols(s, entries[i], &found, 1);
    }
    free(text);
    free(targets);
}

static void resolve_in_module(struct symbolizer *s, struct symbol_entry **entries, size_t n)
{
    struct module *m = &s->modules[entries[0]->module];
    struct sym_file opened;
    struct sym_dwarf *d = NULL;
    /* A file that was not found once is not looked for again. */
    bool open = s->options.names && !(m->tried && m->trouble) && sym_file_open(&opened, &m->from, &m->trouble);
    m->tried = true;
    if (open) {
        d = sym_dwarf_new(opened.module);
        m->written_ns = opened.written_ns;
        m->owner = opened.owner;
    }
    for (size_t i = 0; i < n; i++) {
        struct found_symbols c = {.s = s};
        /* a return address may be the first of the next line or function: the call is before it */
        if (d)
            sym_dwarf_lookup(d, entries[i]->offset - 1, on_symbol, &c);
        keep_symbols(s, entries[i], c.found, c.n);
    }
    sym_dwarf_free(d);
    if (open)
        sym_file_close(&opened);
}

static void resolve_waiting(struct symbolizer *s)
{
    size_t n = 0;
    struct symbol_entry **waiting = arena_grow(NULL, s->n_waiting, sizeof *waiting);
    for (size_t i = 0; i < s->cap_entries; i++)
        if (s->entries[i].module != NO_MODULE && s->entries[i].n == 0)
            waiting[n++] = &s->entries[i];
    qsort(waiting, n, sizeof *waiting, by_place);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && waiting[end]->module == waiting[i]->module;)
            end++;
        if (s->modules[waiting[i]->module].generated)
            resolve_generated(s, waiting + i, end - i);
        else
            resolve_in_module(s, waiting + i, end - i);
    }
    free(waiting);
}

const struct symbol *symbolize_get(struct symbolizer *s, unsigned module, uint64_t offset, unsigned *n)
{
    struct symbol_entry *e = entry_of(s, module, offset);
    if (e->n == 0)
        resolve_waiting(s);
    *n = e->n;
    return e->symbols;
}

bool symbolize_original(struct symbolizer *s, const char *root, uint64_t unchanged_since, const struct source_place *at,
                        struct source_place *out)
{
    return s->options.names && source_maps_find(s->maps, root, unchanged_since, at, out);
}

/* ---- source lines ---------------------------------------------------------------------------- */

const char *symbolize_source(struct symbolizer *s, unsigned module, const struct symbol *f)
{
    const struct module *m = &s->modules[module];
    struct source_wanted w = {.root = m->from.root, .path = f->path, .line = f->line, .newest_ns = m->written_ns, .owner = m->owner};
    return f->path && f->path[0] == '/' ? symbolize_source_at(s, &w) : NULL;
}

const char *symbolize_source_at(struct symbolizer *s, const struct source_wanted *w)
{
    struct source_wanted there = *w;
    if (!s->options.source)
        return NULL;
    if (s->options.sysroot && w->path[0] == '/')
        there.root = s->options.sysroot;
    return source_files_line(s->sources, &there);
}

const char *symbolize_started_in(const struct symbolizer *s) { return s->options.started_in; }

void symbolize_troubles(const struct symbolizer *s, void (*say)(void *arg, const char *line), void *arg)
{
    for (size_t i = 0; i < s->n_modules; i++) {
        char line[1024];
        if (!s->modules[i].trouble)
            continue;
        snprintf(line, sizeof line, "%s: %s", s->modules[i].path, s->modules[i].trouble);
        say(arg, line);
    }
    source_maps_troubles(s->maps, say, arg);
}
