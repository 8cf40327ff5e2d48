/* SPDX-License-Identifier: MIT */
/*
 * site_name.c: the name of a stack, and the modules of its frames.
 *
 * Called by sites.c when a stack is new. In a stack with frames of a runtime the interpreter's
 * native frames and the C library's do not count: which of its functions an interpreter uses for one
 * and the same call differs between runs, and its build between hosts.
 *
 * So it is with node's own modules where the program's functions end: one function that waited goes
 * on under other ones each time, by what it has waited for; and what the program calls takes other
 * ways to the system call, of which the first function alone counts. In a stack without a function
 * of the program they are all that there is.
 */
#include "site_name.h"

#include "../../core/own_frames.h"
#include "../../core/runtime_files.h"
#include "../../core/siteid.h"
#include "../runtimes/runtimes.h"
#include "../table/table.h"
#include "modules.h"

struct named {
    struct state_view view;
    const uint64_t *pcs;
    const uint16_t *modules;
    unsigned n;
};

static const struct state_module *module_of(const struct named *s, unsigned i)
{
    return s->modules[i] == STATE_NO_MODULE ? NULL : modules_at(s->modules[i]);
}

static bool has_runtime_frames(const struct named *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (state_is_frame(s->pcs[i]))
            return true;
    return false;
}

/* The native frames that do not count. */
static bool is_inner(const struct state_module *m) { return m && (m->interpreter || own_frames_is_inner_object(m->path)); }

static bool is_of_node(const struct named *s, unsigned i)
{
    struct state_frame_view f;
    return state_frame_at(&s->view, s->pcs[i], &f) && f.runtime == RUNTIME_JAVASCRIPT &&
           runtime_files_code(f.runtime, f.file, f.function) == RUNTIME_CODE_LIBRARY;
}

/* Reports do not show such frames in front of the program's and behind them. */
static bool is_hidden(const struct named *s, unsigned i)
{
    return state_is_frame(s->pcs[i]) ? is_of_node(s, i) : is_inner(module_of(s, i));
}

static bool has_functions_of_program(const struct named *s, unsigned begin, unsigned end)
{
    for (unsigned i = begin; i < end; i++)
        if (state_is_frame(s->pcs[i]) && !is_of_node(s, i))
            return true;
    return false;
}

/* Where the frames begin and end that count in full. All do where none of the program's is there. */
static void find_program(const struct named *s, unsigned *begin, unsigned *end)
{
    *begin = 0;
    *end = s->n;
    while (*begin < s->n && is_hidden(s, *begin))
        ++*begin;
    while (*end > *begin && is_hidden(s, *end - 1))
        --*end;
    if (!has_functions_of_program(s, *begin, *end)) {
        *begin = 0;
        *end = s->n;
    }
}

static uint64_t name_mixed(const struct named *s)
{
    unsigned begin, end;
    uint64_t id = siteid_begin();
    find_program(s, &begin, &end);
    struct state_frame_view f;
    unsigned called = begin;
    while (called && !state_is_frame(s->pcs[called - 1]))
        called--;
    if (called && state_frame_at(&s->view, s->pcs[called - 1], &f))
        id = siteid_runtime_call(id, &f);
    for (unsigned i = begin; i < end; i++)
        if (state_frame_at(&s->view, s->pcs[i], &f))
            id = siteid_runtime_frame(id, &f);
        else if (!is_inner(module_of(s, i)))
            id = siteid_frame(id, module_of(s, i), s->pcs[i]);
    return siteid_end(id);
}

static uint64_t name_native(const struct named *s)
{
    uint64_t id = siteid_begin();
    for (unsigned i = 0; i < s->n; i++)
        id = siteid_frame(id, module_of(s, i), s->pcs[i]);
    return siteid_end(id);
}

uint64_t site_name(const uint64_t *pcs, uint16_t *modules, unsigned n)
{
    struct named s = {.view = table_view(), .pcs = pcs, .modules = modules, .n = n};
    for (unsigned i = 0; i < n; i++) {
        modules[i] = (uint16_t)(state_is_frame(pcs[i]) ? STATE_NO_MODULE : modules_of(pcs[i] - 1));
        if (modules[i] == STATE_NO_MODULE && !state_is_frame(pcs[i]))
            runtimes_meet_generated();
    }
    return has_runtime_frames(&s) ? name_mixed(&s) : name_native(&s);
}
