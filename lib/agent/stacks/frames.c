/* SPDX-License-Identifier: MIT */
/*
 * frames.c: the frames of language runtimes as records of the state file.
 *
 * Called in the program's threads for stacks that are new. Two tables, both lock-free: from a
 * frame's words to its record, which may forget; and from a name to its record, so that equal names
 * have one.
 */
#include "frames.h"

#include <stdatomic.h>
#include <string.h>

#include "../../core/hash.h"
#include "../base/sys.h"
#include "../table/table.h"
#include "known.h"

#define HEADS 16384u          /* of names */
#define RECORDS 8192u         /* a program that makes code for ever must not fill the file system */
#define HIDDEN_REF UINT32_MAX /* in known: a frame that is not shown */

static struct known known[KNOWN_ENTRIES] LARGE_TABLE; /* frames whose record is known by their words */
static _Atomic state_ref heads[HEADS] LARGE_TABLE;
static _Atomic uint32_t n_records;
static _Atomic uint64_t generation; /* of the table: it is part of each key */

void frames_reset(void)
{
    atomic_fetch_add(&generation, 1);
    if (atomic_exchange(&n_records, 0))
        for (unsigned i = 0; i < HEADS; i++)
            atomic_store_explicit(&heads[i], 0, memory_order_relaxed);
}

static uint64_t key_of(uint64_t hash)
{
    uint64_t key = hash_spread(hash ^ atomic_load_explicit(&generation, memory_order_relaxed) << 32);
    key ^= key >> 32;
    return key ? key : 1;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_same(const struct state_frame *f, uint64_t hash, unsigned runtime, const struct runtime_name *name)
{
    const char *function = (const char *)(f + 1);
    return f->hash == hash && f->runtime == runtime && f->line == name->line && state_frame_column(f) == name->column &&
           f->flags == name->flags && strcmp(function, name->function) == 0 && strcmp(function + f->function_size, name->file) == 0;
}

static state_ref write_record(uint64_t hash, unsigned runtime, const struct runtime_name *name)
{
    size_t function = strlen(name->function) + 1, file = strlen(name->file) + 1;
    uint32_t size = STATE_FRAME_SIZE(function + file);
    state_ref ref;
    struct state_frame *f = table_alloc(EXTENT_FRAMES, size / STATE_REF_UNIT, &ref);
    if (!f)
        return 0;
    f->size = (uint16_t)size;
    f->format = STATE_FRAME_FORMAT;
    f->runtime = (uint8_t)runtime;
    f->line = name->line;
    f->column = name->column <= UINT16_MAX ? (uint16_t)name->column : 0;
    f->wide_column = f->column ? 0 : name->column;
    f->flags = name->flags;
    f->function_size = (uint16_t)function;
    f->file_size = (uint16_t)file;
    f->hash = hash;
    memcpy(f + 1, name->function, function);
    memcpy((char *)(f + 1) + function, name->file, file);
    atomic_store_explicit(&f->ready, 1, memory_order_release);
    return ref;
}

uint64_t frames_intern(unsigned runtime, const struct runtime_name *name)
{
    uint64_t hash =
        hash_bytes(hash_bytes(HASH_START ^ runtime, name->function, strlen(name->function) + 1), name->file, strlen(name->file) + 1);
    hash = hash_spread(hash ^ (uint64_t)name->line << 16 ^ name->column);
    unsigned at = (unsigned)(hash >> 40) % HEADS;
    for (unsigned probe = 0; probe < HEADS; probe++, at = (at + 1) % HEADS) {
        state_ref seen = atomic_load_explicit(&heads[at], memory_order_acquire);
        if (!seen) {
            if (atomic_load(&n_records) >= RECORDS)
                break;
            atomic_fetch_add(&n_records, 1);
            state_ref ref = write_record(hash, runtime, name);
            if (!ref || atomic_compare_exchange_strong(&heads[at], &seen, ref)) {
                if (!ref)
                    table_drop(DROP_SITE_FULL);
                return STATE_FRAME_BIT | ref;
            }
            /* another thread took the place meanwhile: its record may be of this name */
        }
        if (is_same(table_at(seen), hash, runtime, name))
            return STATE_FRAME_BIT | seen;
    }
    return STATE_FRAME_BIT;
}

uint64_t frames_of(const struct runtime *runtime, const struct runtime_frame *f)
{
    struct runtime_name name;
    uint64_t key = key_of(f->hash);
    uint32_t ref;
    bool hidden = false;
    if (known_recall(known, key, &ref))
        return ref == HIDDEN_REF ? 0 : STATE_FRAME_BIT | ref;
    if (!runtime->name(f, &name, &hidden))
        return FRAMES_UNREADABLE;
    uint64_t pc = hidden ? 0 : frames_intern(runtime->number, &name);
    if (hidden || (uint32_t)pc)
        known_remember(known, key, hidden ? HIDDEN_REF : (uint32_t)pc);
    return pc;
}

uint64_t frames_import(const struct state_view *old, uint64_t pc)
{
    struct state_frame_view v;
    struct runtime_name name = {.line = 0};
    if (!state_is_frame(pc))
        return pc;
    if (!state_frame_at(old, pc, &v))
        return STATE_FRAME_BIT;
    state_string(name.function, sizeof name.function, v.function, v.function_size);
    state_string(name.file, sizeof name.file, v.file, v.file_size);
    name.line = v.frame->line;
    name.column = state_frame_column(v.frame);
    name.flags = v.frame->flags;
    return frames_intern(v.runtime, &name);
}
