/* SPDX-License-Identifier: MIT */
/*
 * index.h: the sockets of one scan, by inode.
 */
#ifndef SOCKLEAK_CLI_SCAN_INDEX_H
#define SOCKLEAK_CLI_SCAN_INDEX_H

#include "types.h"

/*
 * Makes the sockets of S ready to be looked up. Of a socket that is in S twice only the later one
 * counts from then on.
 */
void scan_index_make(struct scan *s);
/* NULL: in no table */
const struct scan_socket *scan_index_find(const struct scan *s, uint32_t inode);
/* Is it a healthy Unix socket? */
bool scan_index_is_other(const struct scan *s, uint32_t inode);

/* Something in NS listens on the local port of T, and on its address or on any. */
bool scan_index_listens(const struct scan_namespace *ns, const struct scan_socket *t);

#endif
