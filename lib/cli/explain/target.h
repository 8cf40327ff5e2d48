/* SPDX-License-Identifier: MIT */
/*
 * target.h: what is explained: the word that names a site or a descriptor, and whose it is.
 */
#ifndef SOCKLEAK_CLI_EXPLAIN_TARGET_H
#define SOCKLEAK_CLI_EXPLAIN_TARGET_H

#include "../state/load_set.h"

struct target {
    const char *word;
    bool by_fd;
    int fd;
    uint64_t siteid; /* the digits that were given are its first ones, until target_choose */
    unsigned digits;
};

/* "fd:14", or 4 to 16 hex digits. An exit status: CLI_OK, or CLI_USAGE after one line that says why. */
int target_parse(struct target *t, const char *word);
/*
 * The process of SET that T is in; its siteid is complete then, and FD the first descriptor of that
 * socket. Where several processes have the site, that with the most of its sockets open. NULL: an
 * error was printed, which says what to do.
 */
const struct loaded_file *target_choose(struct target *t, const struct load_set *set);
/* How many sockets of the site are open in L. */
size_t target_sockets(const struct target *t, const struct loaded_file *l);
/* T is a site, and L has recorded it. */
bool target_is_in(const struct target *t, const struct loaded_file *l);

#endif
