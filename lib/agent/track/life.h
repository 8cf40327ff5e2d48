/* SPDX-License-Identifier: MIT */
/*
 * life.h: what the program does with a socket between its opening and its end: first and last
 * receive and send, put on epoll and taken off, shut down, copied. Rules for the caller: track.h.
 */
#ifndef SOCKLEAK_AGENT_TRACK_LIFE_H
#define SOCKLEAK_AGENT_TRACK_LIFE_H

#include <stdbool.h>

#include "../../core/state.h"
#include "../table/lives.h"

enum life_use { LIFE_RECEIVE, LIFE_SEND };

/* The word of its last receive or send (LIFE_WORD), where it lies in memory: this is one load. */
typedef uint32_t life_word __attribute__((may_alias));
static inline __attribute__((always_inline)) const life_word *life_last(const struct state_life *chunk, size_t place, enum life_use use)
{
    return (const life_word *)(use == LIFE_RECEIVE ? &chunk[place].receive : &chunk[place].send);
}
/*
 * After a call that has transferred something on the descriptor at FD, by the pair WORD of the
 * calling thread (pairs.h): false when it is news, and track_used is to be called. True for a file
 * and for a socket that is not kept.
 */
static inline __attribute__((always_inline)) bool life_knows(const int *fd, uint32_t word, enum life_use use)
{
    uint8_t place;
    const struct state_life *life = lives_near(fd, &place);
    /*
     * Plain loads: the first is a part of the comparison, the second is apart. A file fails the
     * first, so neither way is rare: with this weight each gets a return of its own, without a jump.
     */
    if (__builtin_expect_with_probability(*life_last(life, place, use) == word, 1, 0.6))
        return true;
    __asm__ volatile("" : "+r"(life) : : "memory");
    return !*life_last(life, place, use);
}
/* The call is that of the event (base/thread.h). Walks the stack if its pair is new to the process. */
void track_used(int fd, uint32_t word, enum life_use use);

/* ---- for track/ and process/ alone ---- */
/* COPY is a second descriptor of OLD's socket. */
void life_copy(int old, int copy);
/* epoll_ctl has put FD on an epoll, or (else) taken it off. */
void life_registered(int fd, bool added);
void life_shut_down(int fd);
/* This thread has seen EOF or an error on FD. */
void life_told(int fd);
void life_duped(struct state_share *share);
/*
 * FD, just imported, is the socket of SLOT, a copy of the same descriptor's in OLD, another table:
 * it keeps the life that it had there. IMPORT brings over a stack.
 */
void life_import(int fd, const struct state_view *old, struct state_finder *find, const struct state_slot *slot,
                 state_ref (*import)(const struct state_view *old, state_ref ref));

#endif
