/* SPDX-License-Identifier: MIT */
/*
 * runtimes.h: the runtimes of this process: which were found, and their frames.
 *
 * For stacks/ and track/. Any thread; async-signal-safe but for what runtime.h forbids in a signal
 * handler (runtimes_walk and what takes its frames).
 */
#ifndef SOCKLEAK_AGENT_RUNTIMES_H
#define SOCKLEAK_AGENT_RUNTIMES_H

#include <stdatomic.h>

#include "../elf/object.h"
#include "runtime.h"

/*
 * An object was met in a stack for the first time. Looks whether it is a runtime, and returns whose
 * interpreter's code it holds (enum runtime_number; RUNTIME_NATIVE: of none). PATH is its file.
 */
unsigned runtimes_meet(const struct object *o, const char *path);
/*
 * Code was met in a stack that lies in no object: looks whether a runtime is loaded that generates
 * code. Searches a limited number of times.
 */
void runtimes_meet_generated(void);
/* The object that was loaded at START is gone. */
void runtimes_forget(uint64_t start);
/* In a forked child, before its first stack: no other thread runs there. */
void runtimes_fork_child(void);
/* The runtimes that were found: a bit for each. 0 while there is none: for paths on which an instruction counts. */
extern _Atomic uint32_t runtimes_found __attribute__((visibility("hidden")));
#define RUNTIMES_MAX 8u
/* The runtime of each bit. */
extern const struct runtime *const runtimes_readers[RUNTIMES_MAX] __attribute__((visibility("hidden")));
/* Another number when one was found, or is gone. */
extern _Atomic uint32_t runtimes_changed __attribute__((visibility("hidden")));
static inline uint32_t runtimes_changes(void) { return atomic_load_explicit(&runtimes_changed, memory_order_acquire); }
/* The bits of those whose interpreter's object holds the code at ADDR. */
uint32_t runtimes_holding(uint64_t addr);
bool runtimes_holds(const struct runtime *r, uint64_t addr);
/* The bit of the one that has a part in the native walk; 0: none has. */
uint32_t runtimes_generating(void);
/* Why the frames of the runtime with that NUMBER, which this process has, are not read; NULL: it is not so. */
const char *runtimes_refusal(unsigned number);
/* A runtime of this process has begun to end. */
bool runtimes_are_ending(void);
/* The same can only be seen from the closing thread's stack, by a return address: runtimes_end_in. */
bool runtimes_end_in_code(void);
bool runtimes_end_in(uint64_t entry);
/* This thread has such an address on its stack, and is not the main one: the whole program ends. */
bool runtimes_program_ends(void);

#endif
