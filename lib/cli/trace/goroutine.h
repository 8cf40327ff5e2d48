/* SPDX-License-Identifier: MIT */
/*
 * goroutine.h: which goroutine a stopped thread runs, who created it, and its stack where C code
 * runs.
 *
 * Go's structures g and m differ between versions in all but their first words; what is behind
 * those is found by what it must be (an address of code, a stack pointer within the stack), not by
 * its place.
 */
#ifndef SOCKLEAK_CLI_TRACE_GOROUTINE_H
#define SOCKLEAK_CLI_TRACE_GOROUTINE_H

#include "go_program.h"
#include "walk.h"

#define G_WORDS 80u
/* Words of a g. */
enum g_word { G_STACK_LOW = 0, G_STACK_HIGH = 1, G_M = 6, G_SP = 7, G_PC = 8 };

struct goroutine {
    uint64_t address;
    uint64_t words[G_WORDS];
};

/*
 * The g that the stopped thread of sample S has in its thread-local storage. *PLACE: how far below
 * the thread pointer it stands, once it has been found; 0 at first. TLS_SIZE: of the executable's
 * block. *LAST: the address of the one that was found last, which is read with the word, for a
 * goroutine often makes several calls one after the other; 0 at first.
 */
bool goroutine_of_thread(const struct sample *s, uint64_t tls_size, uint32_t *place, uint64_t *last, struct goroutine *g);
/* True: G's stack is one that Go made, not the thread's. */
bool goroutine_has_own_stack(const struct goroutine *g);
/*
 * The goroutine for which a thread runs C code: G is the thread's own g, which has the thread's
 * stack. *PC and *SP: in the goroutine's runtime.cgocall. *WORD: of m, where the goroutine stands,
 * once it has been found; 0 at first. False: it runs none.
 */
bool goroutine_in_c(pid_t pid, const struct go_tables *t, const struct goroutine *g, uint32_t *word, struct goroutine *out, uint64_t *pc,
                    uint64_t *sp);
/*
 * Entry of G's first function, and return address of the go statement. *WORD: of g, where the entry
 * stands, once it has been found; 0 at first. False: they are not found.
 */
bool goroutine_creator(const struct go_tables *t, const struct goroutine *g, uint32_t *word, uint64_t *first, uint64_t *creator);

#endif
