/* SPDX-License-Identifier: MIT */
/*
 * elf_file.h: what `run` must know of a program's file beyond what the loader compares.
 */
#ifndef SOCKLEAK_CLI_RUN_ELF_FILE_H
#define SOCKLEAK_CLI_RUN_ELF_FILE_H

#include <stdbool.h>

#include "../base/arena.h"

/* True when the Go toolchain made the program at PATH, with cgo or without. */
bool elf_file_is_go(const char *path);
/*
 * The runtimes of sanitizers that the program at PATH is linked with, by the names that the loader
 * knows them under, in its order, separated by ':'. NULL: none, or part of the program itself.
 */
const char *elf_file_sanitizers(struct arena *arena, const char *path);

#endif
