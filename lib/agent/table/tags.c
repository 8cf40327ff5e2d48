/* SPDX-License-Identifier: MIT */
/*
 * tags.c: the names that threads give to their new sockets: records of 64 bytes in the state file,
 * never removed.
 *
 * Called by the program's threads, seldom (once a test), and not in signal handlers. New names are
 * entered under a lock: threads that give one name at the same time must get one number, and
 * extents of tags must be made one at a time, since their order is part of the number. Readers take
 * no lock.
 */
#include "tags.h"

#include <stdatomic.h>
#include <string.h>

#include "../base/sys.h"
#include "table.h"

#define NAME_SIZE 64u

/*
 * pid of the process whose thread holds the lock; 0: free. To a forked child its parent's pid means
 * free too: that thread does not exist there
 */
static atomic_long lock_owner;

static void lock_tags(void)
{
    for (long me = sys_getpid();; SYS0(SYS_sched_yield)) {
        long held = atomic_load(&lock_owner);
        if (held != me && atomic_compare_exchange_strong(&lock_owner, &held, me))
            return;
    }
}

static void unlock_tags(void) { atomic_store(&lock_owner, 0); }

/*
 * The number of the record that has NAME; 0: none. A record's first byte is written last: it is
 * complete when that is there.
 */
static uint32_t find_number(const char *name)
{
    const char *first;
    for (unsigned nth = 0; (first = table_nth(EXTENT_TAGS, nth)) != NULL; nth++)
        for (unsigned i = 0; i < STATE_TAGS_PER_EXTENT; i++) {
            const char *record = first + (size_t)i * NAME_SIZE;
            if (__atomic_load_n(record, __ATOMIC_ACQUIRE) && !strncmp(record, name, NAME_SIZE))
                return nth * STATE_TAGS_PER_EXTENT + i;
        }
    return 0;
}

static void enter_name(const char *name)
{
    state_ref ref;
    if (!table_nth(EXTENT_TAGS, 0))
        table_alloc(EXTENT_TAGS, 1, &ref); /* number 0 means none */
    char *record = table_alloc(EXTENT_TAGS, 1, &ref);
    if (!record)
        return;
    memcpy(record + 1, name + 1, NAME_SIZE - 1);
    __atomic_store_n(record, name[0], __ATOMIC_RELEASE);
}

uint16_t tags_number(const char *name)
{
    char copy[NAME_SIZE] = {0};
    strncpy(copy, name, NAME_SIZE - 1);
    uint32_t number = find_number(copy);
    if (!number) {
        lock_tags();
        number = find_number(copy);
        if (!number) {
            enter_name(copy);
            number = find_number(copy);
        }
        unlock_tags();
    }
    return number <= UINT16_MAX ? (uint16_t)number : 0;
}
