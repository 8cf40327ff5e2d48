/* SPDX-License-Identifier: MIT */
/*
 * check.h: can this program be run under the agent?
 */
#ifndef SOCKLEAK_CLI_RUN_CHECK_H
#define SOCKLEAK_CLI_RUN_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Where execvp would find NAME, into PATH. NULL, or a sentence that says why there is none. */
const char *run_find(const char *name, char *path, size_t cap);
/*
 * NULL when the program at PATH (an ELF file, or a script, whose interpreter is followed) loads
 * LIBRARY; else a sentence with the reason and what to use instead, in a static buffer. What cannot
 * be read is let pass.
 */
const char *run_check(const char *path, const char *library);
/*
 * The ELF file that runs when PATH is run, into ELF: PATH itself, or a script's interpreter. False:
 * there is none, or it cannot be read.
 */
bool run_elf(const char *path, char *elf, size_t cap);

#endif
