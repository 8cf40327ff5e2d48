/* SPDX-License-Identifier: MIT */
/*
 * pairs.h: which stack stands behind a call at one place: a table of the process, so that a
 * socket's last receive and last send need no walk.
 *
 * A pair is a call and its return address, and where the stack stood then, relative to the thread's
 * control block. Mixed to one word it tells the stack nearly always, for all threads alike. What a
 * socket keeps has the thread in it too: a call of another thread is another word. Any thread,
 * signal handlers too; no lock, no allocation but records from the table.
 */
#ifndef SOCKLEAK_AGENT_PAIRS_H
#define SOCKLEAK_AGENT_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/cpu.h"
#include "../../core/state.h"
#include "../base/thread.h"

/*
 * The calling thread's word of a pair, for the function that it is inlined into: SP is a place in
 * its frame, RETURNS its return address. Four instructions on x86-64. In a new thread or process it
 * is nobody's word, until pairs_own was called: so the first use is news.
 */
static inline __attribute__((always_inline)) uint32_t pairs_word(const void *sp, const void *returns, unsigned call)
{
    uintptr_t place = (uint32_t)(uintptr_t)returns * 0x9e3779b1u + (uintptr_t)sp + (uintptr_t)(call * 0x2c1b3c6du & 0x7fffffffu);
    return (uint32_t)place - this_thread.pair_base;
}
/* What is the same for all threads of WORD, one of the calling thread: the word of a struct state_pair. */
static inline uint32_t pairs_common(uint32_t word) { return word + this_thread.pair_base - (uint32_t)arch_thread_pointer(); }
/* The calling thread's word of the pair COMMON; from now on pairs_word gives it. Not in a vfork child. */
static inline uint32_t pairs_own(uint32_t common)
{
    uint32_t stands = (uint32_t)arch_thread_pointer();
    this_thread.pair_base = stands - LIFE_THREAD(thread_number());
    return common + stands - this_thread.pair_base;
}

/* Whether NUMBER is that of the pair COMMON. */
bool pairs_is(uint32_t number, uint32_t common);
/*
 * The calling thread has used a socket, GEN of the descriptor FD, by the pair COMMON, and its last
 * one was another. Walks the stack, as one of CALL, if the process does not know the pair yet, and
 * at each 2^k-th call for this pair. Returns its number; 0: there was no room for it. Keeps errno.
 */
uint32_t pairs_used(uint32_t common, unsigned call, int fd, uint32_t gen);
/*
 * Walks the stack, as one of CALL, and returns the number of a pair that stands for it alone; 0:
 * none. For the first use of a socket in a program with a runtime: the functions of an interpreter
 * may all be called at one place of one native stack, so that a pair does not tell them apart.
 * Keeps errno.
 */
uint32_t pairs_of_stack(unsigned call);
/*
 * The pair NUMBER of OLD, another table, has the number that is returned in this one; 0: it is
 * none. IMPORT brings over the stacks: for a socket that came with a fork or an exec.
 */
uint32_t pairs_import(const struct state_view *old, struct state_finder *find, uint32_t number,
                      state_ref (*import)(const struct state_view *old, state_ref ref));
/* The record of the pair COMMON; NULL: there is none. */
struct state_pair *pairs_find(uint32_t common);
/* Call when the table was replaced: no pair is known any more. */
void pairs_reset(void);

#endif
