/* SPDX-License-Identifier: MIT */
/*
 * word.h: a word of an option or a rule, which no NUL ends; and texts that may be NULL. Pure, inline,
 * async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_WORD_H
#define SOCKLEAK_CORE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* True when the LEN bytes at S are the string WORD. */
static inline bool word_is(const char *s, size_t len, const char *word) { return strlen(word) == len && memcmp(s, word, len) == 0; }

/* The two are equal; NULL, of what is not known, is equal to NULL alone. */
static inline bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

#endif
