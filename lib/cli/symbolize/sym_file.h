/* SPDX-License-Identifier: MIT */
/*
 * sym_file.h: one ELF file with its debug data, opened for looking up addresses.
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_SYM_FILE_H
#define SOCKLEAK_CLI_SYMBOLIZE_SYM_FILE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which file is wanted, and where it may be. */
struct sym_source {
    const char *path;       /* as recorded */
    const char *sysroot;    /* NULL: none */
    const char *root;       /* of the live process; NULL: ours */
    int pid;                /* of the live process that has it mapped; 0: none */
    uint64_t start;         /* where it is mapped there; 0: not known */
    const char *debug_dirs; /* absolute, with ':' between; NULL: none */
    const uint8_t *build_id;
    unsigned build_id_len;    /* 0: recorded without one */
    uint64_t unchanged_since; /* see symbolize.h */
};

/* An open Dwfl with MODULE alone in it. */
struct sym_file {
    Dwfl *dwfl;
    Dwfl_Module *module;
    Dwfl_Callbacks callbacks;
    char *debug_path;
    uint64_t written_ns; /* CLOCK_REALTIME: when the file was written last */
    uid_t owner;
};
/* False: *TROUBLE is a sentence (NULL: there is nothing to say), and nothing is to be closed. */
bool sym_file_open(struct sym_file *o, const struct sym_source *from, const char **trouble);
void sym_file_close(struct sym_file *o);

#endif
