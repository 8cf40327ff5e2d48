/* SPDX-License-Identifier: MIT */
/*
 * load_words.h: the state files that a user has named.
 *
 * What cannot be read gives one line on standard error, and STATUS the exit status for it; the
 * others are loaded all the same.
 */
#ifndef SOCKLEAK_CLI_STATE_LOAD_WORDS_H
#define SOCKLEAK_CLI_STATE_LOAD_WORDS_H

#include "load_set.h"

/* WORD is a pid (of a process that lives or has ended), a file, or a directory of files. */
void load_words_add(struct load_set *set, const char *word, int *status);
/* Every state file of this user. */
void load_words_all(struct load_set *set, int *status);

#endif
