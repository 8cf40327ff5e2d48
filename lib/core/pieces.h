/* SPDX-License-Identifier: MIT */
/*
 * pieces.h: reads a text of lines in pieces, with little memory.
 *
 * No I/O of its own: whoever calls it gives what reads. Async-signal-safe if both callbacks are.
 */
#ifndef SOCKLEAK_CORE_PIECES_H
#define SOCKLEAK_CORE_PIECES_H

#include <stddef.h>

struct pieces {
    /* As read(2), but -errno where that fails. */
    long (*read)(void *from, char *to, size_t n);
    void *from;
    char *buf; /* of SIZE bytes: no line is longer */
    size_t size;
    size_t left; /* no piece is read once this many bytes were; counts down */
};

/* Takes the whole lines of the LEN bytes at TEXT: returns how many bytes these are. */
typedef size_t pieces_take(void *arg, const char *text, size_t len);

/*
 * Gives the text to TAKE, piece by piece, each with what the last one left. Returns 0 at its end,
 * -errno, or 1 where the text goes on: too much to read, or a line that does not fit.
 */
int pieces_read(struct pieces *p, pieces_take *take, void *arg);

#endif
