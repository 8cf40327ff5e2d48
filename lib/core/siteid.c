/* SPDX-License-Identifier: MIT */
/*
 * siteid.c: the name of a call site that is the same in every process and on every host.
 *
 * Called by the agent when it interns a new stack (any thread, signal handlers too), and by the
 * tests. What goes into the hash is fixed for good: users keep site names in tickets and
 * dashboards. Bytes are hashed in an order that does not depend on the machine.
 */
#include "siteid.h"

#include <string.h>

#include "hash.h"
#include "runtime_files.h"

uint64_t siteid_begin(void) { return HASH_START; }

uint64_t siteid_frame(uint64_t h, const struct state_module *m, uint64_t pc)
{
    if (!m)
        return hash_byte(h, 'J');
    if (m->build_id_len > 0 && m->build_id_len <= sizeof m->build_id) {
        h = hash_byte(h, 'B');
        h = hash_bytes(h, m->build_id, m->build_id_len);
    } else {
        size_t len = strnlen(m->path, sizeof m->path), start = len;
        while (start > 0 && m->path[start - 1] != '/')
            start--;
        h = hash_byte(h, 'N');
        h = hash_bytes(h, m->path + start, len - start);
        h = hash_byte(h, 0);
    }
    uint64_t offset = pc - m->bias;
    for (unsigned shift = 0; shift < 64; shift += 8)
        h = hash_byte(h, (unsigned char)(offset >> shift));
    return h;
}

static uint64_t add_function(uint64_t h, const struct state_frame_view *f)
{
    const char *file = runtime_files_stable(f->runtime, f->file);
    h = hash_byte(h, f->runtime);
    h = hash_bytes(h, f->function, strlen(f->function) + 1);
    return hash_bytes(h, file, strlen(file) + 1);
}

uint64_t siteid_runtime_call(uint64_t h, const struct state_frame_view *f) { return add_function(hash_byte(h, 'C'), f); }

uint64_t siteid_runtime_frame(uint64_t h, const struct state_frame_view *f)
{
    h = add_function(hash_byte(h, 'R'), f);
    for (unsigned shift = 0; shift < 32; shift += 8)
        h = hash_byte(h, (unsigned char)(f->frame->line >> shift));
    return h;
}

uint64_t siteid_end(uint64_t h)
{
    /*
     * FNV's high bits hardly depend on the last bytes, but people compare the first digits of what
     * is printed.
     */
    h ^= h >> 32;
    h = hash_spread(h);
    h ^= h >> 29;
    return h ? h : 1;
}
