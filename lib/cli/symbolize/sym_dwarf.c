/* SPDX-License-Identifier: MIT */
/*
 * sym_dwarf.c: from an address to its functions and lines in one open module.
 *
 * Called by symbolize.c with ascending addresses. libdw's own dwarf_getscopes walks a whole
 * compilation unit for each address. Here a table of units (made once for each module) and one of
 * functions (made once for each unit, only the newest is kept) turn a look-up into a binary search
 * and a walk down one function. The unit table comes from the units' own ranges, since clang writes
 * no .debug_aranges.
 */
#include "sym_dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64 /* of inlining, of namespaces */

struct dwarf_span {
    Dwarf_Addr lo, hi;
    Dwarf_Die die;
    /* units: the unit whose children are the functions (the .dwo's for a skeleton) */
    Dwarf_Die functions;
};

struct dwarf_spans {
    struct dwarf_span *at;
    size_t n, cap;
};

struct sym_dwarf {
    Dwfl_Module *module;
    Dwarf *dwarf; /* NULL: symbol table only */
    Dwarf_Addr bias, dwarf_bias;
    struct dwarf_spans units;
    struct dwarf_spans functions; /* of the unit at `unit` */
    const struct dwarf_span *unit;
};

static void add_spans(struct dwarf_spans *s, Dwarf_Die *ranges, Dwarf_Die *die, Dwarf_Die *functions)
{
    Dwarf_Addr base, lo, hi;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(ranges, at, &base, &lo, &hi)) > 0;) {
        if (lo == 0 || hi <= lo) /* linkers leave dropped functions at 0 or at the top */
            continue;
        if (s->n == s->cap) {
            size_t cap = s->cap ? s->cap * 2 : 64;
            struct dwarf_span *more = realloc(s->at, cap * sizeof *more);
            if (!more)
                return;
            s->at = more;
            s->cap = cap;
        }
        s->at[s->n++] = (struct dwarf_span){.lo = lo, .hi = hi, .die = *die, .functions = *functions};
    }
}

static int by_lo(const void *a, const void *b)
{
    const struct dwarf_span *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static const struct dwarf_span *find_span(const struct dwarf_spans *s, Dwarf_Addr pc)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->at[mid].lo <= pc)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t back = 0; back < 8 && lo > back; back++) /* ranges may overlap a little */
        if (pc < s->at[lo - 1 - back].hi)
            return &s->at[lo - 1 - back];
    return NULL;
}

static void list_units(struct sym_dwarf *d)
{
    Dwarf_CU *cu = NULL, *next;
    Dwarf_Die die, sub;
    uint8_t type;
    while (dwarf_get_units(d->dwarf, cu, &next, NULL, &type, &die, &sub) == 0) {
        cu = next;
        if (type != DW_UT_compile && type != DW_UT_skeleton)
            continue;
        add_spans(&d->units, &die, &die, type == DW_UT_skeleton && sub.addr ? &sub : &die);
    }
    if (d->units.n)
        qsort(d->units.at, d->units.n, sizeof *d->units.at, by_lo);
}

static void list_functions(struct dwarf_spans *out, Dwarf_Die *parent, unsigned depth)
{
    Dwarf_Die die;
    if (depth > MAX_DEPTH || dwarf_child(parent, &die) != 0)
        return;
    do {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            add_spans(out, &die, &die, &die);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
            list_functions(out, &die, depth + 1);
            break;
        default:
            break;
        }
    } while (dwarf_siblingof(&die, &die) == 0);
}

struct sym_dwarf *sym_dwarf_new(Dwfl_Module *module)
{
    struct sym_dwarf *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->module = module;
    dwfl_module_getelf(module, &d->bias);
    d->dwarf = dwfl_module_getdwarf(module, &d->dwarf_bias);
    if (d->dwarf)
        list_units(d);
    return d;
}

void sym_dwarf_free(struct sym_dwarf *d)
{
    if (!d)
        return;
    free(d->units.at);
    free(d->functions.at);
    free(d);
}

static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute a;
    const char *name = NULL;
    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &a) || dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &a))
        name = dwarf_formstring(&a);
    if (!name && dwarf_attr_integrate(die, DW_AT_name, &a))
        name = dwarf_formstring(&a);
    return name;
}

static const char *directory_of(Dwarf_Die *unit)
{
    Dwarf_Attribute a;
    return dwarf_attr_integrate(unit, DW_AT_comp_dir, &a) ? dwarf_formstring(&a) : NULL;
}

/*
 * A file below the directory of its compilation is named relative to it, as the user called the
 * compiler.
 */
static const char *shorten(const char *file, Dwarf_Die *unit)
{
    const char *dir = directory_of(unit);
    size_t n = dir ? strlen(dir) : 0;
    while (n > 1 && dir[n - 1] == '/')
        n--;
    if (!file || n < 2 || strncmp(file, dir, n) != 0 || file[n] != '/')
        return file;
    file += n;
    while (*file == '/')
        file++;
    return file[0] == '.' && file[1] == '/' ? file + 2 : file;
}

