/* SPDX-License-Identifier: MIT */
/*
 * unwind_frame.c: one step up a stack by the unwind tables of an object.
 */
#include "unwind_frame.h"

#include <stdlib.h>

#include "unwind_expression.h"
#include "unwind_tables.h"

/* What the caller had in register R: known, stored somewhere, or lost. */
static enum unwind_step restore(const struct stack_view *v, Dwarf_Frame *rules, const struct frame *f, uint64_t cfa, unsigned r,
                                struct frame *caller)
{
    Dwarf_Op own[3], *ops = NULL;
    size_t n = 0;
    bool is_value = false;
    uint64_t value = 0;
    if (dwarf_frame_register(rules, (int)r, own, &ops, &n) != 0)
        return UNWIND_CUT;
    if (!n) {
        if (ops) /* undefined */
            return UNWIND_BOTTOM;
        caller->known |= f->known & 1u << r;
        caller->stored |= f->stored & 1u << r;
        caller->value[r] = f->value[r];
        return UNWIND_OK;
    }
    enum unwind_step step = unwind_expression(v, f, &cfa, ops, n, &value, &is_value);
    if (step != UNWIND_OK)
        return step;
    *(is_value ? &caller->known : &caller->stored) |= 1u << r;
    caller->value[r] = value;
    return UNWIND_OK;
}

static enum unwind_step follow(const struct stack_view *v, Dwarf_Frame *rules, const struct frame *f, struct frame *caller)
{
    static const unsigned kept[] = {3, REGISTER_BP, 12, 13, 14, 15};
    Dwarf_Op *ops;
    size_t n;
    uint64_t cfa;
    bool is_signal = false;
    int back = dwarf_frame_info(rules, NULL, NULL, &is_signal);
    if (back != (int)REGISTER_PC || dwarf_frame_cfa(rules, &ops, &n) != 0 || !n)
        return UNWIND_CUT;
    enum unwind_step step = unwind_expression(v, f, NULL, ops, n, &cfa, NULL);
    if (step != UNWIND_OK)
        return step;
    *caller = (struct frame){.is_exact = is_signal};
    step = restore(v, rules, f, cfa, REGISTER_PC, caller);
    if (step != UNWIND_OK)
        return step;
    step = unwind_register(v, caller, REGISTER_PC, &caller->pc);
    if (step != UNWIND_OK)
        return step == UNWIND_UNKNOWN ? UNWIND_CUT : step;
    caller->known &= ~(1u << REGISTER_PC);
    caller->stored &= ~(1u << REGISTER_PC);
    for (unsigned k = 0; k < sizeof kept / sizeof *kept; k++)
        restore(v, rules, f, cfa, kept[k], caller); /* what is lost is not known, and may not be needed */
    if (is_signal) {                                /* the interrupted stack may be another one */
        restore(v, rules, f, cfa, REGISTER_SP, caller);
        if (unwind_register(v, caller, REGISTER_SP, &cfa) != UNWIND_OK)
            return UNWIND_CUT;
    }
    caller->value[REGISTER_SP] = cfa;
    caller->known |= 1u << REGISTER_SP;
    caller->stored &= ~(1u << REGISTER_SP);
    return UNWIND_OK;
}

enum unwind_step unwind_frame(struct object *o, const struct stack_view *v, const struct frame *f, struct frame *caller)
{
    if (!o->unwind)
        o->unwind = unwind_tables_open(&o->image);
    Dwarf_Frame *rules = o->unwind ? unwind_tables_at(o->unwind, f->pc - !f->is_exact) : NULL;
    if (!rules)
        return UNWIND_NO_TABLE;
    enum unwind_step step = follow(v, rules, f, caller);
    free(rules);
    return step;
}
