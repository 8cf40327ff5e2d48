/* SPDX-License-Identifier: MIT */
/*
 * native_walk.c: the stack of C, C++ or Rust code from its stack pointer and program counter alone.
 */
#include "native_walk.h"

#include "unwind_frame.h"

#define BUDGET 2000u

static bool is_one_of(const char *name, const char *const *names)
{
    for (; name && *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/*
 * Functions that nobody has called, where no unwind table says so: the kernel's first one, and
 * those of the C library that only an assembler function, or a jump, leads to.
 */
static bool is_first(struct object *o, uint64_t pc, bool has_table)
{
    static const char *const any[] = {"_start", "_start_c", "clone", "__clone", "clone3", "__clone3", NULL};
    static const char *const musl[] = {"libc_start_main_stage2", "__libc_start_main", NULL};
    const char *name = image_symbol_name(&o->image, pc);
    return is_one_of(name, any) || (!has_table && is_one_of(name, musl));
}

static bool is_go(struct object *o, uint64_t pc)
{
    struct go_function f;
    return o->go.address && go_function_at(&o->go.tables, pc, &f);
}

static enum native_end walk_from(struct native_walk *w, const struct frame *from)
{
    struct frame f = *from, caller;
    while (w->budget && w->n < STATE_MAX_FRAMES) {
        w->budget--;
        struct object *o = objects_at(w->view.objects, f.pc - !f.is_exact);
        if (!o)
            return NATIVE_PREFIX;
        if (w->n && is_go(o, f.pc - !f.is_exact)) {
            w->go_pc = f.pc;
            w->go_sp = f.value[REGISTER_SP];
            return NATIVE_GO;
        }
        w->places[w->n] = w->n ? f.value[REGISTER_SP] - 8 : 0;
        w->pcs[w->n++] = f.pc + f.is_exact; /* who looks an entry up takes one off */
        enum unwind_step step = unwind_frame(o, &w->view, &f, &caller);
        if (step == UNWIND_BOTTOM || (step != UNWIND_OK && is_first(o, f.pc - !f.is_exact, step != UNWIND_NO_TABLE)))
            return NATIVE_BOTTOM;
        if (step == UNWIND_UNKNOWN || step == UNWIND_NO_TABLE)
            return call_scan(w, o, &f, step == UNWIND_UNKNOWN);
        if (step != UNWIND_OK || caller.value[REGISTER_SP] <= f.value[REGISTER_SP])
            return NATIVE_PREFIX;
        if (!caller.pc)
            return NATIVE_BOTTOM;
        f = caller;
    }
    return NATIVE_PREFIX;
}

enum native_end native_walk(struct native_walk *w)
{
    const struct sample *s = w->view.sample;
    struct frame f = {.pc = s->pc, .known = 1u << REGISTER_SP};
    f.value[REGISTER_SP] = s->sp;
    w->go_on = walk_from;
    w->n = 0;
    w->budget = BUDGET;
    return walk_from(w, &f);
}
