/* SPDX-License-Identifier: MIT */
/*
 * check.h: can this program be run under the agent?
 */
#ifndef SOCKLEAK_CLI_RUN_CHECK_H
#define SOCKLEAK_CLI_RUN_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/library.h"

/* Where execvp would find NAME, into PATH. NULL, or a sentence that says why there is none. */
const char *run_find(const char *name, char *path, size_t cap);
/* How a program is to be watched. */
enum run_way {
    RUN_PRELOAD, /* it loads the library */
    RUN_TRACE,   /* it cannot, but can be watched from outside (trace/) */
    RUN_REFUSE
};
/*
 * The way for the program at PATH (an ELF file, or a script, whose interpreter is followed). LIBRARY:
 * the one that it would load; NULL: there is none here. *WHY, but for RUN_PRELOAD: a sentence with the
 * reason and what to use instead, in a static buffer. What cannot be read is let pass.
 */
enum run_way run_check(const char *path, const char *library, const char **why);
/* The same where tracing is asked for: NULL, or the sentence that refuses it. */
const char *run_check_traced(const char *path);
/*
 * The ELF file that runs when PATH is run, into ELF: PATH itself, or a script's interpreter. False:
 * there is none, or it cannot be read.
 */
bool run_elf(const char *path, char *elf, size_t cap);
/* The C library of the program at PATH, or of a script's interpreter, by its loader. */
enum library_libc run_libc(const char *path);

#endif
