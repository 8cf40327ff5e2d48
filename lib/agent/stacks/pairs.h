/* SPDX-License-Identifier: MIT */
/*
 * pairs.h: which stack stands behind a call at one place: a table of the process, so that a
 * socket's last receive and last send need no walk.
 *
 * A pair is a call and its return address, and where the stack stood then, relative to the thread's
 * control block. Mixed to one word it tells the stack nearly always. Any thread, signal handlers
 * too; no lock, no allocation but records from the table.
 */
#ifndef SOCKLEAK_AGENT_PAIRS_H
#define SOCKLEAK_AGENT_PAIRS_H

#include <stdint.h>

#include "../../arch/cpu.h"
#include "../../core/state.h"

/*
 * The word of a pair, for the function that it is inlined into: SP is a place in its frame, RETURNS
 * its return address. Three instructions on x86-64.
 */
static inline __attribute__((always_inline)) uint32_t pairs_word(const void *sp, const void *returns, unsigned call)
{
    uintptr_t place = (uint32_t)(uintptr_t)returns * 0x9e3779b1u + (uintptr_t)sp + (uintptr_t)(call * 0x2c1b3c6du & 0x7fffffffu);
    return arch_minus_thread_pointer((uint32_t)place);
}

/*
 * The calling thread has used a socket, GEN of the descriptor FD, by the pair WORD, and its last
 * one was another. Walks the stack, as one of CALL, if the process does not know the pair yet, and
 * at each 2^k-th call for this pair.
 */
void pairs_used(uint32_t word, unsigned call, int fd, uint32_t gen);
/*
 * Walks the stack, as one of CALL, and returns a word that stands for it alone; 0: none. For the
 * first use of a socket in a program with a runtime: the functions of an interpreter may all be
 * called at one place of one native stack, so that a pair does not tell them apart.
 */
uint32_t pairs_of_stack(unsigned call);
/*
 * The pair WORD of OLD, another table; IMPORT brings over the stacks: for a socket that came with a
 * fork or an exec.
 */
void pairs_import(const struct state_view *old, struct state_finder *find, uint32_t word,
                  state_ref (*import)(const struct state_view *old, state_ref ref));
/* The record with WORD; NULL: there is none. */
struct state_pair *pairs_find(uint32_t word);
/* Call when the table was replaced: no pair is known any more. */
void pairs_reset(void);

#endif
