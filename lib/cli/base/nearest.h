/* SPDX-License-Identifier: MIT */
/*
 * nearest.h: the word that was meant, for "did you mean": a slip of the finger, not another word.
 */
#ifndef SOCKLEAK_CLI_BASE_NEAREST_H
#define SOCKLEAK_CLI_BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#define NEAREST_MAX 24u /* bytes of a word; longer ones are near to none */

/* Damerau's distance (insert, delete, change, swap) of two short words. */
unsigned nearest_distance(const char *a, const char *b);
/*
 * The long option in USAGE, a command's help, that is nearest to the N bytes at WORD (both without
 * "--"). False: none is near.
 */
bool nearest_option(const char *usage, const char *word, size_t n, char near[NEAREST_MAX + 1]);

#endif
