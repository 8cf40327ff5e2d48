/* SPDX-License-Identifier: MIT */
/*
 * file.h: one ELF file with its debug data, opened for looking up addresses. Between symbolize.c, file.c and dwarf.c only.
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_FILE_H
#define SOCKLEAK_CLI_SYMBOLIZE_FILE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which file is wanted, and where it may be. */
struct sym_source {
    const char *path;       /* as recorded */
    const char *sysroot;    /* NULL: none */
    const char *root;       /* of the live process; NULL: ours */
    const char *exe;        /* NULL: not the program of a live process */
    const char *debug_dirs; /* absolute, with ':' between; NULL: none */
    const uint8_t *build_id;
    unsigned build_id_len;    /* 0: recorded without one */
    uint64_t unchanged_since; /* see symbolize.h */
};

/* file.c. An open Dwfl with MODULE alone in it, or NULL and *TROUBLE a sentence. dwfl_end closes it. */
struct sym_opened {
    Dwfl *dwfl;
    Dwfl_Module *module;
    Dwfl_Callbacks callbacks;
    char *debug_path;
};
bool sym_open(struct sym_opened *o, const struct sym_source *from, const char **trouble);
void sym_close(struct sym_opened *o);

/*
 * dwarf.c. The functions of ADDRESS (in the file's own addresses) go to EMIT, innermost first; at least one call, whose strings may be NULL and
 * are valid during it. Names are as the compiler wrote them.
 */
struct sym_dwarf;
typedef void sym_emit(void *arg, const char *name, const char *file, uint32_t line, bool inlined);
struct sym_dwarf *sym_dwarf_new(Dwfl_Module *module);
void sym_dwarf_free(struct sym_dwarf *d);
void sym_dwarf_lookup(struct sym_dwarf *d, uint64_t address, sym_emit *emit, void *arg);

#endif
