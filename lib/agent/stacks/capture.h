/* SPDX-License-Identifier: MIT */
/*
 * capture.h: captures the stack of the calling thread. Everything behind this header may be
 * exchanged.
 *
 * There are two tiers: walk.c (our own walk over .eh_frame rules with a process-wide lock-free
 * cache) and, for what it does not express, libunwind_walk.c (libunwind, loaded with dlopen
 * RTLD_LOCAL when first needed). A build with the second tier alone (make CAPTURE=unwind) keeps the
 * same contract.
 */
#ifndef SOCKLEAK_AGENT_CAPTURE_H
#define SOCKLEAK_AGENT_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../arch/cpu.h"

enum capture_flag {
    CAPTURE_IN_SIGNAL = 1, /* a signal frame was passed: the caller runs in a signal handler */
    CAPTURE_CUT = 2,       /* the stack is deeper than MAX */
    CAPTURE_NESTED = 4,    /* another capture of this thread is under way: nothing recorded */
    CAPTURE_BROKEN = 8,    /* ended at a frame that no tier can leave; the frames found are right */
    CAPTURE_GENERATED = 16 /* ended at code that the process' runtime has generated (unwind/generated.h) */
};

/*
 * capture_stack: writes at most MAX (0..64) return addresses of the calling thread, innermost
 * first, to PCS and returns their number. Frames inside the agent's own code are left out, so
 * PCS[0] lies in the code that called the wrapped function. The address to look up for an entry is
 * the entry minus 1. For the pc that a signal interrupted, the entry is the exact pc plus 1, so the
 * same rule holds for all. *FLAGS (may be NULL) gets capture_flag bits. errno, the cancellation
 * state and the signal mask are kept; no allocation; async-signal-safe (in a signal handler the
 * second tier is not used). Never faults, whatever is on the stack.
 */
unsigned capture_stack(uint64_t *pcs, unsigned max, unsigned *flags);

/*
 * True when the calling thread runs in a signal handler, or may run in one: when something has
 * interrupted a capture of its own. Costs a capture. Frames beyond the first 64 are not searched.
 */
bool capture_in_handler(void);

/* What is known about a stack that was captured before. PLACE and SEQ are private to capture.c. */
struct capture_ticket {
    uint64_t note; /* what capture_note stored for this very stack; 0: nothing */
    void *place;
    uint32_t seq;
};
/*
 * As capture_stack, of the stack from FROM, a frame of the calling thread that is under way
 * (arch_caller), and fills TICKET. The addresses of a stack that has a note are not written to PCS,
 * only counted: its caller needs just the note. Captures of different KINDs, below 2^24, have notes
 * of their own.
 */
unsigned capture_stack_noted(const struct arch_frame *from, unsigned kind, uint64_t *pcs, unsigned max, unsigned *flags,
                             struct capture_ticket *ticket);
/* The same without a ticket: its addresses are written in any case. */
unsigned capture_again(const struct arch_frame *from, unsigned kind, uint64_t *pcs, unsigned max, unsigned *flags);
/*
 * The note alone, where the stack from FROM is remembered with one, and has no signal frame; 0:
 * capture_stack_noted says more. MAX: at most 64.
 */
uint64_t capture_note_of(const struct arch_frame *from, unsigned kind, unsigned max);
/*
 * Stores NOTE, which is not 0, with the stack that TICKET was filled for. The note may be lost at
 * any time; it is never returned with another stack.
 */
void capture_note(const struct capture_ticket *ticket, uint64_t note);

/*
 * As capture_stack, and writes where each frame's part of the stack begins to SPS; it ends where
 * the next frame's begins; SPS has room for MAX + 1, and the last one is UINT64_MAX where nothing is
 * known of a next frame. Always walks, and without the second tier: fewer frames may be found
 * than by capture_stack. COLLECT (may be NULL) is for the reader of generated code: with it the
 * frames behind such code are found too.
 */
/* The same without the places, for warm paths. */
unsigned capture_collect(uint64_t *pcs, unsigned max, unsigned *flags, void *collect);
unsigned capture_places(uint64_t *pcs, uint64_t *sps, unsigned max, unsigned *flags, void *collect);

/*
 * Called once before the first capture, by the first thread that opens a socket, outside of signal
 * handlers if possible. Cheap. Loads nothing, except in a build with libunwind alone.
 */
void capture_init(void);
/*
 * Around the program's dlclose: while one runs no rule is cached, and at its end all rules are
 * dropped.
 */
void capture_dlclose_begin(void);
void capture_dlclose_end(void);
/* Around fork: no capture of the second tier is under way across it. */
void capture_fork_prepare(void);
void capture_fork_parent(void);
void capture_fork_child(void);

/* Counters for the log and for benchmarks. */
struct capture_stats {
    uint64_t captures, fallbacks, broken, rules_parsed;
};
void capture_get_stats(struct capture_stats *s);

#endif
