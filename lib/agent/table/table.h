/* SPDX-License-Identifier: MIT */
/*
 * table.h: the live table: a shared mapping of the state file, its extents, and the slots by
 * descriptor number.
 *
 * Lock-free; every function but table_open* and table_forget may run in any thread and in signal
 * handlers. Memory is taken from the mapping page by page, and only after the kernel has allocated
 * it (sys_touch): on a full tmpfs a record is dropped and counted, and there is never a SIGBUS.
 */
#ifndef SOCKLEAK_AGENT_TABLE_H
#define SOCKLEAK_AGENT_TABLE_H

#include "../../core/state.h"

/*
 * The header of this process' table; NULL: no table yet. For table/ alone: other folders call the
 * functions of header.h.
 */
extern struct state_header *table_head __attribute__((visibility("hidden")));
/*
 * The file system is full: some extents are in private memory, readers of the file do not see them.
 */
extern _Atomic bool table_overflowed;

/*
 * Creates the mapping: a new file NAME in the open directory DIR (O_EXCL, 0600). DIR < 0, or a file
 * that cannot be made: memory only, and *FILE_ERROR has the reason (-errno; 0 with a file). Returns
 * 0, or -1 when there is no memory either.
 */
int table_open(int dir, const char *name, int *file_error);
/* The same with a file alone: 0, or -errno and there is no table. */
int table_open_file(int dir, const char *name);
/*
 * Forgets the mapping without unmapping it, for a forked child: the parent's table stays readable
 * through OLD, also what the parent adds later. table_head becomes NULL.
 */
void table_forget(struct state_view *old);
/*
 * Counts the extents of OLD, of table_forget, that are there by now. Where the parent has some in
 * private memory, what lies behind the first of them is left out.
 */
void table_refresh(struct state_view *old);
struct state_view table_view(void);

/*
 * A zeroed record of UNITS * 64 bytes in an extent of TYPE; NULL when full (counted). Records never
 * cross an extent.
 */
void *table_alloc(enum state_extent_type type, unsigned units, state_ref *ref);
/*
 * COUNT extents of TYPE in a row, zeroed, with the parameters PARAMETER, PARAMETER + 1 ...; *FIRST
 * is for table_give_back, when another thread was quicker. NULL when full (not counted).
 */
void *table_take(enum state_extent_type type, uint32_t parameter, unsigned count, uint32_t *first);
void table_give_back(uint32_t first, unsigned count);
/*
 * The record at REF, which must be one of this table; NULL for 0. Inline, as what follows: each
 * event does it several times.
 */
static inline void *table_at(state_ref ref) { return ref ? (char *)table_head + (uint64_t)ref * STATE_REF_UNIT : NULL; }
/*
 * The first record of the NTH extent of TYPE, from 0 on; NULL when there is none. For types whose
 * records have numbers: modules and tags.
 */
void *table_nth(enum state_extent_type type, unsigned nth);

/*
 * The slot of FD: NULL when its extent was never allocated (slot_of) or cannot be (slot_make,
 * counted). FD < 0 gives NULL.
 */
struct state_slot *slot_of(int fd);
/* The same, inline. The chunks are table.c's: of the slots of descriptors below 2^20. */
#define SLOT_LOW_CHUNKS 16384u
extern _Atomic(struct state_slot *) slot_chunks[SLOT_LOW_CHUNKS] __attribute__((visibility("hidden")));
static inline struct state_slot *slot_find(int fd)
{
    if (__builtin_expect((unsigned)fd >= SLOT_LOW_CHUNKS * STATE_SLOTS_PER_EXTENT, 0))
        return slot_of(fd);
    struct state_slot *slots = atomic_load_explicit(&slot_chunks[(unsigned)fd / STATE_SLOTS_PER_EXTENT], memory_order_acquire);
    return slots ? &slots[(unsigned)fd % STATE_SLOTS_PER_EXTENT] : NULL;
}
/*
 * The flags of SLOT, or of a copy of it, with what came by other descriptors of the same socket:
 * shutdowns, EOF, errors.
 */
uint16_t slot_flags(const struct state_slot *slot);
struct state_slot *slot_make(int fd);
/*
 * The record of a failed call on FD: NULL when its extent was never allocated (attempt_of) or
 * cannot be (attempt_make; not counted: a report then lacks an address, no socket).
 */
struct state_attempt *attempt_of(int fd);
struct state_attempt *attempt_make(int fd);
/*
 * Iterates the descriptors of allocated extents from FD on (inclusive): the next with a slot whose
 * phase is not EMPTY, or -1.
 */
int slot_next(int fd);
int slot_highest(void); /* an upper bound of the descriptors that have a slot; -1 none */

/* Counts N events that were lost for the reason WHY. Without a table nothing is counted. */
static inline void table_dropped(enum state_drop why, uint64_t n)
{
    if (table_head && n)
        atomic_fetch_add_explicit(&table_head->dropped[why], n, memory_order_relaxed);
}
static inline void table_drop(enum state_drop why) { table_dropped(why, 1); }

#endif
