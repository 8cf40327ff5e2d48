/* SPDX-License-Identifier: MIT */
/*
 * site_name.c: the name of a stack, and the modules of its frames.
 *
 * Called by sites.c when a stack is new. In a stack with frames of a runtime the interpreter's
 * native frames and the C library's do not count: which of its functions an interpreter uses for one
 * and the same call differs between runs, and its build between hosts.
 */
#include "site_name.h"

#include "../../core/own_frames.h"
#include "../../core/siteid.h"
#include "../runtimes/runtimes.h"
#include "../table/table.h"
#include "modules.h"

static bool has_runtime_frames(const uint64_t *pcs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (state_is_frame(pcs[i]))
            return true;
    return false;
}

uint64_t site_name(const uint64_t *pcs, uint16_t *modules, unsigned n)
{
    struct state_view view = table_view();
    bool mixed = has_runtime_frames(pcs, n);
    uint64_t id = siteid_begin();
    for (unsigned i = 0; i < n; i++) {
        struct state_frame_view f;
        unsigned number = state_is_frame(pcs[i]) ? STATE_NO_MODULE : modules_of(pcs[i] - 1);
        const struct state_module *m = number == STATE_NO_MODULE ? NULL : modules_at(number);
        modules[i] = (uint16_t)number;
        if (number == STATE_NO_MODULE && !state_is_frame(pcs[i]))
            runtimes_meet_generated();
        if (mixed && state_frame_at(&view, pcs[i], &f))
            id = siteid_runtime_frame(id, &f);
        else if (!mixed || !m || !(m->interpreter || own_frames_is_inner_object(m->path)))
            id = siteid_frame(id, m, pcs[i]);
    }
    return siteid_end(id);
}
