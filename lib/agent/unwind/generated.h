/* SPDX-License-Identifier: MIT */
/*
 * generated.h: code that a runtime has generated: how the walk goes through its frames.
 *
 * Such code lies in no object and has no unwind tables; only its runtime knows how its frames are
 * left. A reader of runtimes/ fills the table when it has found its runtime. Until then a walk is as
 * ever, and afterwards only an address that has no rule in the cache is asked about.
 *
 * A walk without COLLECT ends where such code begins, and can be remembered. One with COLLECT has
 * the reader put the frames there, and goes on behind them.
 *
 * Both functions run in any thread, holds in signal handlers too: no allocation, no lock.
 */
#ifndef SOCKLEAK_AGENT_GENERATED_H
#define SOCKLEAK_AGENT_GENERATED_H

#include <stdatomic.h>

#include "step.h"

struct generated_code {
    /* Whether the runtime has generated the code before ENTRY, a return address. */
    bool (*holds)(uintptr_t entry);
    /*
     * Steps from W->at, a frame of such code that has called outwards, to the next frame that is
     * none, and puts the frames of the program between into W->collect. GENERATED_NONE: it is no
     * such frame after all.
     */
    enum generated_step (*step)(struct walk *w);
};

/* NULL: no runtime was found, or it generates no code. */
extern _Atomic(const struct generated_code *) generated_code;

static inline bool generated_holds(uintptr_t entry)
{
    const struct generated_code *g = atomic_load_explicit(&generated_code, memory_order_acquire);
    return __builtin_expect(g != NULL, 0) && g->holds(entry);
}

#endif
