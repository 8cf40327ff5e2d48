/* SPDX-License-Identifier: MIT */
/*
 * step.c: the rare steps: signal frames, code without tables, and rules that need registers which
 * the walk does not track.
 *
 * Called by walk.c, in any thread and in signal handlers. step_odd starts at its own frame with all
 * registers and parses the rules of every frame up to the one in question, about 1 us each. It is
 * needed for lazy binding that a signal interrupted, and for a few instructions of functions that
 * realign their stack.
 */
#include "step.h"

#include "../base/pages.h"
#include "../base/readable.h"
#include "libc_frames.h"
#include "rule.h"

#define CHAIN_FAR (16u << 10) /* a frame pointer that points further away is taken for a number */
#define ODD_STEPS 320u

struct registers {
    uintptr_t v[CFI_REGS];
    uint32_t known;
    bool exact;
};

bool step_signal(struct walk *w)
{
    struct arch_frame to;
    uintptr_t uc = w->at.sp;

    if (!stack_load(&w->span, uc + ARCH_UC_PC, &to.pc) || !stack_load(&w->span, uc + ARCH_UC_SP, &to.sp) ||
        !stack_load(&w->span, uc + ARCH_UC_FP, &to.fp) || to.sp % 8)
        return false;
    /*
     * The interrupted code may have run on another stack. The handler may have written to the
     * ucontext, so its sp is not trusted.
     */
    if (to.sp - w->span.lo >= w->span.len)
        w->span = readable(to.sp) ? stack_span(to.sp) : (struct span){.len = 0};
    w->at = to;
    w->exact = true;
    w->in_signal = true;
    return true;
}

/* The 16 bytes of code before PC and the 16 from PC on; zeros where they cannot be read. */
static void code_around(uintptr_t pc, unsigned char code[32])
{
    bool ok = false;

    for (uintptr_t i = 0, at = pc - 16; i < 32; i++, at++) {
        if (i == 0 || at % PAGE_BYTES == 0)
            ok = readable(at & ~(uintptr_t)7);
        code[i] = ok ? *(const unsigned char *)at : 0;
    }
}

/* Steps to the caller, whose return address lies at A. False when that is no return address. */
static bool leave_to(struct walk *w, uintptr_t a, uintptr_t fp)
{
    unsigned char code[32];
    uintptr_t pc;

    if (!stack_load(&w->span, a, &pc))
        return false;
    if (pc != 0) {
        code_around(pc, code);
        if (!arch_after_call(code + 16) && !arch_is_sigreturn(code + 16))
            return false;
    }
    w->at = (struct arch_frame){.pc = pc, .sp = a + 8, .fp = fp};
    w->exact = false;
    return true;
}

bool step_unknown(struct walk *w)
{
    unsigned char code[32];
    uintptr_t fp;

    code_around(w->at.pc, code);
    if (arch_is_sigreturn(code + 16))
        return step_signal(w);
    if (libc_frames_hold(w->at.pc)) {
        if (w->exact || !libc_frames_begin(w->at.pc, code + 16))
            return false;
        w->at.pc = 0; /* nobody has called it */
        return true;
    }
    if (w->exact) {
        unsigned pushed = arch_stub(code + 16);
        if (pushed)
            return leave_to(w, w->at.sp + pushed - 8, w->at.fp);
        /* A call through a wild pointer has only pushed its return address. */
        if (!readable(w->at.pc & ~(uintptr_t)7))
            return leave_to(w, w->at.sp, w->at.fp);
    } else if (!arch_after_call(code + 16)) {
        return false;
    }
    return w->at.fp >= w->at.sp && w->at.fp - w->at.sp <= CHAIN_FAR && w->at.fp % 8 == 0 && stack_load(&w->span, w->at.fp, &fp) &&
           leave_to(w, w->at.fp + 8, fp);
}

/*
 * A coroutine that has not run yet has its first caller's address above it. At the end of a
 * makecontext stack, and anywhere else, the word there is not the address of code.
 */
bool step_start(struct walk *w, bool *end)
{
    struct cfi_row row;
    uintptr_t pc;
    int called = -1;

    *end = true;
    if (!stack_load(&w->span, w->at.sp, &pc))
        return true;
    enum cfi_result found = rule_row(pc, false, &called, &row);
    if (found != CFI_OK || (called == 0 && row.start != pc))
        return true;
    *end = false;
    w->at = (struct arch_frame){.pc = pc, .sp = w->at.sp + 8, .fp = w->at.fp};
    w->exact = false;
    return true;
}

