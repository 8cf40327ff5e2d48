/* SPDX-License-Identifier: MIT */
/*
 * header.h: reads and changes the header of the live table.
 *
 * Inline, because the gate reads it at every event. All but table_exists need a table.
 * Async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_HEADER_H
#define SOCKLEAK_AGENT_HEADER_H

#include "table.h"

static inline bool table_exists(void) { return table_head != NULL; }
static inline uint32_t table_pid(void) { return table_head->pid; }
static inline const char *table_exe(void) { return table_head->exe; }
static inline const char *table_host(void) { return table_head->host; }
static inline uint64_t table_start_ticks(void) { return table_head->start_ticks; }

/* Recording, not dormant. The command may flip it at any time, so it is read once an event. */
static inline bool table_is_enabled(void) { return atomic_load_explicit(&table_head->enabled, memory_order_relaxed); }
static inline void table_set_enabled(bool enabled) { atomic_store(&table_head->enabled, enabled); }
static inline bool table_is_attached(void) { return atomic_load(&table_head->attached); }
static inline void table_set_attached(bool attached) { atomic_store(&table_head->attached, attached); }

static inline unsigned table_kinds(void) { return atomic_load(&table_head->kinds); }
static inline uint64_t table_grace_ns(void) { return atomic_load(&table_head->grace_ns); }
/* 0: no watcher */
static inline uint64_t table_interval_ns(void) { return atomic_load(&table_head->interval_ns); }

/* Complete checks since the table was made, and when the last one began; 0: none. */
static inline uint64_t table_looks(void) { return atomic_load(&table_head->looks); }
static inline uint64_t table_last_look_ns(void) { return atomic_load(&table_head->last_look_ns); }
static inline void table_count_look(uint64_t began_ns)
{
    atomic_store(&table_head->last_look_ns, began_ns);
    atomic_fetch_add(&table_head->looks, 1);
}
/* The period that the watcher keeps to instead of the interval, in ms; 0: the interval. */
static inline uint32_t table_stretched_ms(void) { return atomic_load(&table_head->stretched); }
static inline void table_set_stretched_ms(uint32_t ms) { atomic_store(&table_head->stretched, ms); }

static inline void table_set_end(enum state_end end) { atomic_store(&table_head->end, end); }
static inline void table_set_exit_status(int status) { atomic_store(&table_head->exit_status, (uint32_t)status); }
/* The sockets that this process got from FROM, which forked it, are in the table. */
static inline void table_set_inherited(uint32_t from) { atomic_store(&table_head->inherited_from, from); }
static inline uint32_t table_watcher_tid(void) { return atomic_load(&table_head->watcher_tid); }
static inline void table_set_watcher(uint32_t tid) { atomic_store(&table_head->watcher_tid, tid); }

/* Limits as last read; 0: unknown. PORT_RANGE: low << 16 | high. */
static inline uint32_t table_nofile_limit(void) { return atomic_load(&table_head->nofile_limit); }
static inline void table_set_nofile_limit(uint32_t limit) { atomic_store(&table_head->nofile_limit, limit); }
static inline uint64_t table_port_range(void) { return atomic_load(&table_head->port_range); }
static inline void table_set_port_range(uint64_t range) { atomic_store(&table_head->port_range, range); }

/*
 * What was opened until now may be read, or have been read, where no wrapper sees it. Monotonic: a
 * later moment holds for all that was opened before.
 */
static inline uint64_t table_unwatched_ns(void) { return atomic_load(&table_head->unwatched_ns); }
static inline void table_set_unwatched(uint64_t now_ns)
{
    uint64_t before = table_unwatched_ns();
    while (before < now_ns && !atomic_compare_exchange_weak(&table_head->unwatched_ns, &before, now_ns))
        ;
}

/* Sockets without a stack; the others are counted at their sites. */
static inline void table_count_opened(void) { atomic_fetch_add_explicit(&table_head->sockets_opened, 1, memory_order_relaxed); }
static inline void table_count_closed(uint64_t by) { atomic_fetch_add_explicit(&table_head->sockets_closed, by, memory_order_relaxed); }

/* How much was lost for that reason so far. */
static inline uint64_t table_drops(enum state_drop why) { return atomic_load(&table_head->dropped[why]); }

/* The futex words: see watch/wake.h. */
static inline _Atomic uint32_t *table_enabled_word(void) { return &table_head->enabled; }
static inline _Atomic uint32_t *table_request_word(void) { return &table_head->request; }
static inline _Atomic uint32_t *table_answered_word(void) { return &table_head->answered; }

#endif
