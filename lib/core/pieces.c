/* SPDX-License-Identifier: MIT */
/*
 * pieces.c: reads a text of lines in pieces.
 *
 * Called for the fdinfo of epolls, by agent and command.
 */
#include "pieces.h"

#include <string.h>

int pieces_read(struct pieces *p, pieces_take *take, void *arg)
{
    size_t kept = 0;
    while (p->left && kept < p->size) {
        long n = p->read(p->from, p->buf + kept, p->size - kept);
        if (n <= 0)
            return (int)n;
        p->left -= (size_t)n < p->left ? (size_t)n : p->left;
        size_t len = kept + (size_t)n, used = take(arg, p->buf, len);
        kept = len - used;
        memmove(p->buf, p->buf + used, kept);
    }
    return 1;
}