static bool get_register(const struct registers *r, uint8_t reg, uintptr_t cfa, uintptr_t *v)
{
    if (reg == CFI_CFA)
        *v = cfa;
    else if (reg < CFI_REGS && r->known >> reg & 1)
        *v = r->v[reg];
    else
        return false;
    return true;
}

static bool load_caller_value(const struct registers *r, struct span *span, const struct cfi_loc *l, uintptr_t cfa, uintptr_t *v)
{
    if (!get_register(r, l->reg, cfa, v))
        return false;
    *v += (uintptr_t)(intptr_t)l->off;
    return l->how == CFI_IS || stack_load(span, *v, v);
}

static bool cfa_of(const struct registers *r, struct span *span, const struct cfi_value *c, uintptr_t *cfa)
{
    if (c->odd || !get_register(r, c->reg, 0, cfa))
        return false;
    if (c->deref && !stack_load(span, *cfa + (uintptr_t)(intptr_t)c->off, cfa))
        return false;
    *cfa += (uintptr_t)(intptr_t)c->add;
    return true;
}

/* Steps one frame outwards by its whole row. */
static bool row_step(struct registers *r, struct span *span, const struct cfi_row *row, bool *end)
{
    struct registers to = {.exact = row->signal};
    uintptr_t cfa;

    if (row->reg[row->ra].how == CFI_UNDEFINED)
        return *end = true;
    if (!cfa_of(r, span, &row->cfa, &cfa) || cfa % 8)
        return false;
    /*
     * Where the rules do not say that sp is the CFA (signal frames, setcontext), another stack
     * follows. After a function's last pop the CFA is where sp already is.
     */
    if (row->reg[ARCH_SP].how == CFI_SAME && cfa < r->v[ARCH_SP])
        return false;
    for (unsigned i = 0; i < CFI_REGS; i++) {
        const struct cfi_loc *l = &row->reg[i];
        bool ok = l->how == CFI_SAME ? i != ARCH_PC && (r->known >> i & 1)
                                     : (l->how == CFI_SAVED || l->how == CFI_IS) && load_caller_value(r, span, l, cfa, &to.v[i]);
        if (l->how == CFI_SAME)
            to.v[i] = r->v[i];
        if (i == ARCH_SP && l->how == CFI_SAME)
            to.v[i] = cfa, ok = true;
        to.known |= (uint32_t)ok << i;
    }
    uint32_t both = 1u << ARCH_SP | 1u << ARCH_PC;
    bool moved = to.v[ARCH_PC] != r->v[ARCH_PC] || to.v[ARCH_SP] != r->v[ARCH_SP];
    *r = to;
    return (to.known & both) == both && to.v[ARCH_SP] % 8 == 0 && moved;
}

/* Steps over code without tables as the walk does. Afterwards no other register is known. */
static bool unknown_step(struct registers *r, struct walk *scratch)
{
    scratch->at = (struct arch_frame){.pc = r->v[ARCH_PC], .sp = r->v[ARCH_SP], .fp = r->v[ARCH_FP]};
    scratch->exact = r->exact;
    if (!(r->known >> ARCH_FP & 1) || !step_unknown(scratch))
        return false;
    r->v[ARCH_PC] = scratch->at.pc;
    r->v[ARCH_SP] = scratch->at.sp;
    r->v[ARCH_FP] = scratch->at.fp;
    r->known = 1u << ARCH_PC | 1u << ARCH_SP | 1u << ARCH_FP;
    r->exact = scratch->exact;
    return true;
}

__attribute__((noinline)) bool step_odd(struct walk *w, bool *end)
{
    struct registers r = {.known = (1u << CFI_REGS) - 1, .exact = true};
    struct walk scratch = {.n = 0};

    arch_registers(r.v);
    scratch.span = stack_span(r.v[ARCH_SP]);
    for (unsigned steps = 0; steps < ODD_STEPS; steps++) {
        struct cfi_row row;
        bool there = r.v[ARCH_PC] == w->at.pc && r.v[ARCH_SP] == w->at.sp && r.exact == w->exact;
        int called;
        enum cfi_result found = rule_row(r.v[ARCH_PC] + r.exact, r.exact, &called, &row);
        if (found == CFI_BAD || !(found == CFI_OK ? row_step(&r, &scratch.span, &row, end) : unknown_step(&r, &scratch)))
            return false;
        if (there) {
            w->at = (struct arch_frame){.pc = r.v[ARCH_PC], .sp = r.v[ARCH_SP], .fp = r.v[ARCH_FP]};
            w->exact = r.exact;
            w->span = scratch.span;
            return true;
        }
        if (*end)
            break;
    }
    *end = false;
    return false;
}
