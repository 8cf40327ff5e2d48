/* SPDX-License-Identifier: MIT */
/*
 * word.h: a word of an option or a rule, which no NUL ends. Pure, inline, async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_WORD_H
#define SOCKLEAK_CORE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* True when the LEN bytes at S are the string WORD. */
static inline bool word_is(const char *s, size_t len, const char *word) { return strlen(word) == len && memcmp(s, word, len) == 0; }

#endif