/* One function to EMIT. A relative FILE is below the directory of its compilation. */
static void emit_one(sym_emit *emit, void *arg, const char *name, const char *file, int line, bool inlined, Dwarf_Die *unit)
{
    char path[4096];
    const char *dir = file && file[0] != '/' ? directory_of(unit) : NULL;
    if (dir && (size_t)snprintf(path, sizeof path, "%s/%s", dir, file) < sizeof path)
        file = path;
    emit(arg, name, file, shorten(file, unit), line > 0 ? (uint32_t)line : 0, inlined);
}

/*
 * CHAIN: the inlined calls at PC, innermost first, then the function that holds them. Returns their
 * number.
 */
static unsigned descend(Dwarf_Die *function, Dwarf_Addr pc, Dwarf_Die chain[MAX_DEPTH])
{
    Dwarf_Die down[MAX_DEPTH], at = *function, child;
    unsigned n = 0;
    down[n++] = at;
    for (unsigned depth = 0; depth < 4 * MAX_DEPTH && n < MAX_DEPTH; depth++) {
        bool deeper = false;
        if (dwarf_child(&at, &child) != 0)
            break;
        do {
            int tag = dwarf_tag(&child);
            if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block && tag != DW_TAG_try_block && tag != DW_TAG_catch_block)
                continue;
            if (dwarf_haspc(&child, pc) != 1)
                continue;
            if (tag == DW_TAG_inlined_subroutine)
                down[n++] = child;
            at = child;
            deeper = true;
            break;
        } while (dwarf_siblingof(&child, &child) == 0);
        if (!deeper)
            break;
    }
    for (unsigned i = 0; i < n; i++)
        chain[i] = down[n - 1 - i];
    return n;
}

/*
 * Functions inside functions (Ada, GNU C, some lambdas) are in no table: libdw's own walk finds
 * them.
 */
static unsigned by_scopes(Dwarf_Die *unit, Dwarf_Addr pc, Dwarf_Die chain[MAX_DEPTH])
{
    Dwarf_Die *scopes = NULL;
    int n = dwarf_getscopes(unit, pc, &scopes);
    unsigned length = 0;
    for (int i = 0; i < n; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_subprogram)
            continue;
        length = descend(&scopes[i], pc, chain);
        break;
    }
    free(scopes);
    return length;
}

static void emit_chain(struct sym_dwarf *d, const struct dwarf_span *unit, Dwarf_Addr pc, const char *symbol, sym_emit *emit, void *arg)
{
    Dwarf_Die chain[MAX_DEPTH], cu = unit->die, functions = unit->functions;
    const char *file = NULL;
    int line = 0;
    Dwarf_Line *found = dwarf_getsrc_die(&cu, pc);
    if (found) {
        file = dwarf_linesrc(found, NULL, NULL);
        if (dwarf_lineno(found, &line) != 0)
            line = 0;
    }
    const struct dwarf_span *function = find_span(&d->functions, pc);
    Dwarf_Die at = function ? function->die : functions;
    unsigned n = function ? descend(&at, pc, chain) : by_scopes(&functions, pc, chain);
    for (unsigned i = 0; i < n; i++) {
        bool inlined = i + 1 < n;
        const char *name = name_of(&chain[i]);
        emit_one(emit, arg, name || inlined ? name : symbol, file, line, inlined, &cu);
        if (inlined) { /* the next one's line is that of the call */
            Dwarf_Attribute a;
            Dwarf_Word word;
            Dwarf_Files *files;
            file = NULL;
            line = 0;
            if (dwarf_attr(&chain[i], DW_AT_call_file, &a) && dwarf_formudata(&a, &word) == 0 && dwarf_getsrcfiles(&cu, &files, NULL) == 0)
                file = dwarf_filesrc(files, word, NULL, NULL);
            if (dwarf_attr(&chain[i], DW_AT_call_line, &a) && dwarf_formudata(&a, &word) == 0 && word < INT32_MAX)
                line = (int)word;
        }
    }
    if (n == 0)
        emit_one(emit, arg, symbol, file, line, false, &cu);
}

void sym_dwarf_lookup(struct sym_dwarf *d, uint64_t address, sym_emit *emit, void *arg)
{
    GElf_Off off;
    GElf_Sym sym;
    Dwarf_Addr pc = address + d->bias;
    const char *symbol = dwfl_module_addrinfo(d->module, pc, &off, &sym, NULL, NULL, NULL);
    const struct dwarf_span *unit = d->dwarf ? find_span(&d->units, pc - d->dwarf_bias) : NULL;
    if (!unit) {
        emit(arg, symbol, NULL, NULL, 0, false);
        return;
    }
    if (unit != d->unit && (!d->unit || unit->functions.addr != d->unit->functions.addr)) {
        d->functions.n = 0;
        Dwarf_Die functions = unit->functions;
        list_functions(&d->functions, &functions, 0);
        if (d->functions.n)
            qsort(d->functions.at, d->functions.n, sizeof *d->functions.at, by_lo);
    }
    d->unit = unit;
    emit_chain(d, unit, pc - d->dwarf_bias, symbol, emit, arg);
}
