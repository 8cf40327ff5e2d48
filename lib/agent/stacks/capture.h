/* SPDX-License-Identifier: MIT */
/*
 * capture.h: the stack of the calling thread. One function; everything behind it may be exchanged.
 *
 * Two tiers: walk.c (own walk over .eh_frame rules with a process-wide lock-free cache) and, for what it does not
 * express, libunwind.c (libunwind, dlopen'ed RTLD_LOCAL on first need). A build with tier 2 alone (make CAPTURE=unwind) keeps the same contract.
 */
#ifndef SOCKLEAK_AGENT_CAPTURE_H
#define SOCKLEAK_AGENT_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

enum capture_flag {
    CAPTURE_IN_SIGNAL = 1, /* a signal frame was passed: the caller runs in a signal handler */
    CAPTURE_CUT = 2,       /* deeper than MAX */
    CAPTURE_NESTED = 4,    /* another capture of this thread is under way: nothing recorded */
    CAPTURE_BROKEN = 8,    /* ended at something that no tier understands; what was found is right */
};

/*
 * capture_stack: writes at most MAX (0..64) return addresses of the calling thread, innermost first, to PCS and returns their number.
 * Frames inside the agent's own text are left out, so PCS[0] lies in the code that called the wrapped function. The look-up address of
 * an entry is the entry minus 1; for the pc that a signal interrupted, the entry is the exact pc plus 1, so the same rule holds for all.
 * *FLAGS (may be NULL) gets capture_flag bits. errno, the cancellation state and signal masks are as before; no allocation;
 * async-signal-safe (in a signal handler tier 2 is not used). Never faults, whatever the stack looks like.
 */
unsigned capture_stack(uint64_t *pcs, unsigned max, unsigned *flags);

/*
 * True when the calling thread runs in a signal handler, or may: within a capture of its own that something has interrupted. Costs a capture.
 * Beyond 64 frames nobody looks.
 */
bool capture_in_handler(void);

/* What came of a stack that was seen before. PLACE and SEQ are capture.c's. */
struct capture_ticket {
    uint64_t note; /* as capture_note was given it for this very stack; 0: none */
    void *place;
    uint32_t seq;
};
/* The same; but a stack that has a note is not written to PCS, only counted: the note is what its caller wants to know. */
unsigned capture_stack_noted(uint64_t *pcs, unsigned max, unsigned *flags, struct capture_ticket *ticket);
/* Keeps NOTE, not 0, with the stack that TICKET was given for. It may be lost at any time; it never comes with another stack. */
void capture_note(const struct capture_ticket *ticket, uint64_t note);

/* Called once before the first capture, by the first thread that opens a socket, outside of signal handlers if possible. Cheap; loads nothing. */
void capture_init(void);
/* Around the program's dlclose: while one runs no rule is cached, at its end all rules are dropped. */
void capture_dlclose_begin(void);
void capture_dlclose_end(void);
/* fork: no tier-2 capture is in flight across it. */
void capture_fork_prepare(void);
void capture_fork_parent(void);
void capture_fork_child(void);

/* Counters for verbosity and benchmarks. */
struct capture_stats {
    uint64_t captures, fallbacks, broken, rules_parsed;
};
void capture_get_stats(struct capture_stats *s);

#endif
