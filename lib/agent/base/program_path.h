/* SPDX-License-Identifier: MIT */
/*
 * program_path.h: the path of the program's file, and the kernel's mark on names of removed files.
 *
 * No allocation, no lock; errno is kept. Async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_PROGRAM_PATH_H
#define SOCKLEAK_AGENT_PROGRAM_PATH_H

#include <stddef.h>

/*
 * Writes the path of the program's file to TO, NUL-terminated and cut at CAP-1; "" when it is not
 * known. A program whose file was removed or replaced keeps its path: the kernel's mark
 * " (deleted)" is not a part of it.
 */
void program_path(char *to, size_t cap);
/* Cuts the mark off PATH, unless a file of that very name exists. */
void program_path_unmark(char *path);

#endif
